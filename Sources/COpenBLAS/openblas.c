#include "COpenBLAS.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const libraries[] = {"libopenblas.so.0", "libopenblas.so"};
enum { libraryCount = sizeof libraries / sizeof *libraries };

/// Where each function is stored, and its name in the library.
static OpenBLASFunctions functions;
static const struct {
  void **function;
  const char *name;
} symbols[] = {
  {(void **)&functions.sgemm, "cblas_sgemm"},
  {(void **)&functions.dgemm, "cblas_dgemm"},
  {(void **)&functions.setThreads, "openblas_set_num_threads"},
  {(void **)&functions.configuration, "openblas_get_config"},
  {(void **)&functions.dpotrf, "dpotrf_"},
  {(void **)&functions.dpotrs, "dpotrs_"},
  {(void **)&functions.dtrtrs, "dtrtrs_"},
  {(void **)&functions.dsyevd, "dsyevd_"},
  {(void **)&functions.dsytrd, "dsytrd_"},
};
enum { symbolCount = sizeof symbols / sizeof *symbols };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char failure[512];

static void load(void) {
  setenv("OPENBLAS_THREAD_TIMEOUT", "4", 0);
  void *library = NULL;
  for (int i = 0; i < libraryCount && !library; ++i) {
    library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
    // The first name is the one that a user should install.
    const char *reason = library ? NULL : dlerror();
    if (reason && i == 0)
      snprintf(failure, sizeof failure, "OpenBLAS could not be loaded (%s)", reason);
  }
  if (!library) return;
  failure[0] = 0;
  for (int i = 0; i < symbolCount; ++i) {
    *symbols[i].function = dlsym(library, symbols[i].name);
    if (!*symbols[i].function) {
      snprintf(failure, sizeof failure, "the OpenBLAS library has no function %s", symbols[i].name);
      return;
    }
  }
}

const OpenBLASFunctions *openblas_functions(const char **message) {
  pthread_once(&once, load);
  if (!failure[0]) return &functions;
  if (message) *message = failure;
  return NULL;
}
