/// How the standard deviations of initial weights and biases are chosen.
public enum Initialization: String, Sendable, Codable, CaseIterable {
  /// σw/√fan_in and σb, by the layer's own `weight_std` and `bias_std`; see `Parameterization`.
  case lecun
  /// Weights N(0, 2/(fan_in + fan_out)), biases N(0, 0.01²) in dense layers and N(0, 1e-6²) in
  /// convolutions, as in the published code of Bai et al., arXiv 2002.04010; `weight_std` and
  /// `bias_std` are not used. fan_in is inputs times kernel positions, fan_out outputs times kernel
  /// positions.
  case glorot

  /// The standard deviations of one layer in the standard parameterization; nil where the layer's
  /// own settings hold.
  func stds(fanIn: Int, fanOut: Int, isConvolution: Bool) -> (weight: Double, bias: Double)? {
    switch self {
    case .lecun: nil
    case .glorot: ((2 / Double(fanIn + fanOut)).squareRoot(), isConvolution ? 1e-6 : 0.01)
    }
  }
}
