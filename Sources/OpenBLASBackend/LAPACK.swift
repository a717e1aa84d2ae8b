import COpenBLAS
import Compute

/// Factorizations of float64 matrices by LAPACK, as OpenBLAS has it. Not covered by the promise of
/// equal bits.
public struct LAPACK: Sendable {
  private let functions: OpenBLASFunctions

  /// - Throws: `BackendError` where OpenBLAS cannot be loaded.
  public init() throws {
    do {
      functions = try OpenBLASLibrary().functions
    } catch {
      throw BackendError("\(error); install libopenblas0, which factorizes matrices")
    }
  }

  /// Solves A X = B by Cholesky's factorization, A n×n symmetric positive definite, B n×columns, both
  /// column-major. A's lower triangle becomes its factor, B becomes X.
  ///
  /// - Returns: false where A is not positive definite to working precision; then B is as it was.
  /// - Throws: `BackendError` for a matrix beyond LAPACK's integers.
  public func solvePositiveDefinite(
    _ a: inout [Double], _ n: Int, _ b: inout [Double], _ columns: Int
  ) throws -> Bool {
    precondition(a.count == n * n && b.count == n * columns, "an n×n matrix and n rows")
    guard let size = blasint(exactly: n), let count = blasint(exactly: columns),
      blasint(exactly: n * max(1, columns)) != nil
    else {
      throw BackendError("a matrix of \(n) rows is too large for LAPACK; use fewer examples")
    }
    guard n > 0, columns > 0 else { return true }
    var (size_, count_, info) = (size, count, blasint(0))
    a.withUnsafeMutableBufferPointer { a in
      functions.dpotrf("L", &size_, a.baseAddress, &size_, &info, 1)
    }
    guard info == 0 else { return false }
    a.withUnsafeBufferPointer { a in
      b.withUnsafeMutableBufferPointer { b in
        functions.dpotrs(
          "L", &size_, &count_, a.baseAddress, &size_, b.baseAddress, &size_, &info, 1)
      }
    }
    return info == 0
  }
}
