import COpenBLAS
import TestSupport

/// LAPACK's answers, as an oracle.
enum LAPACK {
  private static func functions() -> OpenBLASFunctions? { openblas_functions(nil)?.pointee }

  /// The eigenvalues of a symmetric matrix, [n, n], descending.
  static func eigenvalues(_ matrix: [Double], _ n: Int) -> [Double]? {
    guard let functions = functions() else { return nil }
    var (size, info) = (blasint(n), blasint(0))
    var (a, values) = (matrix, [Double](repeating: 0, count: n))
    var work = [Double](repeating: 0, count: 2 * n + 2)
    var integers = [blasint](repeating: 0, count: 2)
    var (count, integerCount) = (blasint(work.count), blasint(integers.count))
    functions.dsyevd(
      "N", "L", &size, &a, &size, &values, &work, &count, &integers, &integerCount, &info, 1, 1)
    return info == 0 ? values.reversed() : nil
  }

  /// x with Ax = b for a positive definite A, [n, n].
  static func solve(_ matrix: [Double], _ b: [Double]) -> [Double]? {
    guard let functions = functions() else { return nil }
    var (size, one, info) = (blasint(b.count), blasint(1), blasint(0))
    var (a, x) = (matrix, b)
    functions.dpotrf("L", &size, &a, &size, &info, 1)
    guard info == 0 else { return nil }
    functions.dpotrs("L", &size, &one, &a, &size, &x, &size, &info, 1)
    return info == 0 ? x : nil
  }
}
