import Compute
import Glibc

/// What an activation φ makes of a Gaussian kernel: with (u, v) ~ N(0, [[a, c], [c, b]]),
///
///     T = E[φ(u) φ(v)],   T′ = E[φ′(u) φ′(v)].
///
/// Closed forms for identity, relu, leaky_relu, abs and sign (Cho & Saul 2009), erf (Williams 1997),
/// gelu, sin, cos, exp, quadratic and gaussian; the others by `NormalQuadrature` in two dimensions, 101² evaluations.
/// Double throughout; elementary functions are the platform's.
struct DualActivation: Sendable {
  var activation: Activation

  init(_ activation: Activation) { self.activation = activation }

  /// Whether there is a closed form.
  var isClosed: Bool {
    switch activation {
    case .identity, .relu, .leakyReLU, .erf, .gelu, .sin, .cos, .exp, .quadratic, .abs, .sign,
      .gaussian:
      true
    case .tanh, .sigmoid, .softplus, .swish: false
    }
  }

  /// T and T′ at covariance c and variances a and b.
  func dual(_ c: Double, _ a: Double, _ b: Double) -> (value: Double, slope: Double) {
    switch activation {
    case .identity: return (c, 1)
    case .relu: return Self.rectifier(below: 0, c, a, b)
    case .leakyReLU: return Self.rectifier(below: 0.01, c, a, b)
    case .erf:
      // (1 + 2a)(1 + 2b) − 4c²
      let root = (1 + 2 * a + 2 * b + 4 * Self.determinant(c, a, b)).squareRoot()
      return (2 / .pi * atan2(2 * c, root), 4 / (.pi * root))
    case .gelu: return Self.gelu(c, a, b)
    case .sin, .cos:
      let (sum, difference) = (exp(c - (a + b) / 2), exp(-c - (a + b) / 2))
      let (odd, even) = ((sum - difference) / 2, (sum + difference) / 2)
      return activation == .sin ? (odd, even) : (even, odd)
    case .exp:
      let value = exp((a + b) / 2 + c)
      return (value, value)
    case .quadratic: return (a * b + 2 * c * c, 4 * c)
    case .abs: return Self.rectifier(below: -1, c, a, b)
    // φ′ is 0 almost everywhere, so T′ is not dT/dc here.
    case .sign: return (1 - 2 / .pi * atan2(Self.determinant(c, a, b).squareRoot(), c), 0)
    case .gaussian:
      let square = 1 + 2 * a + 2 * b + 4 * Self.determinant(c, a, b)
      return (1 / square.squareRoot(), 4 * c / (square * square.squareRoot()))
    case .tanh, .sigmoid, .softplus, .swish: return quadrature(c, a, b)
    }
  }

  /// ab − c², not negative.
  private static func determinant(_ c: Double, _ a: Double, _ b: Double) -> Double {
    let root = (a * b).squareRoot()
    return max(0, (root - c) * (root + c))
  }

  /// φ(z) = z above 0, α·z below.
  private static func rectifier(
    below alpha: Double, _ c: Double, _ a: Double, _ b: Double
  ) -> (Double, Double) {
    let root = determinant(c, a, b).squareRoot()
    let gap = (1 - alpha) * (1 - alpha) / (2 * .pi)
    let slope = (1 + alpha * alpha) / 2 - gap * atan2(root, c)
    return (gap * root + slope * c, slope)
  }

  private static func gelu(_ c: Double, _ a: Double, _ b: Double) -> (Double, Double) {
    let product = (1 + a) * (1 + b)
    let square = 1 + a + b + determinant(c, a, b)
    let root = square.squareRoot()
    let angle = atan2(c, root)
    let value = c / 4 + ((c * c + a * b * square) / (product * root) + c * angle) / (2 * .pi)
    let slope =
      0.25 + angle / (2 * .pi)
      + c / (2 * .pi * root) * (1 / square + (1 - a * b) / product + 1)
    return (value, slope)
  }

  // MARK: Quadrature

  /// E over u = √a z₁, v = (c/√a) z₁ + √(b − c²/a) z₂.
  func quadrature(_ c: Double, _ a: Double, _ b: Double) -> (value: Double, slope: Double) {
    let rule = NormalQuadrature.standard
    let root = a.squareRoot()
    let along = root > 0 ? c / root : 0
    let across = root > 0 ? (Self.determinant(c, a, b) / a).squareRoot() : b.squareRoot()
    var (value, slope) = (0.0, 0.0)
    for (first, weight) in zip(rule.nodes, rule.weights) {
      let (phi, derivative) = function(root * first)
      var (inner, innerSlope) = (0.0, 0.0)
      for (second, innerWeight) in zip(rule.nodes, rule.weights) {
        let (other, otherSlope) = function(along * first + across * second)
        inner += innerWeight * other
        innerSlope += innerWeight * otherSlope
      }
      value += weight * phi * inner
      slope += weight * derivative * innerSlope
    }
    return (value, slope)
  }

  /// φ(x) and φ′(x).
  private func function(_ x: Double) -> (Double, Double) {
    switch activation {
    case .identity: return (x, 1)
    case .relu: return x > 0 ? (x, 1) : (0, 0)
    case .leakyReLU: return x > 0 ? (x, 1) : (0.01 * x, 0.01)
    case .tanh:
      let y = Glibc.tanh(x)
      return (y, 1 - y * y)
    case .sigmoid:
      let y = Self.sigmoid(x)
      return (y, y * (1 - y))
    case .exp: return (Glibc.exp(x), Glibc.exp(x))
    case .erf: return (Glibc.erf(x), 2 / Double.pi.squareRoot() * Glibc.exp(-x * x))
    case .softplus: return (max(x, 0) + log1p(Glibc.exp(-abs(x))), Self.sigmoid(x))
    case .sin: return (Glibc.sin(x), Glibc.cos(x))
    case .cos: return (Glibc.cos(x), -Glibc.sin(x))
    case .swish:
      let y = Self.sigmoid(x)
      return (x * y, y + x * y * (1 - y))
    case .gelu:
      let share = 0.5 * (1 + Glibc.erf(x / 2.0.squareRoot()))
      return (x * share, share + x * Glibc.exp(-x * x / 2) / (2 * Double.pi).squareRoot())
    case .quadratic: return (x * x, 2 * x)
    case .abs: return (Swift.abs(x), x > 0 ? 1 : x < 0 ? -1 : 0)
    case .sign: return (x > 0 ? 1 : x < 0 ? -1 : 0, 0)
    case .gaussian: return (Glibc.exp(-x * x), -2 * x * Glibc.exp(-x * x))
    }
  }

  private static func sigmoid(_ x: Double) -> Double {
    x >= 0 ? 1 / (1 + Glibc.exp(-x)) : Glibc.exp(x) / (1 + Glibc.exp(x))
  }
}
