import Compute
import Glibc
import Jets
import TestSupport
import Testing

/// compose at order 64, which only float64 has, against Cauchy integrals.
@BackendActor @Suite struct LongSeriesTests {
  private static let order = 64
  private static let points = 480
  /// Of the circle; v below has its pole at 3.
  private static let radius = 2.7

  /// v(t) = b + a/(1 − t/3). With a and b of one sign and all activations' singularities on the
  /// imaginary axis, φ(v(t)) has none in |t| < 3.
  private struct Argument {
    var a: Double
    var b: Double

    func coefficient(_ n: Int) -> Double { (n == 0 ? b : 0) + a * pow(3, -Double(n)) }
    func value(_ t: Number) -> Number { Number(b) + Number(a) / (Number(1) - t / Number(3)) }
    func slope(_ t: Number) -> Number {
      let rest = Number(1) - t / Number(3)
      return Number(a / 3) / (rest * rest)
    }
  }

  /// On the circle |v| stays near 2: beyond, the recurrences' own terms cancel.
  private static let arguments = [
    Argument(a: 0.2, b: 0), Argument(a: -0.15, b: -0.4), Argument(a: 0.1, b: 0.8),
  ]

  /// φ′; of gelu φ″, since Φ of complex numbers has no closed form.
  private static func derivative(_ activation: Activation, _ v: Number, gate: Double) -> Number {
    let sigmoid = Number(1) / (Number(1) + (Number(0) - v).exponential)
    switch activation {
    case .identity: return Number(1)
    case .relu: return Number(gate > 0 ? 1 : 0)
    case .leakyReLU: return Number(gate > 0 ? 1 : 0.01)
    case .tanh:
      let e = (v + v).exponential + Number(1)
      return Number(4) * (v + v).exponential / (e * e)
    case .sigmoid: return sigmoid * (Number(1) - sigmoid)
    case .exp: return v.exponential
    case .erf: return Number(2 / Double.pi.squareRoot()) * (Number(0) - v * v).exponential
    case .softplus: return sigmoid
    case .sin: return v.cosine
    case .cos: return Number(0) - v.sine
    case .swish: return sigmoid + v * sigmoid * (Number(1) - sigmoid)
    case .gelu:
      let density = Number(1 / (2 * Double.pi).squareRoot()) * (Number(-0.5) * v * v).exponential
      return (Number(2) - v * v) * density
    case .quadratic: return v + v
    case .abs: return Number(gate > 0 ? 1 : -1)
    case .sign: return Number(0)
    case .gaussian: return Number(-2) * v * (Number(0) - v * v).exponential
    case .geluTanh:
      let kappa = 2 * (2 / Double.pi).squareRoot()
      let inner = Number(kappa) * (v + Number(0.044715) * v * v * v)
      let gate = Number(1) / (Number(1) + (Number(0) - inner).exponential)
      let slope = Number(kappa) * (Number(1) + Number(3 * 0.044715) * v * v)
      return gate + v * gate * (Number(1) - gate) * slope
    }
  }

  /// e^{iφ} around the circle.
  private static let directions = (0..<points).map { i in
    Number(0, 2 * Double.pi * Double(i) / Double(points)).exponential
  }

  /// rⁿ c_n = (1/2π) ∫ g(r e^{iφ}) e^{−inφ} dφ for n = 0…order, and the largest |g|.
  private static func cauchy(_ g: (Number) -> Number) -> (scaled: [Double], size: Double) {
    let values = directions.map { g(Number(radius) * $0) }
    let scaled = (0...order).map { n in
      var sum = 0.0
      var i = 0
      while i < points {
        let direction = directions[i * n % points]
        sum += values[i].re * direction.re + values[i].im * direction.im
        i += 1
      }
      return sum / Double(points)
    }
    return (scaled, values.reduce(0) { max($0, hypot($1.re, $1.im)) })
  }

