/// What a convolution's contribution to a kernel costs in either form, for a pair of examples.
///
/// With P positions, d coefficients, F columns of the unfolded input, C output channels, q products of
/// outputs (O, or O² for `full`) and n examples that share an example's weight gradients:
///
///     from positions:   d²P²·(2F + (2C + e)q)
///     from gradients:   2dP·O·C·F/n + 2q·C·F
///
/// e stands for the passes over the products of positions. n is a fixed number and not the number of
/// examples at hand, so that the form, and with it a kernel's bits, depends on the layer alone.
struct LayerCost {
  var positions: Int
  var coefficients: Int
  var patch: Int
  var channels: Int
  var outputs: OutputPairs

  private static let examples = 32.0
  private static let elementwise = 40.0

  var fromPositions: Double {
    let cells = Double(positions * coefficients)
    return cells * cells
      * (2 * Double(patch) + (2 * Double(channels) + Self.elementwise) * Double(outputs.count))
  }

  var fromGradients: Double {
    let weights = Double(channels) * Double(patch)
    return 2 * Double(positions * coefficients) * Double(outputs.outputs) * weights / Self.examples
      + 2 * Double(outputs.count) * weights
  }

  var prefersGradients: Bool { fromGradients < fromPositions }

  /// Output channels whose weight gradients exist at a time: about 2¹⁸ numbers for an example and all
  /// its outputs, in products of at least 64 rows.
  var slice: Int {
    let fitting = (1 << 18) / (patch * outputs.outputs)
    let fewest = (64 + outputs.outputs - 1) / outputs.outputs
    return min(channels, max(fitting, fewest, 1))
  }
}
