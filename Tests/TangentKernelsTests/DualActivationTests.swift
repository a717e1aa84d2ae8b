import Compute
import Glibc
import Testing

@testable import TangentKernels

/// T and T′ of activations, and the quadrature behind them.
@Suite struct DualActivationTests {
  /// E[z^{2k}] = (2k − 1)!!, odd moments vanish, and E[e^{sz}] = e^{s²/2}.
  @Test func momentsOfTheQuadrature() {
    let rule = NormalQuadrature.standard
    func mean(_ f: (Double) -> Double) -> Double {
      zip(rule.nodes, rule.weights).reduce(0) { $0 + $1.1 * f($1.0) }
    }
    var moment = 1.0
    for k in 0..<6 {
      #expect(abs(mean { pow($0, Double(2 * k)) } / moment - 1) < 1e-12, "moment \(2 * k)")
      #expect(abs(mean { pow($0, Double(2 * k + 1)) }) < 1e-12)
      moment *= Double(2 * k + 1)
    }
    for s in [0.5, 1, 2] { #expect(abs(mean { exp(s * $0) } / exp(s * s / 2) - 1) < 1e-13) }
  }

  private static let covariances = [
    (0.3, 1.0, 1.0), (-0.7, 0.9, 0.6), (0.0, 1.3, 0.2), (1.1, 1.2, 1.1), (0.5, 0.5, 0.5),
  ]

  /// The closed forms of smooth activations against quadrature, which knows only φ and φ′.
  @Test(arguments: [Activation.identity, .erf, .gelu, .sin, .cos, .exp, .quadratic, .gaussian])
  func closedFormsOfSmoothActivations(_ activation: Activation) {
    let dual = DualActivation(activation)
    #expect(dual.isClosed)
    for (c, a, b) in Self.covariances {
      let (value, slope) = dual.dual(c, a, b)
      let (expected, expectedSlope) = dual.quadrature(c, a, b)
      #expect(abs(value - expected) < 1e-9 * (1 + abs(expected)), "\(c), \(a), \(b)")
      #expect(abs(slope - expectedSlope) < 1e-9 * (1 + abs(expectedSlope)), "\(c), \(a), \(b)")
    }
  }

  /// relu at correlation 1, 0 and −1, where its integrals are elementary; leaky_relu is α·u plus
  /// (1 − α)·relu, and E[u·relu(v)] = c/2.
  @Test func rectifiers() {
    let relu = DualActivation(.relu)
    let cases: [(Double, Double, Double, Double, Double)] = [
      (6, 4, 9, 3, 0.5), (0, 4, 9, 6 / (2 * .pi), 0.25), (-6, 4, 9, 0, 0),
    ]
    for (c, a, b, value, slope) in cases {
      let found = relu.dual(c, a, b)
      #expect(abs(found.value - value) < 1e-14 && abs(found.slope - slope) < 1e-14)
    }
    for (c, a, b) in Self.covariances {
      let (rectified, leaky) = (relu.dual(c, a, b), DualActivation(.leakyReLU).dual(c, a, b))
      let (alpha, rest) = (0.01, 0.99)
      let value = alpha * alpha * c + alpha * rest * c + rest * rest * rectified.value
      let slope = alpha * alpha + alpha * rest + rest * rest * rectified.slope
      #expect(abs(leaky.value - value) < 1e-14 && abs(leaky.slope - slope) < 1e-14)
    }
  }

  /// abs(u) = relu(u) + relu(−u) and sign = d abs/du, so that its T is abs's T′; its own T′ is 0.
  @Test func absoluteValuesAndSigns() {
    let (relu, absolute, sign) = (
      DualActivation(.relu), DualActivation(.abs), DualActivation(.sign)
    )
    #expect(absolute.isClosed && sign.isClosed)
    for (c, a, b) in Self.covariances {
      let (same, opposite) = (relu.dual(c, a, b), relu.dual(-c, a, b))
      let found = absolute.dual(c, a, b)
      #expect(abs(found.value - 2 * (same.value + opposite.value)) < 1e-14)
      #expect(abs(found.slope - 2 * (same.slope - opposite.slope)) < 1e-14)
      #expect(abs(sign.dual(c, a, b).value - found.slope) < 1e-14)
      #expect(sign.dual(c, a, b).slope == 0)
    }
    // Perfectly correlated, independent, opposite.
    for (c, value) in [(6.0, 1.0), (0, 0), (-6, -1)] {
      #expect(abs(sign.dual(c, 4, 9).value - value) < 1e-15)
    }
  }

  /// T′ = dT/dc (Price's theorem) by differences; not for sign, whose φ′ has no density.
  @Test(arguments: Activation.allCases.filter { $0 != .sign })
  func pricesTheorem(_ activation: Activation) {
    let dual = DualActivation(activation)
    for (c, a, b) in [(0.3, 1.0, 1.2), (-0.4, 0.8, 0.9)] {
      let step = 1e-4
      let difference =
        (dual.dual(c + step, a, b).value - dual.dual(c - step, a, b).value) / (2 * step)
      let slope = dual.dual(c, a, b).slope
      #expect(abs(slope - difference) < 1e-6 * (1 + abs(slope)), "\(slope) \(difference)")
    }
  }

  /// tanh at variance 4, whose poles come near, against a sum four times as fine.
  @Test func quadratureOfTanh() {
    let (a, b, c) = (4.0, 2.0, 1.5)
    let step = 0.05
    var (value, slope) = (0.0, 0.0)
    let across = (b - c * c / a).squareRoot()
    for i in -180...180 {
      for j in -180...180 {
        let (x, y) = (Double(i) * step, Double(j) * step)
        let weight = exp(-(x * x + y * y) / 2) * step * step / (2 * .pi)
        let (u, v) = (tanh(2 * x), tanh(c / 2 * x + across * y))
        value += weight * u * v
        slope += weight * (1 - u * u) * (1 - v * v)
      }
    }
    let found = DualActivation(.tanh).dual(c, a, b)
    #expect(abs(found.value - value) < 1e-10, "\(found.value - value)")
    #expect(abs(found.slope - slope) < 1e-9, "\(found.slope - slope)")
  }
}
