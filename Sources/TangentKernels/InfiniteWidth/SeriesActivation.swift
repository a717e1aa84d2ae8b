import DataSets

/// An activation whose dual has no closed form: φ(x) = constant + slope·x + ψ(x) with ψ even or odd and
/// ψ(0) = 0.
///
///     tanh      tanh x                           odd
///     sigmoid   ½ + ½ tanh(x/2)                  odd
///     softplus  log 2 + x/2 + log cosh(x/2)      even
///     swish     x/2 + x/2·tanh(x/2)              even
///     gelu_tanh x/2 + x/2·tanh p                 even, p = √(2/π)(x + 0.044715 x³)
enum SeriesActivation: String, Hashable, Sendable, CaseIterable {
  case tanh, sigmoid, softplus, swish
  case geluTanh = "gelu_tanh"

  var isOdd: Bool { self == .tanh || self == .sigmoid }
  var slope: Double { isOdd ? 0 : 0.5 }
  var constant: Double {
    switch self {
    case .tanh, .swish, .geluTanh: 0
    case .sigmoid: 0.5
    case .softplus: Self.logarithmOf2
    }
  }

  /// The distance of the nearest pole or branch point of φ from the real line.
  var strip: Double {
    switch self {
    case .tanh: .pi / 2
    // p = iπ/2 at 0.634 + 2.755i.
    case .geluTanh: 2.75
    default: .pi
    }
  }

  /// Coefficients unless told otherwise. What they leave out of T at variance 4: 2·10⁻¹⁰ (tanh),
  /// 2·10⁻¹¹ (sigmoid), 2·10⁻¹² (softplus), 2·10⁻¹⁰ (swish), 2·10⁻¹¹ (gelu_tanh), and less at
  /// smaller ones.
  var standardDegree: Int {
    switch self {
    case .tanh: 208
    case .geluTanh: 96
    default: 64
    }
  }

  /// ψ(x) and φ′(x) without `slope`, x ≥ 0, given e^{−x}; by + − × ÷ only, to a few units in the last
  /// place.
  func part(_ x: Double, decay e: Double) -> (value: Double, derivative: Double) {
    switch self {
    case .tanh:
      let y = Self.tangent(x, decay: e * e)
      return (y, 1 - y * y)
    case .sigmoid:
      let y = Self.tangent(x / 2, decay: e)
      return (y / 2, (1 - y * y) / 4)
    case .softplus:
      let y = Self.tangent(x / 2, decay: e)
      return (Self.logarithmOfCosine(x, y, decay: e), y / 2)
    case .swish:
      let y = Self.tangent(x / 2, decay: e)
      return (x * y / 2, y / 2 + x * (1 - y * y) / 4)
    case .geluTanh:
      // √(2/π); e^{−2p} at the same node.
      let (root, share) = (0.7978845608028654, 0.044715)
      let p = root * x * (1 + share * x * x)
      let y = Self.tangent(p, decay: PortableMath.exponential(-2 * p))
      let slope = root * (1 + 3 * share * x * x)
      // Far out the slope grows as 1 − y² vanishes.
      return (x * y / 2, y / 2 + (y == 1 ? 0 : x * (1 - y * y) * slope / 2))
    }
  }

  private static let logarithmOf2 = 0.6931471805599453

  /// tanh x, given e^{−2x}; near 0 by Lambert's continued fraction x/(1 + x²/(3 + x²/(5 + …))).
  private static func tangent(_ x: Double, decay e: Double) -> Double {
    guard x < 0.5 else { return (1 - e) / (1 + e) }
    let square = x * x
    var fraction = 17.0
    for n in stride(from: 15, through: 1, by: -2) { fraction = Double(n) + square / fraction }
    return x / fraction
  }

  /// log cosh(x/2), given y = tanh(x/2) and e^{−x}: x/2 − log 2 + log(1 + e^{−x}), near 0
  /// −½·log(1 − y²). Both logarithms by the series of artanh.
  private static func logarithmOfCosine(_ x: Double, _ y: Double, decay e: Double) -> Double {
    func doubleArtanh(_ t: Double) -> Double {
      let square = t * t
      var sum = 0.0
      for n in stride(from: 33, through: 1, by: -2) { sum = sum * square + 1 / Double(n) }
      return 2 * t * sum
    }
    // log(1 + u) = 2 artanh(u/(2 + u)), here with |t| ≤ 1/3.
    if x < 1 { return doubleArtanh(y * y / (2 - y * y)) / 2 }
    return x / 2 - logarithmOf2 + doubleArtanh(e / (2 + e))
  }
}
