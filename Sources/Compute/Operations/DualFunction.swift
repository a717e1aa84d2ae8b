/// What an activation φ makes of a Gaussian kernel in closed form: with (u, v) ~ N(0, [[a, c], [c, b]])
///
///     T = E[φ(u) φ(v)],   T′ = E[φ′(u) φ′(v)].
///
/// Sources: Cho and Saul, Kernel Methods for Deep Learning, 2009 (rectifiers); Williams, Computing
/// with Infinite Networks, 1997 (erf). r = √(ab), d = √max(0, (r − c)(r + c)), which vanishes
/// exactly for c = a = b, and D = 1 + 2a + 2b + 4d².
public enum DualFunction: Hashable, Sendable {
  /// T = c, T′ = 1.
  case identity
  /// φ(z) = z·above for z > 0, z·below else. T′ = αβ + (α − β)²σ, T = (α − β)²d/2π + T′c, with
  /// σ = ½ − atan2(d, c)/2π: the share of (u, v) with u, v > 0.
  case rectifier(below: Double, above: Double)
  /// T = (2/π) atan2(2c, √D), T′ = 4/(π√D).
  case erf
  /// z·½(1 + erf(z/√2)). With P = (1+a)(1+b), δ² = 1 + a + b + d² and σ as above of (δ, c):
  /// T = cσ + (c²/δ + abδ)/2πP, T′ = σ + c(1/δ² + (2 + a + b)/P)/2πδ.
  case gelu
  /// T = e^{−(a+b)/2} sinh c, T′ = e^{−(a+b)/2} cosh c.
  case sin
  /// T = e^{−(a+b)/2} cosh c, T′ = e^{−(a+b)/2} sinh c.
  case cos
  /// T = T′ = e^{(a+b)/2 + c}.
  case exp
  /// z². T = ab + 2c², T′ = 4c.
  case quadratic
  /// e^{−z²}. T = 1/√D, T′ = 4cT³.
  case gaussian
  /// T = (2/π) atan2(c, d), T′ = 0: gradients do not pass.
  case sign
  /// Division by the root of the variance + ε: T = c/√((a+ε)(b+ε)), T′ = T/c.
  case normalization(epsilon: Double)

  public static let relu = DualFunction.rectifier(below: 0, above: 1)
  public static let leakyReLU = DualFunction.rectifier(below: 0.01, above: 1)
  public static let absolute = DualFunction.rectifier(below: -1, above: 1)

  /// The number by which dual_activation.cl knows it.
  var code: Int {
    switch self {
    case .identity: 0
    case .rectifier: 1
    case .erf: 2
    case .gelu: 3
    case .sin: 4
    case .cos: 5
    case .exp: 6
    case .quadratic: 7
    case .gaussian: 8
    case .sign: 9
    case .normalization: 10
    }
  }

  /// Whether float64 takes elementary functions from the platform.
  public var hasPlatformFunctions: Bool {
    switch self {
    case .sin, .cos, .exp: true
    default: false
    }
  }

  /// What dual_activation.cl calls first, second and third: rounded once.
  var constants: (Double, Double, Double) {
    switch self {
    case .rectifier(let below, let above):
      let square = (above - below) * (above - below)
      return (below * above, square, square / (2 * .pi))
    case .normalization(let epsilon): return (epsilon, 0, 0)
    default: return (0, 0, 0)
    }
  }

  /// Floating-point operations for T and T′, elementary functions counted by their polynomials.
  var flops: Double {
    switch self {
    case .identity: 0
    case .quadratic: 4
    case .normalization: 6
    case .gaussian: 18
    case .exp: 20
    case .sin, .cos: 40
    case .rectifier, .erf, .sign: 50
    case .gelu: 70
    }
  }
}
