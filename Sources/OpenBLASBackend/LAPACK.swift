import COpenBLAS
import Compute

/// Factorizations and products of float64 matrices by OpenBLAS, row-major. Not covered by the promise of
/// equal bits.
public struct LAPACK: Sendable {
  private let functions: OpenBLASFunctions

  /// - Parameter threads: how many OpenBLAS uses from now on, in the whole process; 0 leaves that.
  /// - Throws: `BackendError` where OpenBLAS cannot be loaded.
  public init(threads: Int = 0) throws {
    do {
      let library = try OpenBLASLibrary()
      if threads > 0 { library.setThreads(threads) }
      functions = library.functions
    } catch {
      throw BackendError("\(error); install libopenblas0, which factorizes matrices")
    }
  }

  /// A size in LAPACK's integers.
  private static func integer(_ size: Int, rows: Int) throws -> blasint {
    guard let size = blasint(exactly: size) else {
      throw BackendError("a matrix of \(rows) rows is too large for LAPACK; use fewer examples")
    }
    return size
  }

  // MARK: Cholesky

  /// Cholesky's factorization of a symmetric A, [n, n], in the place of one of its triangles.
  ///
  /// - Returns: false where A is not positive definite to working precision.
  /// - Throws: `BackendError` for a matrix beyond LAPACK's integers.
  public func factorPositiveDefinite(_ matrix: inout [Double], _ n: Int) throws -> Bool {
    precondition(matrix.count == n * n, "an n×n matrix")
    guard n > 0 else { return true }
    var (size, info) = (try Self.integer(n, rows: n), blasint(0))
    matrix.withUnsafeMutableBufferPointer { a in
      functions.dpotrf("L", &size, a.baseAddress, &size, &info, 1)
    }
    return info == 0
  }

  /// A⁻¹b for every row b of `rows`, [count, n], in its place; `factor` is what
  /// `factorPositiveDefinite` left of A.
  ///
  /// - Throws: `BackendError` for matrices beyond LAPACK's integers.
  public func solve(_ factor: [Double], _ n: Int, _ rows: inout [Double]) throws {
    precondition(n > 0 && factor.count == n * n && rows.count % n == 0, "rows of n numbers")
    var (size, info) = (try Self.integer(n, rows: n), blasint(0))
    var count = try Self.integer(rows.count / n, rows: rows.count / n)
    guard count > 0 else { return }
    factor.withUnsafeBufferPointer { a in
      rows.withUnsafeMutableBufferPointer { b in
        functions.dpotrs(
          "L", &size, &count, a.baseAddress, &size, b.baseAddress, &size, &info, 1)
      }
    }
  }

  /// L⁻¹ b for every row b of `rows`, [count, n], in its place, A = L Lᵀ; transposed L⁻ᵀ b. `factor` is
  /// what `factorPositiveDefinite` left of A.
  ///
  /// - Throws: `BackendError` for matrices beyond LAPACK's integers.
  public func solveTriangular(
    _ factor: [Double], _ n: Int, _ rows: inout [Double], transposed: Bool
  ) throws {
    precondition(n > 0 && factor.count == n * n && rows.count % n == 0, "rows of n numbers")
    var (size, info) = (try Self.integer(n, rows: n), blasint(0))
    var count = try Self.integer(rows.count / n, rows: rows.count / n)
    guard count > 0 else { return }
    factor.withUnsafeBufferPointer { a in
      rows.withUnsafeMutableBufferPointer { b in
        functions.dtrtrs(
          "L", transposed ? "T" : "N", "N", &size, &count, a.baseAddress, &size, b.baseAddress,
          &size, &info, 1, 1, 1)
      }
    }
  }

  // MARK: Eigenvalues

  /// Diagonalises a symmetric A, [n, n], of which one triangle is read: A = Vᵀ diag(λ) V, with V in
  /// its place, an eigenvector in each row. By divide and conquer (dsyevd).
  ///
  /// - Returns: λ, ascending.
  /// - Throws: `BackendError` where the workspace of 1 + 6n + 2n² numbers is beyond LAPACK's integers,
  ///   from n = 32,767 on, and where the method does not converge.
  public func eigendecomposition(_ matrix: inout [Double], _ n: Int) throws -> [Double] {
    try eigenvalues(&matrix, n, "V", workspace: 1 + 6 * n + 2 * n * n, integers: 3 + 5 * n)
  }

