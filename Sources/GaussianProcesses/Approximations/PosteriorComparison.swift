import Glibc
import TangentKernels

/// How far an approximate posterior is from a reference, at some inputs. With means μ and standard
/// deviations s of the m outputs, σ that of the noise, r for the reference:
///
///     mean error           ‖μ − μ_r‖/‖μ_r‖
///     deviation error      √(Σ log²(s/s_r)/m), over outputs where one of the two is positive
///     marginal divergence  Σ KL(N(μ_r, s_r² + σ²) ‖ N(μ, s² + σ²))/m, in nats for each output
///     joint divergence     KL(N(μ_r, Σ_r + σ²I) ‖ N(μ, Σ + σ²I)), in nats, of whole covariances
public struct PosteriorComparison: Sendable, Codable, Equatable {
  /// Outputs that were compared, m.
  public var count: Int
  public var meanError: Double
  public var deviationError: Double
  public var marginalDivergence: Double
  /// Nil without whole covariances.
  public var jointDivergence: Double?

  /// - Parameters:
  ///   - noiseStd: σ > 0.
  /// - Precondition: both have outputs of the same examples, with variances, in one form.
  /// - Throws: `GaussianProcessError` where a covariance with the noise is not positive definite.
  public init(
    of approximation: GaussianOutputs, from reference: GaussianOutputs, noiseStd: Double,
    by algebra: any DenseLinearAlgebra
  ) throws {
    guard let variances = approximation.variances, let known = reference.variances else {
      preconditionFailure("with variances")
    }
    precondition(approximation.form == reference.form && known.count == variances.count)
    let (m, noise) = (known.count, noiseStd * noiseStd)
    count = m
    var (difference, size, logs, divergence) = (0.0, 0.0, 0.0, 0.0)
    for i in 0..<m {
      let gap = approximation.mean[i] - reference.mean[i]
      difference += gap * gap
      size += reference.mean[i] * reference.mean[i]
      if max(variances[i], known[i]) > 0 {
        let ratio = 0.5 * log(variances[i] / known[i])
        logs += ratio * ratio
      }
      let (v, w) = (variances[i] + noise, known[i] + noise)
      divergence += 0.5 * (log(v / w) + (w + gap * gap) / v - 1)
    }
    meanError = (size > 0 ? difference / size : difference).squareRoot()
    deviationError = (logs / Double(m)).squareRoot()
    // Rounding may leave less than nothing of two equal ones.
    marginalDivergence = max(0, divergence / Double(m))
    guard reference.form == .full else { return }
    jointDivergence = try Self.divergence(approximation, reference, noise, algebra)
  }

  /// ½(tr(A⁻¹B) + gᵀA⁻¹g − m + log det A − log det B), A and B with noise.
  private static func divergence(
    _ approximation: GaussianOutputs, _ reference: GaussianOutputs, _ noise: Double,
    _ algebra: any DenseLinearAlgebra
  ) throws -> Double {
    let m = reference.mean.count
    func factor(_ covariance: [Double]) throws -> CholeskyFactor {
      var matrix = covariance
      for i in 0..<m { matrix[i * m + i] += noise }
      guard let factor = try CholeskyFactor(matrix, m, by: algebra) else {
        throw GaussianProcessError(
          "a predicted covariance of \(m) outputs is not positive definite with its noise; compare "
            + "variances alone, or compute in float64")
      }
      return factor
    }
    let (a, b) = (try factor(approximation.covariance), try factor(reference.covariance))
    var gap = reference.mean
    for i in 0..<m { gap[i] -= approximation.mean[i] }
    var rows = reference.covariance
    for i in 0..<m { rows[i * m + i] += noise }
    let solved = try a.solve(rows: rows)
    var trace = 0.0
    for i in 0..<m { trace += solved[i * m + i] }
    var square = 0.0
    for value in try a.halfSolve(rows: gap) { square += value * value }
    return max(0, 0.5 * (trace + square - Double(m) + a.logDeterminant - b.logDeterminant))
  }
}
