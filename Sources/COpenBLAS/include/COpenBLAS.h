// OpenBLAS, loaded at run time, so that a program that never needs it starts without it.

#ifndef MACLAURIN_COPENBLAS_H
#define MACLAURIN_COPENBLAS_H

#include <stddef.h>

#if __has_include(<cblas.h>)
#include <cblas.h>
#else
// The part of cblas.h that is used here, for building where OpenBLAS is not installed.
typedef enum CBLAS_ORDER { CblasRowMajor = 101, CblasColMajor = 102 } CBLAS_ORDER;
typedef enum CBLAS_TRANSPOSE { CblasNoTrans = 111, CblasTrans = 112 } CBLAS_TRANSPOSE;
typedef int blasint;
#endif

/// The functions in use. Those of LAPACK are Fortran's: column-major, everything by reference, and
/// after the arguments the length of each string (1).
typedef struct {
  void (*sgemm)(CBLAS_ORDER order, CBLAS_TRANSPOSE transposeA, CBLAS_TRANSPOSE transposeB,
                blasint m, blasint n, blasint k, float alpha, const float *a, blasint aStride,
                const float *b, blasint bStride, float beta, float *c, blasint cStride);
  void (*dgemm)(CBLAS_ORDER order, CBLAS_TRANSPOSE transposeA, CBLAS_TRANSPOSE transposeB,
                blasint m, blasint n, blasint k, double alpha, const double *a, blasint aStride,
                const double *b, blasint bStride, double beta, double *c, blasint cStride);
  void (*setThreads)(int threads);
  char *(*configuration)(void);
  /// Cholesky factorization A = L Lᵀ or Uᵀ U.
  void (*dpotrf)(const char *uplo, const blasint *n, double *a, const blasint *aStride,
                 blasint *info, size_t uploLength);
  /// Solves A X = B with a factor from dpotrf.
  void (*dpotrs)(const char *uplo, const blasint *n, const blasint *columns, const double *a,
                 const blasint *aStride, double *b, const blasint *bStride, blasint *info,
                 size_t uploLength);
  /// Solves T X = B or Tᵀ X = B with a triangular T.
  void (*dtrtrs)(const char *uplo, const char *transpose, const char *diagonal, const blasint *n,
                 const blasint *columns, const double *a, const blasint *aStride, double *b,
                 const blasint *bStride, blasint *info, size_t uploLength, size_t transposeLength,
                 size_t diagonalLength);
  /// Eigenvalues (ascending) and, with jobz "V", eigenvectors of a symmetric matrix.
  void (*dsyevd)(const char *jobz, const char *uplo, const blasint *n, double *a,
                 const blasint *aStride, double *values, double *work, const blasint *workCount,
                 blasint *integerWork, const blasint *integerWorkCount, blasint *info,
                 size_t jobzLength, size_t uploLength);
  /// A = Q T Qᵀ with a tridiagonal T and, for uplo "L", Q e_1 = e_1.
  void (*dsytrd)(const char *uplo, const blasint *n, double *a, const blasint *aStride,
                 double *diagonal, double *offDiagonal, double *tau, double *work,
                 const blasint *workCount, blasint *info, size_t uploLength);
} OpenBLASFunctions;

/// Loads OpenBLAS on the first call. Null if that fails; `*message` then says why, in one sentence.
/// Sets OPENBLAS_THREAD_TIMEOUT in the environment, unless it is set: OpenBLAS's idle threads would
/// spin for a tenth of a second after every call and take the processor from ours.
const OpenBLASFunctions *openblas_functions(const char **message);

#endif
