/// What the learning rate of one tensor is multiplied by.
///
/// Optimizers differ: where a tensor is divided by c and its multiplier multiplied by c, which
/// leaves the network as it is, gradients are multiplied by c. An update of gradient descent,
/// measured in units of the tensor, becomes c² times as large; one of Adam, whose size does not
/// depend on the gradient's, c times.
public struct LearningRateFactor: Sendable, Equatable {
  /// For sgd and momentum.
  public var sgd: Double
  /// For adam and adamw.
  public var adam: Double

  public init(sgd: Double = 1, adam: Double = 1) {
    self.sgd = sgd
    self.adam = adam
  }

  static func * (factor: Double, right: LearningRateFactor) -> LearningRateFactor {
    LearningRateFactor(sgd: factor * right.sgd, adam: factor * right.adam)
  }
}
