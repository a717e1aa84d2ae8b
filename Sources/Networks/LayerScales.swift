/// A layer's own factors, on top of what the parameterization gives: the abc-parameterizations of
/// Yang & Hu, arXiv 2011.14522.
///
/// There W = n^{−a}·w with w ~ N(0, n^{−2b}), learned with η·n^{−c}, n the width. In the standard
/// parameterization, whose weights are N(0, weight_std²/fan-in), that is
///
///     multiplier = n^{−a},   weight_std = n^{−b}·√fan-in,   learning_rate = n^{−c}.
///
/// For sgd and momentum (a, b, c) and (a + θ, b − θ, c − 2θ) train the same function, for Adam
/// (a, b, c) and (a + θ, b − θ, c − θ) but for its ε.
public struct LayerScales: Sendable, Equatable {
  /// On c_w. Positive.
  public var multiplier: Double
  /// On c_b. Positive.
  public var biasMultiplier: Double
  /// On η for the weight, or the gain. Not negative.
  public var learningRate: Double
  /// On η for the bias. Not negative.
  public var biasLearningRate: Double

  public init(
    multiplier: Double = 1, biasMultiplier: Double = 1, learningRate: Double = 1,
    biasLearningRate: Double? = nil
  ) {
    self.multiplier = multiplier
    self.biasMultiplier = biasMultiplier
    self.learningRate = learningRate
    self.biasLearningRate = biasLearningRate ?? learningRate
  }

  static let known = "multiplier, bias_multiplier, learning_rate and bias_learning_rate"

  /// The members that differ from their defaults.
  var json: [String: JSONValue] {
    var members: [String: JSONValue] = [:]
    if multiplier != 1 { members["multiplier"] = .number(multiplier) }
    if biasMultiplier != 1 { members["bias_multiplier"] = .number(biasMultiplier) }
    if learningRate != 1 { members["learning_rate"] = .number(learningRate) }
    if biasLearningRate != learningRate {
      members["bias_learning_rate"] = .number(biasLearningRate)
    }
    return members
  }
}

extension JSONMembers {
  /// multiplier and bias_multiplier.
  mutating func multipliers(_ scales: inout LayerScales) throws {
    scales.multiplier = try positive("multiplier", default: 1)
    scales.biasMultiplier = try positive("bias_multiplier", default: 1)
  }

  /// learning_rate and bias_learning_rate.
  mutating func learningRates(_ scales: inout LayerScales) throws {
    scales.learningRate = try nonNegative("learning_rate", default: 1)
    scales.biasLearningRate = try nonNegative(
      "bias_learning_rate", default: scales.learningRate)
  }

  private mutating func positive(_ name: String, default standard: Double) throws -> Double {
    let number = try number(name, default: standard)
    guard number > 0 else {
      throw NetworkError("\"\(name)\" of \(place) must be positive, and is \(number)")
    }
    return number
  }
}
