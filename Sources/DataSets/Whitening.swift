/// The linear map that takes from training inputs their mean and their correlations.
///
/// With μ the mean and C = (1/n) Σ (x − μ)(x − μ)ᵀ = Uᵀ diag(λ) U over the training examples and
/// λ̄ = tr C/d, `pca` gives diag(1/√(λ + ε·λ̄)) U(x − μ), components in the order of falling λ, and
/// `zca` Uᵀ times that, which stays closest to the input. So the training covariance becomes
/// λ/(λ + ε·λ̄) along each direction: 1 for ε = 0.
///
/// Directions in which training inputs do not vary (λ below d·2⁻⁵⁰ times the largest, as with fewer
/// examples than features there always are some) become 0, for test examples too.
public struct Whitening: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable, CaseIterable { case zca, pca }

  public let kind: Kind
  public let epsilon: Double
  /// μ
  public let means: [Double]
  /// [d, d], row-major: the output's component i is row i times (x − μ).
  public let matrix: [Double]
  /// Directions in which the training inputs vary.
  public let rank: Int

  /// Above it the work, d³, takes hours.
  static let mostFeatures = 4096

  /// - Throws: `FileError` where there are too many features, or no variation at all.
  init(_ kind: Kind, epsilon: Double, of train: Examples, name: String) throws {
    let (n, d) = (train.count, train.inputSize)
    guard d <= Self.mostFeatures else {
      throw FileError(
        path: name,
        problem: "has \(d) features, and whitening takes at most \(Self.mostFeatures)",
        advice: "leave whitening out")
    }
    self.kind = kind
    self.epsilon = epsilon
    let values = train.doubles()
    var means = [Double](repeating: 0, count: d)
    for row in 0..<n {
      for j in 0..<d { means[j] += values[row * d + j] }
    }
    for j in 0..<d { means[j] /= Double(n) }
    self.means = means
    let covariance = Self.covariance(values, means, n, d)
    guard covariance.allSatisfy(\.isFinite), let eigen = SymmetricEigenvalues(covariance, n: d),
      let largest = eigen.values.first, largest > 0
    else {
      throw FileError(
        path: name, problem: "has inputs that are all equal or too large to be whitened",
        advice: "leave whitening out")
    }
    let least = Double(d) * 0x1p-50 * largest
    let mean = eigen.values.reduce(0, +) / Double(d)
    rank = eigen.values.count { $0 > least }
    var scaled = eigen.vectors
    for (j, value) in eigen.values.enumerated() {
      let factor = value > least ? 1 / (value + epsilon * mean).squareRoot() : 0
      for i in 0..<d { scaled[j * d + i] *= factor }
    }
    switch kind {
    case .pca: matrix = scaled
    case .zca: matrix = Self.product(eigen.vectors, scaled, rows: rank, d)
    }
  }

  private static func covariance(
    _ values: [Double], _ means: [Double], _ n: Int, _ d: Int
  ) -> [Double] {
    var result = [Double](repeating: 0, count: d * d)
    var row = means
    result.withUnsafeMutableBufferPointer { result in
      for example in 0..<n {
        for j in 0..<d { row[j] = values[example * d + j] - means[j] }
        for i in 0..<d where row[i] != 0 {
          let x = row[i]
          for j in 0...i { result[i * d + j] += x * row[j] }
        }
      }
      for i in 0..<d {
        for j in 0...i {
          result[i * d + j] /= Double(n)
          result[j * d + i] = result[i * d + j]
        }
      }
    }
    return result
  }

  /// Σ over the first `rows` rows of uᵀs, [d, d].
  private static func product(_ u: [Double], _ s: [Double], rows: Int, _ d: Int) -> [Double] {
    var result = [Double](repeating: 0, count: d * d)
    result.withUnsafeMutableBufferPointer { result in
      for k in 0..<rows {
        for i in 0..<d {
          let x = u[k * d + i]
          for j in 0..<d { result[i * d + j] += x * s[k * d + j] }
        }
      }
    }
    return result
  }

  /// The whitened inputs of some examples.
  func apply(_ examples: Examples) -> Examples {
    let d = examples.inputSize
    var values = examples.doubles()
    var row = means
    values.withUnsafeMutableBufferPointer { values in
      for example in 0..<examples.count {
        for j in 0..<d { row[j] = values[example * d + j] - means[j] }
        for i in 0..<d {
          var sum = 0.0
          for j in 0..<d { sum += matrix[i * d + j] * row[j] }
          values[example * d + i] = sum
        }
      }
    }
    return Examples(values, inputSize: d, targets: examples.targets)
  }
}
