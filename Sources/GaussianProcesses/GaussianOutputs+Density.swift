import Compute
import Glibc
import TangentKernels

extension GaussianOutputs {
  /// log p(y_i) of each example's targets, of all its outputs together, with the noise of observations;
  /// from `variances` alone, as if outputs were independent.
  ///
  /// - Parameter targets: y, [m·O].
  /// - Returns: [m]; −∞ where a variance is 0 and there is no noise.
  public func logDensities(_ targets: [Double], noiseStd: Double) -> [Double] {
    precondition(targets.count == mean.count && form != .none, "targets, and a covariance")
    let (o, size, noise) = (outputs, mean.count, noiseStd * noiseStd)
    return (0..<count).map { example in
      let first = example * o
      let error = (0..<o).map { targets[first + $0] - mean[first + $0] }
      var block = [Double](repeating: 0, count: o * o)
      for i in 0..<o {
        switch form {
        case .none: break
        case .variances: block[i * o + i] = covariance[first + i]
        case .blocks:
          for j in 0..<o { block[i * o + j] = covariance[(first + i) * o + j] }
        case .full:
          for j in 0..<o { block[i * o + j] = covariance[(first + i) * size + first + j] }
        }
        block[i * o + i] += noise
      }
      guard let factor = SmallCholesky(block, o) else { return -.infinity }
      let half = factor.halfSolve(error)
      return -0.5
        * (half.reduce(0) { $0 + $1 * $1 } + factor.logDeterminant + Double(o)
          * log(2 * Double.pi))
    }
  }

  /// −log p for each number of y, in the mean.
  public func negativeLogDensity(_ targets: [Double], noiseStd: Double) -> Double {
    -logDensities(targets, noiseStd: noiseStd).reduce(0, +) / Double(targets.count)
  }

  /// Outputs that are drawn together: mean + C z with C Cᵀ the covariance and z standard normal numbers.
  ///
  /// A covariance of what is almost known is singular, so that `jitter`·I is added to it, as little as the
  /// factorization takes: 0, or from 10⁻¹⁵ times the mean variance on, tenfold each time, up to 10⁻⁵ times.
  ///
  /// - Parameters:
  ///   - count: S.
  ///   - seed: of the stream that they are drawn from; fewer samples are the first ones of more.
  /// - Returns: [S, m·O], and the jitter, a variance.
  /// - Throws: `GaussianProcessError` where the covariance is not positive semidefinite.
  public func samples(
    _ count: Int, seed: UInt64, on backend: any Backend, by algebra: any DenseLinearAlgebra
  ) throws -> (values: [Double], jitter: Double) {
    precondition(form == .full && count >= 0, "all of a covariance")
    let size = mean.count
    var result = [Double]()
    for _ in 0..<count { result += mean }
    let total = (0..<size).reduce(0) { $0 + covariance[$1 * size + $1] }
    guard count > 0, total > 0 else { return (result, 0) }
    var jitter = 0.0
    for exponent in -16 ... -5 {
      jitter = exponent == -16 ? 0 : pow(10, Double(exponent)) * total / Double(size)
      var matrix = covariance
      for i in 0..<size { matrix[i * size + i] += jitter }
      guard let factor = try CholeskyFactor(matrix, size, by: algebra) else { continue }
      // Cᵀ: L[i, j] lies at j·n + i, and what is below it is not of L.
      matrix = factor.values
      for i in 0..<size { for j in 0..<i { matrix[i * size + j] = 0 } }
      let numbers = try backend.matrix(count, size, .float64)
      try backend.run(
        .randomFill(
          RandomFill(numbers, .normal, seed: seed, purpose: .posteriorSamples, tensor: 0)))
      let moved = try algebra.product(
        backend.download(numbers), matrix, m: count, k: size, n: size)
      for index in result.indices { result[index] += moved[index] }
      return (result, jitter)
    }
    throw GaussianProcessError(
      "the covariance to draw samples from is not positive semidefinite, even with \(jitter) added to "
        + "every variance; give --dtype float64")
  }
}
