import Glibc
import TangentKernels

/// log p(y | σp, σ) of a kernel K at any σp and σ, for O(N) operations each:
///
///     log p = −½ rᵀ(σp²K + σ²I)⁻¹r − ½ log det(σp²K + σ²I) − ½ N log 2π,   r = y − m.
///
/// K = Q T Qᵀ with T tridiagonal and Q e_1 = r/‖r‖, once and for all (4/3 N³ operations: K is reflected so
/// that r lies along e_1, which Householder's reduction leaves alone). Then rᵀ(·)⁻¹r and the determinant
/// come from the pivots of σp²T + σ²I, eliminated from the last row up, and their derivatives with them:
///
///     δ_N = p t_N + s,   δ_i = p t_i + s − (p e_i)²/δ_{i+1},   p = σp², s = σ²
///     log det = Σ log δ_i,   rᵀ(·)⁻¹r = ‖r‖²/δ_1.
///
/// Golub and Van Loan, Matrix Computations, 8.3.1 and 10.2.
public struct MarginalLikelihood: Sendable {
  /// N = n·O
  public let dimension: Int
  /// tr K/N
  public let meanDiagonal: Double
  /// ‖r‖²
  public let squares: Double
  /// t and e.
  private let diagonal: [Double]
  private let beside: [Double]
  /// Pivots of T below this are rounding.
  private let rounding: Double

  /// Its value and its derivatives by log σp and log σ.
  public struct Value: Sendable {
    public var logLikelihood: Double
    public var priorGradient: Double
    public var noiseGradient: Double
  }

  /// - Parameters:
  ///   - kernel: K, [N, N].
  ///   - residuals: r, [N].
  /// - Throws: `GaussianProcessError` for values that are not finite.
  public init(
    kernel: consuming [Double], residuals: [Double], by algebra: any DenseLinearAlgebra
  ) throws {
    let n = residuals.count
    precondition(n > 0 && kernel.count == n * n, "an N×N kernel")
    dimension = n
    var matrix = consume kernel
    var (trace, isFinite) = (0.0, true)
    matrix.withUnsafeBufferPointer { matrix in
      for value in matrix where !value.isFinite { isFinite = false }
      for i in 0..<n { trace += matrix[i * n + i] }
    }
    guard isFinite else {
      throw GaussianProcessError(
        "the kernel between training examples is not finite; scale the inputs or the weights down")
    }
    meanDiagonal = trace / Double(n)
    squares = residuals.reduce(0) { $0 + $1 * $1 }
    try Self.reflect(&matrix, along: residuals, length: squares.squareRoot(), by: algebra)
    let reduced = try algebra.tridiagonalization(&matrix, n)
    (diagonal, beside) = (reduced.diagonal, reduced.offDiagonal)
    var largest = 0.0
    for i in 0..<n {
      let row = (i > 0 ? abs(beside[i - 1]) : 0) + (i < n - 1 ? abs(beside[i]) : 0)
      largest = max(largest, abs(diagonal[i]) + row)
    }
    rounding = CholeskyFactor.rounding(n) * largest
  }

  /// K ← P K P with the reflection P that brings r to the first axis.
  private static func reflect(
    _ matrix: inout [Double], along residuals: [Double], length: Double,
    by algebra: any DenseLinearAlgebra
  ) throws {
    let n = residuals.count
    guard length > 0 else { return }
    var v = residuals
    for i in 0..<n { v[i] /= length }
    v[0] += v[0] >= 0 ? 1 : -1
    let beta = 2 / v.reduce(0) { $0 + $1 * $1 }
    var w = try algebra.product(matrix, v, m: n, k: n, n: 1)
    for i in 0..<n { w[i] *= beta }
    let half = beta / 2 * (0..<n).reduce(0) { $0 + w[$1] * v[$1] }
    for i in 0..<n { w[i] -= half * v[i] }
    matrix.withUnsafeMutableBufferPointer { matrix in
      for i in 0..<n {
        let (vi, wi) = (v[i], w[i])
        for j in 0..<n { matrix[i * n + j] -= vi * w[j] + wi * v[j] }
      }
    }
  }

  /// - Returns: nil where σp²K + σ²I is not positive definite to working precision.
  public func value(_ hyperparameters: GaussianHyperparameters) -> Value? {
    let p = hyperparameters.priorStd * hyperparameters.priorStd
    let s = hyperparameters.noiseStd * hyperparameters.noiseStd
    let n = dimension
    var (logDeterminant, priorSum, noiseSum) = (0.0, 0.0, 0.0)
    // δ_i and its derivatives by p and s.
    var (pivot, byPrior, byNoise) = (1.0, 0.0, 0.0)
    for i in stride(from: n - 1, through: 0, by: -1) {
      var (next, nextByPrior, nextByNoise) = (p * diagonal[i] + s, diagonal[i], 1.0)
      if i < n - 1 {
        let e = beside[i]
        let ratio = p * e / pivot
        next -= ratio * (p * e)
        nextByPrior += ratio * ratio * byPrior - 2 * ratio * e
        nextByNoise += ratio * ratio * byNoise
      }
      guard next > p * rounding, next.isFinite else { return nil }
      (pivot, byPrior, byNoise) = (next, nextByPrior, nextByNoise)
      logDeterminant += log(pivot)
      priorSum += byPrior / pivot
      noiseSum += byNoise / pivot
    }
    let quadratic = squares / pivot
    return Value(
      logLikelihood: -0.5 * (quadratic + logDeterminant + Double(n) * log(2 * Double.pi)),
      priorGradient: p * (quadratic * byPrior / pivot - priorSum),
      noiseGradient: s * (quadratic * byNoise / pivot - noiseSum))
  }
}
