import Glibc
import TangentKernels

/// A = L Lᵀ of a symmetric positive definite matrix in float64, on the host.
public struct CholeskyFactor: Sendable {
  public let dimension: Int
  /// L[i, j] at j·n + i, j ≤ i, as LAPACK's column-major lower triangle. What is beside it is of no
  /// meaning here.
  public let values: [Double]
  let algebra: any DenseLinearAlgebra

  /// - Parameter matrix: A, [n, n].
  /// - Returns: nil where A is not positive definite to working precision.
  public init?(
    _ matrix: consuming [Double], _ n: Int, by algebra: any DenseLinearAlgebra
  ) throws {
    precondition(matrix.count == n * n, "an n×n matrix")
    var values = consume matrix
    guard try algebra.factorPositiveDefinite(&values, n) else { return nil }
    (dimension, self.values, self.algebra) = (n, values, algebra)
  }

  /// A factor that was kept.
  public init(values: [Double], _ n: Int, by algebra: any DenseLinearAlgebra) {
    precondition(values.count == n * n, "an n×n matrix")
    (dimension, self.values, self.algebra) = (n, values, algebra)
  }

  /// A⁻¹ b for every row b of [count, n].
  public func solve(rows: [Double]) throws -> [Double] {
    var rows = rows
    try algebra.solve(values, dimension, &rows)
    return rows
  }

  /// L⁻¹ b for every row b of [count, n]; transposed L⁻ᵀ b.
  public func halfSolve(rows: [Double], transposed: Bool = false) throws -> [Double] {
    var rows = rows
    try algebra.solveTriangular(values, dimension, &rows, transposed: transposed)
    return rows
  }

  /// 16√n·2⁻⁵³: pivots of an n×n matrix below this, in units of the matrix, are rounding.
  static func rounding(_ n: Int) -> Double { 16 * Double(n).squareRoot() * 0x1p-53 }

  /// The smallest L[i, i]²: what of an output's variance none of those before it explain.
  public var smallestPivot: Double {
    var least = Double.infinity
    for i in 0..<dimension {
      least = min(least, values[i * dimension + i] * values[i * dimension + i])
    }
    return least
  }

  /// log det A = 2 Σ log L[i, i]
  public var logDeterminant: Double {
    var sum = 0.0
    for i in 0..<dimension { sum += log(values[i * dimension + i]) }
    return 2 * sum
  }
}
