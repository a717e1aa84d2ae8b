import Compute

/// Coefficients 0 of dense layers' products, c_w·x_0 W0ᵀ (before the bias), at examples that stay
/// the same.
///
/// Along θ0 + tΔ a layer's coefficient 0 depends on θ0 and on the example alone, not on Δ. While θ0
/// stays where it is, it can be computed once for every example: by a pushforward of order 0 that
/// records it. Later pushforwards of any order gather the rows of their batch instead, which saves
/// one product for each of these layers. Rows of a product do not depend on each other, so they are
/// the same bits.
public struct CenterProducts {
  public enum Use {
    /// A pushforward of order 0 without a tape writes these examples' rows.
    case recorded(Range<Int>)
    /// A pushforward of an expansion reads these rows: int32, one for each of its examples.
    case gathered(rows: Matrix)
  }

  /// [examples, units], by the index of a dense layer's weight among the network's tensors.
  public var tables: [Int: Matrix]
  public var use: Use

  public init(_ tables: [Int: Matrix], _ use: Use) {
    self.tables = tables
    self.use = use
  }
}

extension Network {
  /// A dense layer's weight, [outputs, inputs].
  public struct DenseWeight: Sendable {
    /// Its index among the network's tensors.
    public let index: Int
    public let inputs, outputs: Int
  }

  /// The weights of the dense layers, in the order of the flat parameter vector; nil for networks
  /// that have others, whose layers come by position.
  public var denseWeights: [DenseWeight]? {
    var weights: [DenseWeight] = []
    for (index, tensor) in parameters.enumerated() where tensor.shape.count > 1 {
      guard tensor.shape.count == 2 else { return nil }
      weights.append(
        DenseWeight(index: index, inputs: tensor.shape[1], outputs: tensor.shape[0]))
    }
    return weights
  }
}