  @Test(arguments: Activation.allCases)
  func agreesWithCauchyIntegrals(_ activation: Activation) throws {
    let arguments = Self.arguments
    let order = Self.order
    let z = Series(block: 1, columns: arguments.count, degree: order, directions: 1) { n, _, i in
      arguments[i].coefficient(n)
    }
    let exact = arguments.map { argument in
      let gate = argument.a + argument.b
      return (
        own: Self.cauchy { Self.derivative(activation, argument.value($0), gate: gate) },
        chained: Self.cauchy {
          Self.derivative(activation, argument.value($0), gate: gate) * argument.slope($0)
        }
      )
    }
    for place in [BackendUnderTest.openblas2, .openclHost] {
      let backend = try place.backend()
      let algebra = JetAlgebra(backend, order: order)
      let composed = try algebra.compose(
        activation, z.jet(on: backend, .float64, directions: 1), bias: nil, withSlope: true)
      let value = try Series(composed.value, on: backend)
      let slope = try Series(#require(composed.slope), on: backend)
      for (i, argument) in arguments.enumerated() {
        func power(_ n: Int) -> Double { pow(Self.radius, Double(n)) }
        let (own, chained) = exact[i]
        for n in 1..<order {
          // gelu: n s_n from φ″(v) v′; the others: s_n, and n y_n from φ′(v) v′.
          let label = "coefficient \(n) of \(argument) on \(place)"
          if activation == .gelu {
            let expected = chained.scaled[n - 1] / Double(n)
            let found = slope[n, 0][i] * power(n - 1)
            #expect(abs(found - expected) <= 1e-12 * chained.size, "slope, \(label)")
            let sum = (1...n).reduce(0.0) {
              $0 + Double($1) * argument.coefficient($1) * slope[n - $1, 0][i]
            }
            #expect(
              abs(value[n, 0][i] - sum / Double(n)) * power(n) <= 1e-12 * chained.size, "\(label)")
          } else {
            let found = slope[n, 0][i] * power(n)
            #expect(abs(found - own.scaled[n]) <= 1e-12 * own.size, "slope, \(label)")
            let expected = chained.scaled[n - 1] / Double(n)
            #expect(
              abs(value[n, 0][i] * power(n - 1) - expected) <= 1e-12 * chained.size, "\(label)")
          }
        }
      }
    }
  }

  /// Threads and strips change no bit.
  @Test(arguments: Activation.allCases)
  func threadsChangeNoBit(_ activation: Activation) throws {
    let values = sample(300 * 67 * 3, seed: 9)
    let z = Series(block: 300, columns: 67, degree: 2, directions: 1) { n, _, i in
      values[n * 300 * 67 + i]
    }
    func compose(_ place: BackendUnderTest) throws -> [[UInt64]] {
      let backend = try place.backend()
      let jet = try z.jet(on: backend, .float64, directions: 1, capacity: 20)
      return try JetAlgebra(backend, order: 20).compose(
        activation, jet, bias: nil, withSlope: false
      ).value.allBits(on: backend)
    }
    #expect(try compose(.openblas1) == compose(.openblas2))
  }
}

/// Complex arithmetic of this test alone.
private struct Number {
  var re: Double
  var im: Double

  init(_ re: Double, _ im: Double = 0) { (self.re, self.im) = (re, im) }

  static func + (a: Number, b: Number) -> Number { Number(a.re + b.re, a.im + b.im) }
  static func - (a: Number, b: Number) -> Number { Number(a.re - b.re, a.im - b.im) }
  static func * (a: Number, b: Number) -> Number {
    Number(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re)
  }
  static func / (a: Number, b: Number) -> Number {
    let size = b.re * b.re + b.im * b.im
    return Number((a.re * b.re + a.im * b.im) / size, (a.im * b.re - a.re * b.im) / size)
  }
  var exponential: Number {
    let size = Glibc.exp(re)
    return Number(size * Glibc.cos(im), size * Glibc.sin(im))
  }
  var cosine: Number {
    Number(Glibc.cos(re) * cosh(im), -Glibc.sin(re) * sinh(im))
  }
  var sine: Number {
    Number(Glibc.sin(re) * cosh(im), Glibc.cos(re) * sinh(im))
  }
}
