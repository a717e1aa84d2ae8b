// What Swift sees of this target: the parameter blocks, the embedded texts of the kernel
// sources, and the host compilation of the portable ones.

#ifndef MACLAURIN_KERNELS_H
#define MACLAURIN_KERNELS_H

#include "parameters.h"
#include "contraction_host.h"

/// One embedded source. `text` is not terminated.
typedef struct {
  const char *name;
  const char *text;
  unsigned long length;
} MaclaurinSource;

/// Kernel source number `index`; past the last one its name is null.
MaclaurinSource maclaurin_source(int index);

/// The host form of a portable kernel function: does items `range.begin ..< range.end`.
typedef void (*MaclaurinHostFunction)(const LaunchRange *range, const void *parameters,
                                      void *const *buffers);

/// The host compilation of a portable kernel function, or null.
MaclaurinHostFunction maclaurin_host_function(const char *name, int isDouble);

/// Philox4x32-10, the host compilation of the generator in philox.cl: four words of the
/// stream (seed, purpose, tensor) at position `block`.
void maclaurin_philox(unsigned long seed, unsigned int purpose, unsigned int tensor,
                      unsigned long block, unsigned int words[4]);

#endif
