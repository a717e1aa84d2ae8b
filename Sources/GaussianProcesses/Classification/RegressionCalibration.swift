import Glibc

/// How good normal predictions of numbers are, and whether their intervals hold what they promise. A target
/// is predicted by N(μ, s²), s² = Σ + σ²: the variance of the function and of the noise.
public struct RegressionCalibration: Sendable, Equatable {
  /// Targets: examples times outputs.
  public let count: Int
  /// √mean (y − μ)²
  public let rootMeanSquareError: Double
  /// mean of ½(y − μ)²/s² + ½ log 2πs². A variance below the least normal number counts as that.
  public let negativeLogLikelihood: Double
  /// The share of targets within μ ± s, and within μ ± 2s: 68.3 % and 95.4 % of those that are normal.
  public let coverage1: Double
  public let coverage2: Double
  /// The mean of s.
  public let meanDeviation: Double

  /// - Parameters:
  ///   - outputs: with variances.
  ///   - targets: [m·O], not empty.
  ///   - noiseStd: σ
  public init(_ outputs: GaussianOutputs, targets: [Double], noiseStd: Double) {
    let n = targets.count
    guard let variances = outputs.variances, variances.count == n, n > 0 else {
      preconditionFailure("a variance for each target")
    }
    var (squares, loss, within1, within2, deviations) = (0.0, 0.0, 0, 0, 0.0)
    for index in 0..<n {
      let variance = max(variances[index] + noiseStd * noiseStd, .leastNormalMagnitude)
      let (error, deviation) = (targets[index] - outputs.mean[index], variance.squareRoot())
      squares += error * error
      loss += error * error / variance / 2 + log(2 * Double.pi * variance) / 2
      if abs(error) <= deviation { within1 += 1 }
      if abs(error) <= 2 * deviation { within2 += 1 }
      deviations += deviation
    }
    count = n
    rootMeanSquareError = (squares / Double(n)).squareRoot()
    negativeLogLikelihood = loss / Double(n)
    coverage1 = Double(within1) / Double(n)
    coverage2 = Double(within2) / Double(n)
    meanDeviation = deviations / Double(n)
  }
}
