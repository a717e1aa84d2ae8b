import Glibc

/// How good predicted probabilities of classes are, and whether they mean what they say.
public struct Calibration: Sendable, Equatable {
  /// Examples whose confidence, the greatest probability, lies in one interval.
  public struct Bin: Sendable, Equatable {
    public var count = 0
    /// Mean confidence, and share of examples predicted rightly; 0 where there are none.
    public var confidence = 0.0
    public var accuracy = 0.0
  }

  /// n
  public let count: Int
  /// The share of examples whose most probable class, the first of equals, is the right one.
  public let accuracy: Double
  /// −(1/n) Σ log p(y). A probability below the least normal number counts as that.
  public let negativeLogLikelihood: Double
  /// (1/n) Σᵢ Σ_c (p_ic − 1{c = yᵢ})²
  public let brierScore: Double
  /// Σ_b n_b/n·|accuracy_b − confidence_b|: Naeini, Cooper, Hauskrecht, AAAI 2015, with the bins and
  /// the confidence of Guo et al., ICML 2017.
  public let expectedCalibrationError: Double
  /// max_b |accuracy_b − confidence_b| over the bins with examples.
  public let maximumCalibrationError: Double
  /// Of equal width: bin b holds confidences in (b/B, (b+1)/B].
  public let bins: [Bin]

  public static let defaultBins = 15

  /// - Parameters:
  ///   - probabilities: [n, classes], not empty.
  ///   - labels: [n], below `classes`.
  public init(
    _ probabilities: [Double], labels: [Int], classes: Int, bins binCount: Int = defaultBins
  ) {
    let n = labels.count
    precondition(
      n > 0 && classes > 0 && binCount > 0 && probabilities.count == n * classes,
      "a row of probabilities for each label")
    var bins = [Bin](repeating: Bin(), count: binCount)
    var (hits, loss, brier) = (0, 0.0, 0.0)
    for (example, label) in labels.enumerated() {
      precondition((0..<classes).contains(label), "a label below the number of classes")
      let first = example * classes
      var best = 0
      for c in 0..<classes {
        let p = probabilities[first + c]
        if p > probabilities[first + best] { best = c }
        let difference = p - (c == label ? 1 : 0)
        brier += difference * difference
      }
      loss -= log(max(probabilities[first + label], .leastNormalMagnitude))
      let confidence = probabilities[first + best]
      let place = (confidence * Double(binCount)).rounded(.up) - 1
      let bin = place > 0 ? min(binCount - 1, Int(place)) : 0
      bins[bin].count += 1
      bins[bin].confidence += confidence
      if best == label {
        hits += 1
        bins[bin].accuracy += 1
      }
    }
    var (expected, most) = (0.0, 0.0)
    for index in bins.indices where bins[index].count > 0 {
      let size = Double(bins[index].count)
      bins[index].confidence /= size
      bins[index].accuracy /= size
      let gap = abs(bins[index].accuracy - bins[index].confidence)
      expected += size / Double(n) * gap
      most = max(most, gap)
    }
    count = n
    accuracy = Double(hits) / Double(n)
    negativeLogLikelihood = loss / Double(n)
    brierScore = brier / Double(n)
    (expectedCalibrationError, maximumCalibrationError) = (expected, most)
    self.bins = bins
  }
}
