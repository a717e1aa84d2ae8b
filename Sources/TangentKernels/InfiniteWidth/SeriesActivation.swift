/// An activation whose dual has no closed form: φ(x) = constant + slope·x + ψ(x) with ψ even or odd.
///
///     tanh      tanh x                     odd
///     sigmoid   ½ + ½ tanh(x/2)            odd
///     softplus  x/2 + log(2 cosh(x/2))     even
///     swish     x/2 + x/2·tanh(x/2)        even
enum SeriesActivation: String, Hashable, Sendable, CaseIterable {
  case tanh, sigmoid, softplus, swish

  var isOdd: Bool { self == .tanh || self == .sigmoid }
  var constant: Double { self == .sigmoid ? 0.5 : 0 }
  var slope: Double { isOdd ? 0 : 0.5 }

  /// The distance of the nearest pole or branch point of φ from the real line.
  var strip: Double { self == .tanh ? .pi / 2 : .pi }

  /// Coefficients unless told otherwise. What they leave out of T at variance 4: 2·10⁻¹⁰ (tanh),
  /// 2·10⁻¹¹ (sigmoid), 2·10⁻¹² (softplus), 2·10⁻¹⁰ (swish), and less at smaller ones.
  var standardDegree: Int { self == .tanh ? 208 : 64 }

  /// ψ(x) and φ′(x) without `slope`, x ≥ 0, given e^{−x}; by + − × ÷ only.
  func part(_ x: Double, decay e: Double) -> (value: Double, derivative: Double) {
    // tanh(x/2), of tanh itself tanh x.
    let power = self == .tanh ? e * e : e
    let y = (1 - power) / (1 + power)
    switch self {
    case .tanh: return (y, 1 - y * y)
    case .sigmoid: return (y / 2, (1 - y * y) / 4)
    case .softplus: return (x / 2 + Self.logarithm(ofOnePlus: e), y / 2)
    case .swish: return (x * y / 2, y / 2 + x * (1 - y * y) / 4)
    }
  }

  /// log(1 + e) = 2 artanh(e/(2 + e)) for 0 ≤ e ≤ 1: 17 terms of its series, in (1/9)ⁿ.
  private static func logarithm(ofOnePlus e: Double) -> Double {
    let t = e / (2 + e)
    let square = t * t
    var sum = 0.0
    for n in stride(from: 33, through: 1, by: -2) { sum = sum * square + 1 / Double(n) }
    return 2 * t * sum
  }
}
