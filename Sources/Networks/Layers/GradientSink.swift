import Compute
import Jets

/// Where the gradients of a network's parameters go on the way back.
///
/// A layer does not compute its gradient. It hands over what the gradient is made of, once, and a sink
/// makes of it what is wanted: the gradient itself (`ParameterGradients`), or what only depends on it.
package protocol GradientSink {
  /// Whether taking a gradient may change the parameters it belongs to: then the layer's input has to
  /// outlive its cotangent.
  var changesParameters: Bool { get }
  /// Before the cotangent's memory is used again.
  func take(_ gradient: AffineGradient) throws
  /// Before the cotangent's memory is used again.
  func take(_ gradient: NormalizationGradient) throws
}

/// What the gradients of a dense layer's or a convolution's parameters are made of:
///
///     ΔW̄ = c_w·s·Σ_{i=1..d} ȳ_iᵀ X_{i−1},   Δb̄ = c_b·s·(column sums of ȳ_1),
///
/// ȳ the cotangent of c_w·x(t) W(t)ᵀ + c_b·b(t), d its degree, and X the input x, of a convolution
/// unfolded.
package struct AffineGradient {
  /// Index of the weight; nil where its gradient is not wanted.
  package var weight: Int?
  package var bias: Int?
  /// c_w and c_b.
  package var factors: Parameterization.Factors
  /// Nil for a dense layer.
  package var geometry: ConvolutionGeometry?
  package var cotangent: Jet
  package var input: Jet
}

/// What the gradients of a gain γ and a bias β are made of:
///
///     Δγ̄ = c·s·Σ_{i=1..d} Σ_rows z̄_i y_{i−1},   Δβ̄ = c·s·(column sums of z̄_1),
///
/// z̄ the cotangent of c·(γ(t) y(t) + β(t)), d its degree.
package struct NormalizationGradient {
  /// Index of the gain; nil where its gradient is not wanted.
  package var gain: Int?
  package var bias: Int?
  /// c
  package var factor: Double
  package var cotangent: Jet
  package var value: Jet
}

extension GradientSink {
  package var changesParameters: Bool { false }
}

/// The gradients themselves, in the order of the flat parameter vector.
struct ParameterGradients: GradientSink {
  let algebra: JetAlgebra
  let tensors: [ParameterTensor]
  /// s
  let scale: Matrix?
  /// [V, P]
  let target: Matrix
  /// What a dense weight's gradient is made for, where that is all: an operation that reads it, for
  /// the tensor's number and the place of its gradient, [outputs, inputs].
  var use: ((_ tensor: Int, _ gradient: Matrix) -> Operation?)?

  var changesParameters: Bool { use != nil }

  func take(_ gradient: AffineGradient) throws {
    let (cotangent, x, factors) = (gradient.cotangent, gradient.input, gradient.factors)
    if let weight = gradient.weight {
      if let geometry = gradient.geometry {
        try algebra.convolutionGradient(
          cotangent, x, geometry, factor: factors.weight, scale: scale, into: place(of: weight),
          stride: target.stride)
      } else {
        let place = place(of: weight)
        try algebra.weightGradient(
          cotangent, x, factor: factors.weight, scale: scale, into: place, stride: target.stride,
          use: use?(weight, place))
      }
    }
    if let bias = gradient.bias { try takeBias(bias, cotangent, factors.bias) }
  }

  func take(_ gradient: NormalizationGradient) throws {
    if let gain = gradient.gain {
      try algebra.gainGradient(
        gradient.cotangent, gradient.value, factor: gradient.factor, scale: scale,
        into: place(of: gain), stride: target.stride)
    }
    if let bias = gradient.bias { try takeBias(bias, gradient.cotangent, gradient.factor) }
  }

  private func takeBias(_ bias: Int, _ cotangent: Jet, _ factor: Double) throws {
    try algebra.biasGradient(
      cotangent, factor: factor, scale: scale, into: place(of: bias), stride: target.stride)
  }

  /// Direction 0's; others lie `target.stride` further on.
  private func place(of index: Int) -> Matrix {
    let tensor = tensors[index]
    let rows = tensor.shape.count == 1 ? 1 : tensor.shape[0]
    return target.rows(0..<1).slice(at: tensor.offset, rows: rows, columns: tensor.count / rows)
  }
}
