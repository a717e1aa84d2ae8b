/// One tensor of a network: a range of the flat parameter vector. All are trained but statistics.
public struct ParameterTensor: Sendable, Equatable {
  /// "layers.0.weight": the name in parameter files.
  public let name: String
  /// As in PyTorch: dense weights are [outputs, inputs], a convolution's [outputs, inputs, h, w].
  public let shape: [Int]
  /// First element in the flat vector: network order, weight before bias, row-major.
  public let offset: Int
  /// The standard deviation of its initial values; 0 starts it at their mean.
  public let initialStd: Double
  public var initialMean = 0.0
  /// What propagation multiplies it by: c_w or c_b.
  public var multiplier = 1.0
  public var learningRate = LearningRateFactor()
  /// Nil for what is trained.
  public var statistic: Statistic?

  /// What batch normalization divides and shifts by: stored beside the parameters, and a constant in
  /// everything that is derived.
  public enum Statistic: Sendable, Equatable { case mean, variance }

  public var count: Int { shape.reduce(1, *) }
  public var range: Range<Int> { offset..<(offset + count) }
}
