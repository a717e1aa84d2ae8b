#include "ElementaryFunctions.h"

#include "../../Kernels/dialect.cl"
#include "../../Kernels/functions.cl"

#define APPLY(number, function)                                    \
  case number:                                                     \
    for (long i = 0; i < count; ++i) y[i] = real_##function(x[i]); \
    break;

KERNEL_ATTRIBUTES
void elementary_apply(int function, const float *x, float *y, long count) {
  switch (function) {
    APPLY(0, exp)
    APPLY(1, expm1)
    APPLY(2, log)
    APPLY(3, log1p)
    APPLY(4, tanh)
    APPLY(5, erf)
    APPLY(6, erfc)
    APPLY(7, sin)
    APPLY(8, cos)
    APPLY(9, sigmoid)
    APPLY(10, softplus)
  }
}

KERNEL_ATTRIBUTES
void elementary_atan2(const float *y, const float *x, float *angle, long count) {
  for (long i = 0; i < count; ++i) angle[i] = real_atan2(y[i], x[i]);
}