  /// The eigenvalues of a symmetric matrix, [n, n], ascending. Overwrites the matrix.
  public func eigenvalues(_ matrix: inout [Double], _ n: Int) throws -> [Double] {
    try eigenvalues(&matrix, n, "N", workspace: 1 + 2 * n, integers: 1)
  }

  private func eigenvalues(
    _ matrix: inout [Double], _ n: Int, _ what: String, workspace: Int, integers: Int
  ) throws -> [Double] {
    precondition(matrix.count == n * n, "an n×n matrix")
    guard n > 0 else { return [] }
    guard matrix.allSatisfy(\.isFinite) else {
      throw BackendError("a matrix with values that are not finite has no eigenvalues")
    }
    var (size, info) = (try Self.integer(n, rows: n), blasint(0))
    var count = try Self.integer(workspace, rows: n)
    var integerCount = try Self.integer(integers, rows: n)
    var values = [Double](repeating: 0, count: n)
    var work = [Double](repeating: 0, count: workspace)
    var integerWork = [blasint](repeating: 0, count: integers)
    matrix.withUnsafeMutableBufferPointer { a in
      functions.dsyevd(
        what, "L", &size, a.baseAddress, &size, &values, &work, &count, &integerWork,
        &integerCount, &info, 1, 1)
    }
    guard info == 0 else {
      throw BackendError("LAPACK found no eigenvalues of a matrix of \(n) rows; scale it down")
    }
    return values
  }

  /// A = Q T Qᵀ of a symmetric A, [n, n], of which one triangle is read and whose place is used up, with
  /// T tridiagonal and the first column of Q e_1 (dsytrd).
  ///
  /// - Returns: T's diagonal, [n], and what is beside it, [n − 1].
  /// - Throws: `BackendError` for a matrix beyond LAPACK's integers.
  public func tridiagonalization(
    _ matrix: inout [Double], _ n: Int
  ) throws -> (diagonal: [Double], offDiagonal: [Double]) {
    precondition(n > 0 && matrix.count == n * n, "an n×n matrix")
    var (size, info) = (try Self.integer(n, rows: n), blasint(0))
    var count = try Self.integer(64 * n, rows: n)
    var diagonal = [Double](repeating: 0, count: n)
    var (beside, tau) = (diagonal, diagonal)
    var work = [Double](repeating: 0, count: 64 * n)
    matrix.withUnsafeMutableBufferPointer { a in
      functions.dsytrd(
        "L", &size, a.baseAddress, &size, &diagonal, &beside, &tau, &work, &count, &info, 1)
    }
    precondition(info == 0, "valid arguments")
    beside.removeLast()
    return (diagonal, beside)
  }

  // MARK: Products

  /// op(A)·op(B), [m, n], with op(A) of shape [m, k] and op(B) of shape [k, n].
  ///
  /// - Throws: `BackendError` for extents beyond BLAS's integers.
  public func product(
    _ a: [Double], transposed aTransposed: Bool, _ b: [Double], transposed bTransposed: Bool,
    m: Int, k: Int, n: Int
  ) throws -> [Double] {
    precondition(a.count == m * k && b.count == k * n, "an m×k and a k×n matrix")
    if m * n * k == 0 { return [Double](repeating: 0, count: m * n) }
    let sizes = try [m, n, k].map { try Self.integer($0, rows: $0) }
    return [Double](unsafeUninitializedCapacity: m * n) { buffer, initialized in
      a.withUnsafeBufferPointer { a in
        b.withUnsafeBufferPointer { b in
          functions.dgemm(
            CblasRowMajor, aTransposed ? CblasTrans : CblasNoTrans,
            bTransposed ? CblasTrans : CblasNoTrans, sizes[0], sizes[1], sizes[2], 1,
            a.baseAddress, aTransposed ? sizes[0] : sizes[2], b.baseAddress,
            bTransposed ? sizes[2] : sizes[1], 0, buffer.baseAddress, sizes[1])
        }
      }
      initialized = m * n
    }
  }
}
