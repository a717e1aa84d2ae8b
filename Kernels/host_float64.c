// The portable kernels for the host, float64.

#define REAL_IS_DOUBLE
#include "portable.h"
