// The dialect that is both OpenCL C and C. Every portable kernel function is written once in
// it; the device's compiler builds it from its text, clang builds it for the host.
//
//   real           float, or double when REAL_IS_DOUBLE is defined
//   R(x)           a real literal: R(0.5)
//   REAL(bits)     a real scalar from a parameter block
//   FUNCTION       a helper function
//   KERNELn(name, Parameters, T0, a0, …)   a kernel function with n buffers; inside, `range`
//                  and `p` are the launch range and the parameter block. Buffers of one launch
//                  never overlap (they are restrict): an in-place kernel names its buffer once.
//   FOR_EACH_ITEM(i)           1-D: i in 0 ..< items
//   FOR_EACH_CELL(row, column) 2-D, one element at a time
//   FOR_EACH_STRIP(row, column, lanes)     2-D, LANES columns at a time (1 on a device), for
//                  kernels with per-element arrays `real x[N][LANES]`; FOR_LANES(l) runs over
//                  all LANES (constant, so that it vectorises); load_strip and store_strip
//                  touch `lanes` of them.
//
// No arithmetic is contracted: a fused multiply-add is written fma(a, b, c).

#ifdef __OPENCL_VERSION__

#pragma OPENCL FP_CONTRACT OFF
#ifdef REAL_IS_DOUBLE
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif
#define GLOBAL __global
#define CONSTANT __constant
#define FUNCTION static inline
#define LANES 1
#define KERNEL_ATTRIBUTES
#define FOR_EACH_ITEM(i) const long i = get_global_id(0); if (i < range.items)
#define FOR_EACH_CELL(row, column) \
  const long column = get_global_id(0), row = get_global_id(1); \
  if (row < range.items && column < range.columns)
#define FOR_EACH_STRIP(row, column, lanes) \
  const int lanes = 1; FOR_EACH_CELL(row, column)

#else

#pragma STDC FP_CONTRACT OFF
typedef unsigned int uint;
typedef unsigned long ulong;
#define GLOBAL
#define CONSTANT static const
#define FUNCTION static inline __attribute__((always_inline, unused))
#ifndef LANES
#define LANES 64
#endif
#if defined(__x86_64__) && defined(LONG_SERIES)
// Rare, and large: not in the widest vectors.
#define KERNEL_ATTRIBUTES __attribute__((target_clones("arch=x86-64-v3", "default")))
#elif defined(__x86_64__)
#define KERNEL_ATTRIBUTES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define KERNEL_ATTRIBUTES
#endif
#define FOR_EACH_ITEM(i) for (long i = range.begin; i < range.end; ++i)
#define FOR_EACH_CELL(row, column) \
  for (long row = range.begin; row < range.end; ++row) \
    for (long column = 0; column < range.columns; ++column)
#define FOR_EACH_STRIP(row, column, lanes) \
  for (long row = range.begin; row < range.end; ++row) \
    for (long column = range.firstColumn, \
              lanes = range.columns - column < LANES ? range.columns - column : LANES; \
         column < range.columns; \
         column += LANES, lanes = range.columns - column < LANES ? range.columns - column : LANES)

// clang turns each of these into one instruction, or into the C library's exact fallback.
#define fma(a, b, c) __builtin_elementwise_fma(a, b, c)
#define fabs(x) __builtin_elementwise_abs(x)
#define sqrt(x) __builtin_elementwise_sqrt(x)
FUNCTION int as_int(float x) { return __builtin_bit_cast(int, x); }
FUNCTION uint as_uint(float x) { return __builtin_bit_cast(uint, x); }
FUNCTION float as_float(uint x) { return __builtin_bit_cast(float, x); }
FUNCTION double as_double(long x) { return __builtin_bit_cast(double, x); }
FUNCTION long as_long(double x) { return __builtin_bit_cast(long, x); }
FUNCTION uint mul_hi(uint a, uint b) { return (uint)(((ulong)a * (ulong)b) >> 32); }

#endif

#ifdef REAL_IS_DOUBLE
typedef double real;
#define R(x) x
#define REAL(bits) as_double(bits)
#else
typedef float real;
#define R(x) x##f
#define REAL(bits) as_float((uint)(bits))
#endif

#if defined(REAL_IS_DOUBLE) && !defined(__OPENCL_VERSION__)
// Vectors suffice: copies of whole loops for every processor make programs large.
#define FOR_LANES(l) _Pragma("clang loop unroll(disable)") for (int l = 0; l < LANES; ++l)
#else
#define FOR_LANES(l) for (int l = 0; l < LANES; ++l)
#endif

