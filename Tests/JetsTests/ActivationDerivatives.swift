import Compute
import Glibc

/// Derivatives of activations by formulas that share nothing with the recurrences of jets, and
/// the composition of series that they give.
enum ActivationDerivatives {
  /// One derivative, and the sum of absolute values of the terms that it was added up from: an
  /// error of one unit in each of them moves it by as many units.
  struct Value {
    var value: Double
    var magnitude: Double

    init(_ value: Double, _ magnitude: Double? = nil) {
      self.value = value
      self.magnitude = magnitude ?? abs(value)
    }

    static func * (factor: Double, a: Value) -> Value {
      Value(factor * a.value, abs(factor) * a.magnitude)
    }
  }

  /// φ(x), φ′(x), …, φ⁽ᵐ⁾(x).
  static func values(_ activation: Activation, at x: Double, upTo m: Int) -> [Value] {
    func exact(_ values: [Double]) -> [Value] {
      (values + [Double](repeating: 0, count: m)).map { Value($0) }
    }
    let (s, c) = (Glibc.sin(x), Glibc.cos(x))
    switch activation {
    case .identity: return exact([x, 1])
    case .relu: return exact(x <= 0 ? [0, 0] : [x, 1])
    case .leakyReLU: return exact(x <= 0 ? [0.01 * x, 0.01] : [x, 1])
    case .tanh: return inPowers(of: Glibc.tanh(x), derivative: [1, 0, -1], m)
    case .sigmoid: return inPowers(of: 1 / (1 + Glibc.exp(-x)), derivative: [0, 1, -1], m)
    case .exp: return (0...m).map { _ in Value(Glibc.exp(x)) }
    case .erf:
      let density = 2 / Double.pi.squareRoot() * Glibc.exp(-x * x)
      return [Value(Glibc.erf(x))] + alternating(hermite(x, m), density) { _ in 1 }
    case .softplus:
      let value = max(x, 0) + log1p(Glibc.exp(-abs(x)))
      return [Value(value)] + values(.sigmoid, at: x, upTo: m)
    case .sin: return (0...m).map { Value([s, c, -s, -c][$0 % 4]) }
    case .cos: return (0...m).map { Value([c, -s, -c, s][$0 % 4]) }
    case .swish: return timesArgument(x, values(.sigmoid, at: x, upTo: m))
    case .gelu:
      // Φ⁽ⁿ⁺¹⁾ = (−1)ⁿ Heₙ(x) φ(x), Heₙ(x) = 2^{−n/2} Hₙ(x/√2)
      let density = Glibc.exp(-x * x / 2) / (2 * Double.pi).squareRoot()
      let derivatives = alternating(hermite(x / 2.0.squareRoot(), m), density) {
        Glibc.pow(2, -Double($0) / 2)
      }
      return timesArgument(x, [Value(0.5 * erfc(-x / 2.0.squareRoot()))] + derivatives)
    case .quadratic: return exact([x * x, 2 * x, 2])
    case .abs: return exact([Swift.abs(x), x > 0 ? 1 : x < 0 ? -1 : 0])
    case .sign: return exact([x > 0 ? 1 : x < 0 ? -1 : 0])
    case .gaussian:
      // (−1)ⁿ Hₙ(x) e^{−x²}
      return alternating(hermite(x, m + 1), Glibc.exp(-x * x)) { _ in 1 }
    case .geluTanh:
      // x·σ(P(x)), by Faà di Bruno.
      let (a, k) = (0.044715, 2 * (2 / Double.pi).squareRoot())
      let inner = k * (x + a * x * x * x)
      let polynomial = [inner, k * (1 + 3 * a * x * x), 3 * k * a * x, k * a]
      let gate = compose(values(.sigmoid, at: inner, upTo: m), polynomial, order: m)
      var factorial = 1.0
      let derivatives = (0...m).map { n in
        factorial *= n == 0 ? 1 : Double(n)
        return Value(factorial * gate.value[n], factorial * gate.majorant[n])
      }
      return timesArgument(x, derivatives)
    }
  }

  /// (−1)ⁿ hₙ·factor·power(n)
  private static func alternating(
    _ h: [Value], _ factor: Double, _ power: (Int) -> Double
  ) -> [Value] {
    h.enumerated().map { n, h in (n % 2 == 0 ? factor : -factor) * power(n) * h }
  }

  /// Derivatives of y where y′ is a polynomial in y: dⁿ⁺¹y = (d/dy dⁿy)·y′.
  private static func inPowers(of y: Double, derivative: [Double], _ m: Int) -> [Value] {
    var polynomial = [0.0, 1]
    return (0...m).map { _ in
      let value = polynomial.reversed().reduce(0.0) { $0 * y + $1 }
      let magnitude = polynomial.reversed().reduce(0.0) { $0 * abs(y) + abs($1) }
      let slope = polynomial.enumerated().dropFirst().map { Double($0) * $1 }
      var next = [Double](repeating: 0, count: slope.count + derivative.count)
      for (i, a) in slope.enumerated() {
        for (j, b) in derivative.enumerated() { next[i + j] += a * b }
      }
      polynomial = next
      return Value(value, magnitude)
    }
  }

  /// Physicists' Hermite polynomials H_0 … H_{m−1}.
  private static func hermite(_ x: Double, _ m: Int) -> [Value] {
    var h = [Value(1), Value(2 * x)]
    for n in 1..<max(2, m) {
      let (a, b) = (2 * x * h[n], 2 * Double(n) * h[n - 1])
      h.append(Value(a.value - b.value, a.magnitude + b.magnitude))
    }
    return Array(h.prefix(m))
  }

  /// Leibniz: (x g)⁽ⁿ⁾ = x g⁽ⁿ⁾ + n g⁽ⁿ⁻¹⁾.
  private static func timesArgument(_ x: Double, _ g: [Value]) -> [Value] {
    g.indices.map { n in
      let a = x * g[n]
      let b = n > 0 ? Double(n) * g[n - 1] : Value(0)
      return Value(a.value + b.value, a.magnitude + b.magnitude)
    }
  }

  /// Coefficients 0…k of Σ_m d_m/m!·(u(t) − u_0)^m for derivatives d, and the same sum of
  /// magnitudes, which measures how much can cancel.
  static func compose(
    _ derivatives: [Value], _ u: [Double], order k: Int
  ) -> (value: [Double], majorant: [Double]) {
    func sum(_ d: [Double], _ u: [Double]) -> [Double] {
      var h = Array(u.prefix(k + 1))
      while h.count <= k { h.append(0) }
      h[0] = 0
      var power = [1.0] + [Double](repeating: 0, count: k)
      var result = [Double](repeating: 0, count: k + 1)
      var factorial = 1.0
      for m in 0...k {
        if m > 0 {
          factorial *= Double(m)
          power = (0...k).map { n in (0...n).reduce(0) { $0 + power[$1] * h[n - $1] } }
        }
        for n in 0...k { result[n] += d[m] / factorial * power[n] }
      }
      return result
    }
    return (sum(derivatives.map(\.value), u), sum(derivatives.map(\.magnitude), u.map(abs)))
  }
}
