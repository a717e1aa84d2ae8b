#define _GNU_SOURCE
#include "COpenCL.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const libraries[] = {"libOpenCL.so.1", "libOpenCL.so"};
enum { libraryCount = sizeof libraries / sizeof *libraries };

/// Where each function is stored, and its name in the library.
static OpenCLFunctions functions;
static const struct {
  void **function;
  const char *name;
} symbols[] = {
#define SYMBOL(name) {(void **)&functions.name, #name},
  OPENCL_FUNCTIONS(SYMBOL)
};
enum { symbolCount = sizeof symbols / sizeof *symbols };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char failure[512];

/// PoCL starts a thread per processor, which sleeps between launches; systems that pack what wakes
/// up on few processors run a whole series of short launches on one of them. With POCL_AFFINITY
/// each thread stays on its own, which is what PoCL calls by numbers from 0: only where this process
/// may use all of them, and where nobody has said how many threads there are to be.
static void prepare_pocl(void) {
  cpu_set_t allowed;
  const long count = sysconf(_SC_NPROCESSORS_CONF);
  if (getenv("POCL_MAX_PTHREAD_COUNT") || getenv("POCL_CPU_MAX_CU_COUNT") || count > CPU_SETSIZE
      || sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return;
  for (long i = 0; i < count; ++i)
    if (!CPU_ISSET(i, &allowed)) return;
  setenv("POCL_AFFINITY", "1", 0);
}

static void load(void) {
  prepare_pocl();
  void *library = NULL;
  for (int i = 0; i < libraryCount && !library; ++i) {
    library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
    // The first name is the one that a user should install.
    const char *reason = library ? NULL : dlerror();
    if (reason && i == 0)
      snprintf(failure, sizeof failure, "the OpenCL loader could not be loaded (%s)", reason);
  }
  if (!library) return;
  failure[0] = 0;
  for (int i = 0; i < symbolCount; ++i) {
    *symbols[i].function = dlsym(library, symbols[i].name);
    if (!*symbols[i].function) {
      snprintf(failure, sizeof failure, "the OpenCL loader has no function %s", symbols[i].name);
      return;
    }
  }
}

const OpenCLFunctions *opencl_functions(const char **message) {
  pthread_once(&once, load);
  if (!failure[0]) return &functions;
  if (message) *message = failure;
  return NULL;
}
