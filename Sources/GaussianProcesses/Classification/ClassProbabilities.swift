import Compute

/// Probabilities of classes from a normal distribution of the logits f ~ N(μ, Σ), Σ the block of each
/// example: E[softmax(f)], which has no closed form.
public enum ClassProbabilities: String, Sendable, Codable, CaseIterable {
  /// softmax(μ): without the uncertainty.
  case map
  /// softmax(μ_c/√(1 + π/8·Σ_cc)): MacKay, Neural Computation 4 (1992), for each class by itself. Needs
  /// variances.
  case probit
  /// The mean of softmax(μ + L z) over samples of z, Σ = L Lᵀ, in pairs z and −z. Needs blocks.
  case samples

  /// What of the covariance a method needs.
  public var form: CovarianceForm {
    switch self {
    case .map: .none
    case .probit: .variances
    case .samples: .blocks
    }
  }

  /// The numbers z of one seed serve every example, so that an example's probabilities do not depend
  /// on what others there are.
  public static let defaultSamples = 1000

  /// - Parameters:
  ///   - logits: with as much of the covariance as the method needs, or more.
  ///   - samples: how many; an odd number lacks the last −z.
  /// - Returns: [m, O]; every row sums to 1 up to rounding.
  public func callAsFunction(
    _ logits: GaussianOutputs, samples: Int = defaultSamples, seed: UInt64 = 0
  ) -> [Double] {
    let o = logits.outputs
    switch self {
    case .map: return SoftmaxLikelihood.probabilities(logits.mean, outputs: o)
    case .probit:
      guard let variances = logits.variances else { preconditionFailure("variances are needed") }
      var scaled = logits.mean
      for index in scaled.indices {
        scaled[index] /= (1 + Double.pi / 8 * max(0, variances[index])).squareRoot()
      }
      return SoftmaxLikelihood.probabilities(scaled, outputs: o)
    case .samples: return Self.sampled(logits, samples, seed)
    }
  }

  /// The mean of softmax over samples of logits.
  ///
  /// - Parameter samples: [count, m·O].
  /// - Returns: [m, O]
  public static func mean(ofSamples samples: [Double], count: Int, outputs: Int) -> [Double] {
    let size = samples.count / count
    let all = SoftmaxLikelihood.probabilities(samples, outputs: outputs)
    var result = [Double](repeating: 0, count: size)
    for first in stride(from: 0, to: all.count, by: size) {
      for index in 0..<size { result[index] += all[first + index] }
    }
    for index in result.indices { result[index] /= Double(count) }
    return result
  }

  private static func sampled(
    _ logits: GaussianOutputs, _ samples: Int, _ seed: UInt64
  ) -> [Double] {
    precondition(samples > 0, "at least one sample")
    precondition(logits.form == .blocks || logits.form == .full, "blocks are needed")
    let (o, size) = (logits.outputs, logits.mean.count)
    let pairs = (samples + 1) / 2
    let normals = Philox.normals(pairs * o, seed: seed, purpose: .outputSamples, tensor: 0)
    var result = [Double](repeating: 0, count: size)
    var (row, block) = ([Double](repeating: 0, count: o), [Double](repeating: 0, count: o * o))
    for example in 0..<logits.count {
      for c in 0..<o {
        for d in 0..<o {
          let (i, j) = (example * o + c, example * o + d)
          block[c * o + d] = logits.covariance[logits.form == .full ? i * size + j : i * o + d]
        }
      }
      let (factor, rank) = semidefiniteFactor(block, o)
      row.withUnsafeMutableBufferPointer { row in
        factor.withUnsafeBufferPointer { factor in
          for sample in 0..<samples {
            let (first, sign) = (sample / 2 * o, sample % 2 == 0 ? 1.0 : -1)
            for c in 0..<o {
              var movement = 0.0
              for k in 0..<rank { movement += factor[c * o + k] * normals[first + k] }
              row[c] = logits.mean[example * o + c] + sign * movement
            }
            SoftmaxLikelihood.normalize(row.baseAddress!, o)
            for c in 0..<o { result[example * o + c] += row[c] }
          }
        }
      }
      for c in 0..<o { result[example * o + c] /= Double(samples) }
    }
    return result
  }

  /// L with Σ = L Lᵀ of a semidefinite Σ, [n, n], by Cholesky's factorization that takes the greatest
  /// remaining variance first; what remains below n·ε of the greatest variance counts as 0.
  ///
  /// - Returns: L, [n, n], of which `rank` columns are not 0.
  static func semidefiniteFactor(_ matrix: [Double], _ n: Int) -> (factor: [Double], rank: Int) {
    var factor = [Double](repeating: 0, count: n * n)
    var rest = [Double](repeating: 0, count: n)
    var most = 0.0
    for i in 0..<n {
      rest[i] = matrix[i * n + i]
      most = max(most, rest[i])
    }
    let least = Double(n) * Double.ulpOfOne * most
    for rank in 0..<n {
      var pivot = 0
      for i in 1..<max(1, n) where rest[i] > rest[pivot] { pivot = i }
      guard rest[pivot] > least else { return (factor, rank) }
      let root = rest[pivot].squareRoot()
      for i in 0..<n {
        var value = matrix[i * n + pivot]
        for k in 0..<rank { value -= factor[i * n + k] * factor[pivot * n + k] }
        // No column explains more than the variance that is left; rounding might.
        let bound = max(0, rest[i]).squareRoot()
        factor[i * n + rank] = i == pivot ? root : min(bound, max(-bound, value / root))
        rest[i] -= factor[i * n + rank] * factor[i * n + rank]
      }
      rest[pivot] = 0
    }
    return (factor, n)
  }
}
