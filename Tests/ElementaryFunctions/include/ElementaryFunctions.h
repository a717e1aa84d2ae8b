// The elementary functions of the kernels, compiled for the host, for tests.

#ifndef ELEMENTARY_FUNCTIONS_H
#define ELEMENTARY_FUNCTIONS_H

/// y[i] = f(x[i]), f by the numbers in elementary.c.
void elementary_apply(int function, const float *x, float *y, long count);

/// angle[i] = atan2(y[i], x[i])
void elementary_atan2(const float *y, const float *x, float *angle, long count);

/// The same in double precision.
void elementary_atan2_double(const double *y, const double *x, double *angle, long count);

#endif
