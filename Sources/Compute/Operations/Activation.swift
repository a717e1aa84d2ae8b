/// An elementwise function of a layer. Raw values are the names in network files.
public enum Activation: String, Sendable, Codable, CaseIterable {
  case identity
  /// x ≤ 0 ? 0 : x; its gate is frozen on coefficient 0, its derivative at 0 is 0.
  case relu
  /// x ≤ 0 ? x/100 : x; derivative 1/100 at 0.
  case leakyReLU = "leaky_relu"
  case tanh
  case sigmoid
  case exp
  case erf
  case softplus
  case sin
  case cos
  /// x·sigmoid(x)
  case swish
  /// x·½(1 + erf(x/√2))
  case gelu
  /// x²
  case quadratic
  /// |x|; its gate is frozen on coefficient 0, its derivative at 0 is 0.
  case abs
  /// −1, 0 or 1; its derivative is 0 everywhere, so nothing below it has a gradient.
  case sign
  /// e^{−x²}
  case gaussian
  /// x·½(1 + tanh(√(2/π)(x + 0.044715 x³))), which is x·sigmoid(2√(2/π)(x + 0.044715 x³)).
  case geluTanh = "gelu_tanh"

  /// The activation that a name in a network file or an option stands for; "silu" is another name
  /// of swish.
  public init?(named name: String) {
    guard let activation = name == "silu" ? .swish : Activation(rawValue: name) else { return nil }
    self = activation
  }

  /// The number by which jet_composition.cl knows it.
  var code: Int { Activation.allCases.firstIndex(of: self)! }

  /// The highest coefficient of φ(z(t)) that can be non-zero, for z of degree `degree`, up to
  /// `order`. `sign` keeps those of z, as zeros, so that the way back reaches what lies below.
  public func degree(of degree: Int, order: Int) -> Int {
    switch self {
    case .identity, .relu, .leakyReLU, .abs, .sign: min(degree, order)
    case .quadratic: min(2 * degree, order)
    default: degree == 0 ? 0 : order
    }
  }

  /// The highest coefficient of φ′(z(t)) that can be non-zero, up to `order`.
  public func slopeDegree(of degree: Int, order: Int) -> Int {
    switch self {
    case .identity, .relu, .leakyReLU, .abs, .sign: 0
    case .quadratic: min(degree, order)
    default: degree == 0 ? 0 : order
    }
  }
}
