/// Dense linear algebra on float64 matrices on the host, row-major. Not covered by the promise of equal
/// bits.
public protocol DenseLinearAlgebra: Sendable {
  /// Diagonalises a symmetric A, [n, n]: A = Vᵀ diag(λ) V. Of A one triangle is read; V takes its
  /// place, an eigenvector in each row.
  ///
  /// - Returns: λ, ascending.
  func eigendecomposition(_ matrix: inout [Double], _ n: Int) throws -> [Double]

  /// The eigenvalues of a symmetric matrix, [n, n], ascending. Overwrites the matrix.
  func eigenvalues(_ matrix: inout [Double], _ n: Int) throws -> [Double]

  /// A = Q T Qᵀ of a symmetric A, [n, n], of which one triangle is read and whose place is used up, with
  /// T tridiagonal and the first column of Q e_1.
  ///
  /// - Returns: T's diagonal, [n], and what is beside it, [n − 1].
  func tridiagonalization(
    _ matrix: inout [Double], _ n: Int
  ) throws -> (diagonal: [Double], offDiagonal: [Double])

  /// Cholesky's factorization of a symmetric A, [n, n], in place of one of its triangles.
  ///
  /// - Returns: false where A is not positive definite to working precision.
  func factorPositiveDefinite(_ matrix: inout [Double], _ n: Int) throws -> Bool

  /// A⁻¹ b for every row b of `rows`, [count, n], in its place.
  ///
  /// - Parameter factor: what `factorPositiveDefinite` left of A.
  func solve(_ factor: [Double], _ n: Int, _ rows: inout [Double]) throws

  /// L⁻¹ b for every row b of `rows`, [count, n], in its place, A = L Lᵀ; transposed L⁻ᵀ b.
  ///
  /// - Parameter factor: what `factorPositiveDefinite` left of A: L[i, j] is at j·n + i, j ≤ i.
  func solveTriangular(
    _ factor: [Double], _ n: Int, _ rows: inout [Double], transposed: Bool
  ) throws

  /// op(A)·op(B), [m, n], with op(A) of shape [m, k] and op(B) of shape [k, n]; op transposes where it
  /// is asked to.
  func product(
    _ a: [Double], transposed aTransposed: Bool, _ b: [Double], transposed bTransposed: Bool,
    m: Int, k: Int, n: Int
  ) throws -> [Double]
}

extension DenseLinearAlgebra {
  /// A·B
  public func product(_ a: [Double], _ b: [Double], m: Int, k: Int, n: Int) throws -> [Double] {
    try product(a, transposed: false, b, transposed: false, m: m, k: k, n: n)
  }
}
