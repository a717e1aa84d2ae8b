#include "ElementaryFunctions.h"

#define REAL_IS_DOUBLE
#include "../../Kernels/dialect.cl"
#include "../../Kernels/functions.cl"

KERNEL_ATTRIBUTES
void elementary_atan2_double(const double *y, const double *x, double *angle, long count) {
  for (long i = 0; i < count; ++i) angle[i] = real_atan2(y[i], x[i]);
}