#define KERNEL_BODY(name) name##_body
#ifdef __OPENCL_VERSION__
#define KERNEL_NAME(name) __kernel void name
#else
#if defined(REAL_IS_DOUBLE) && defined(LONG_SERIES)
#define KERNEL_NAME(name) KERNEL_ATTRIBUTES void name##_long_float64
#elif defined(REAL_IS_DOUBLE)
#define KERNEL_NAME(name) KERNEL_ATTRIBUTES void name##_float64
#else
#define KERNEL_NAME(name) KERNEL_ATTRIBUTES void name##_float32
#endif
#endif

// KERNEL1 … KERNEL8, KERNEL11: the entry point, then the head of the body that the source goes on with.

#ifdef __OPENCL_VERSION__
#define KERNEL1(name, P, T0, a0) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0); \
  KERNEL_NAME(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0) { \
    KERNEL_BODY(name)(range, p, a0 + range.offset[0]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0)
#define KERNEL2(name, P, T0, a0, T1, a1) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1); \
  KERNEL_NAME(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1) { \
    KERNEL_BODY(name)(range, p, a0 + range.offset[0], a1 + range.offset[1]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1)
#define KERNEL3(name, P, T0, a0, T1, a1, T2, a2) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2); \
  KERNEL_NAME(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2) { \
    KERNEL_BODY(name)(range, p, a0 + range.offset[0], a1 + range.offset[1], a2 + range.offset[2]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2)
#define KERNEL4(name, P, T0, a0, T1, a1, T2, a2, T3, a3) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3); \
  KERNEL_NAME(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3) { \
    KERNEL_BODY(name)(range, p, a0 + range.offset[0], a1 + range.offset[1], a2 + range.offset[2], a3 + range.offset[3]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3)
#define KERNEL5(name, P, T0, a0, T1, a1, T2, a2, T3, a3, T4, a4) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4); \
  KERNEL_NAME(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4) { \
    KERNEL_BODY(name)(range, p, a0 + range.offset[0], a1 + range.offset[1], a2 + range.offset[2], a3 + range.offset[3], a4 + range.offset[4]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4)
#define KERNEL6(name, P, T0, a0, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5); \
  KERNEL_NAME(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5) { \
    KERNEL_BODY(name)(range, p, a0 + range.offset[0], a1 + range.offset[1], a2 + range.offset[2], a3 + range.offset[3], a4 + range.offset[4], a5 + range.offset[5]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5)
#define KERNEL7(name, P, T0, a0, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5, T6, a6) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6); \
  KERNEL_NAME(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6) { \
    KERNEL_BODY(name)(range, p, a0 + range.offset[0], a1 + range.offset[1], a2 + range.offset[2], a3 + range.offset[3], a4 + range.offset[4], a5 + range.offset[5], a6 + range.offset[6]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6)
#define KERNEL8(name, P, T0, a0, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5, T6, a6, T7, a7) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6, GLOBAL T7 *restrict a7); \
  KERNEL_NAME(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6, GLOBAL T7 *restrict a7) { \
    KERNEL_BODY(name)(range, p, a0 + range.offset[0], a1 + range.offset[1], a2 + range.offset[2], a3 + range.offset[3], a4 + range.offset[4], a5 + range.offset[5], a6 + range.offset[6], a7 + range.offset[7]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6, GLOBAL T7 *restrict a7)
#define KERNEL11(name, P, T0, a0, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5, T6, a6, T7, a7, T8, a8, T9, a9, T10, a10) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6, GLOBAL T7 *restrict a7, GLOBAL T8 *restrict a8, GLOBAL T9 *restrict a9, GLOBAL T10 *restrict a10); \
  KERNEL_NAME(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6, GLOBAL T7 *restrict a7, GLOBAL T8 *restrict a8, GLOBAL T9 *restrict a9, GLOBAL T10 *restrict a10) { \
    KERNEL_BODY(name)(range, p, a0 + range.offset[0], a1 + range.offset[1], a2 + range.offset[2], a3 + range.offset[3], a4 + range.offset[4], a5 + range.offset[5], a6 + range.offset[6], a7 + range.offset[7], a8 + range.offset[8], a9 + range.offset[9], a10 + range.offset[10]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6, GLOBAL T7 *restrict a7, GLOBAL T8 *restrict a8, GLOBAL T9 *restrict a9, GLOBAL T10 *restrict a10)
#else
#define KERNEL1(name, P, T0, a0) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0); \
  KERNEL_NAME(name)(const LaunchRange *range, const void *p, void *const *buffers) { \
    KERNEL_BODY(name)(*range, *(const P *)p, (T0 *)buffers[0]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0)
#define KERNEL2(name, P, T0, a0, T1, a1) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1); \
  KERNEL_NAME(name)(const LaunchRange *range, const void *p, void *const *buffers) { \
    KERNEL_BODY(name)(*range, *(const P *)p, (T0 *)buffers[0], (T1 *)buffers[1]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1)
#define KERNEL3(name, P, T0, a0, T1, a1, T2, a2) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2); \
  KERNEL_NAME(name)(const LaunchRange *range, const void *p, void *const *buffers) { \
    KERNEL_BODY(name)(*range, *(const P *)p, (T0 *)buffers[0], (T1 *)buffers[1], (T2 *)buffers[2]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2)
#define KERNEL4(name, P, T0, a0, T1, a1, T2, a2, T3, a3) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3); \
  KERNEL_NAME(name)(const LaunchRange *range, const void *p, void *const *buffers) { \
    KERNEL_BODY(name)(*range, *(const P *)p, (T0 *)buffers[0], (T1 *)buffers[1], (T2 *)buffers[2], (T3 *)buffers[3]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3)
#define KERNEL5(name, P, T0, a0, T1, a1, T2, a2, T3, a3, T4, a4) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4); \
  KERNEL_NAME(name)(const LaunchRange *range, const void *p, void *const *buffers) { \
    KERNEL_BODY(name)(*range, *(const P *)p, (T0 *)buffers[0], (T1 *)buffers[1], (T2 *)buffers[2], (T3 *)buffers[3], (T4 *)buffers[4]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4)
#define KERNEL6(name, P, T0, a0, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5); \
  KERNEL_NAME(name)(const LaunchRange *range, const void *p, void *const *buffers) { \
    KERNEL_BODY(name)(*range, *(const P *)p, (T0 *)buffers[0], (T1 *)buffers[1], (T2 *)buffers[2], (T3 *)buffers[3], (T4 *)buffers[4], (T5 *)buffers[5]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5)
#define KERNEL7(name, P, T0, a0, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5, T6, a6) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6); \
  KERNEL_NAME(name)(const LaunchRange *range, const void *p, void *const *buffers) { \
    KERNEL_BODY(name)(*range, *(const P *)p, (T0 *)buffers[0], (T1 *)buffers[1], (T2 *)buffers[2], (T3 *)buffers[3], (T4 *)buffers[4], (T5 *)buffers[5], (T6 *)buffers[6]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6)
#define KERNEL8(name, P, T0, a0, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5, T6, a6, T7, a7) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6, GLOBAL T7 *restrict a7); \
  KERNEL_NAME(name)(const LaunchRange *range, const void *p, void *const *buffers) { \
    KERNEL_BODY(name)(*range, *(const P *)p, (T0 *)buffers[0], (T1 *)buffers[1], (T2 *)buffers[2], (T3 *)buffers[3], (T4 *)buffers[4], (T5 *)buffers[5], (T6 *)buffers[6], (T7 *)buffers[7]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6, GLOBAL T7 *restrict a7)
#define KERNEL11(name, P, T0, a0, T1, a1, T2, a2, T3, a3, T4, a4, T5, a5, T6, a6, T7, a7, T8, a8, T9, a9, T10, a10) \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6, GLOBAL T7 *restrict a7, GLOBAL T8 *restrict a8, GLOBAL T9 *restrict a9, GLOBAL T10 *restrict a10); \
  KERNEL_NAME(name)(const LaunchRange *range, const void *p, void *const *buffers) { \
    KERNEL_BODY(name)(*range, *(const P *)p, (T0 *)buffers[0], (T1 *)buffers[1], (T2 *)buffers[2], (T3 *)buffers[3], (T4 *)buffers[4], (T5 *)buffers[5], (T6 *)buffers[6], (T7 *)buffers[7], (T8 *)buffers[8], (T9 *)buffers[9], (T10 *)buffers[10]); \
  } \
  FUNCTION void KERNEL_BODY(name)(const LaunchRange range, const P p, GLOBAL T0 *restrict a0, GLOBAL T1 *restrict a1, GLOBAL T2 *restrict a2, GLOBAL T3 *restrict a3, GLOBAL T4 *restrict a4, GLOBAL T5 *restrict a5, GLOBAL T6 *restrict a6, GLOBAL T7 *restrict a7, GLOBAL T8 *restrict a8, GLOBAL T9 *restrict a9, GLOBAL T10 *restrict a10)
#endif

FUNCTION void load_strip(real *x, GLOBAL const real *from, int lanes) {
#ifdef __OPENCL_VERSION__
  x[0] = from[0];
#else
  if (lanes == LANES) {
    FOR_LANES(l) x[l] = from[l];
  } else {
    FOR_LANES(l) x[l] = l < lanes ? from[l] : R(0.0);
  }
#endif
}

FUNCTION void store_strip(GLOBAL real *to, const real *x, int lanes) {
#ifdef __OPENCL_VERSION__
  to[0] = x[0];
#else
  if (lanes == LANES) {
    FOR_LANES(l) to[l] = x[l];
  } else {
    for (int l = 0; l < lanes; ++l) to[l] = x[l];
  }
#endif
}
