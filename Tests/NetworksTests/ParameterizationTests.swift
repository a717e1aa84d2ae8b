import Compute
import Glibc
import Networks
import TestSupport
import Testing

/// Factors and initial values of the parameterizations.
@BackendActor @Suite struct ParameterizationTests {
  private func factors(
    _ parameterization: Parameterization, fanIn: Int, behindHidden: Bool
  ) -> [Double] {
    let f = parameterization.factors(
      fanIn: fanIn, behindHidden: behindHidden, weightStd: 1.5, biasStd: 0.25)
    return [f.weight, f.bias, f.weightStd, f.biasStd]
  }

  /// Powers of two and squares, so that the expected numbers are exact.
  @Test func factorsByHand() {
    #expect(factors(.standard, fanIn: 64, behindHidden: true) == [1, 1, 1.5 / 8, 0.25])
    #expect(factors(.ntk, fanIn: 64, behindHidden: true) == [1.5 / 8, 0.25, 1, 1])
    // Base width 3·16/3 = 16, three times as wide.
    let improved = Parameterization.improvedStandard(widthScale: 3)
    let wide = factors(improved, fanIn: 48, behindHidden: true)
    #expect(wide == [1 / 3.0.squareRoot(), 1, 1.5 / 4, 0.25])
    #expect(factors(improved, fanIn: 16, behindHidden: false) == [1, 1, 1.5 / 4, 0.25])
    // q = 1: n^{−1/2} and n^0, the ntk parameterization. q = 2: n^{−1/3}, n^{−1/6}. q = 3:
    // n^{−1/4}, n^{−1/4}.
    #expect(factors(.taylor(order: 1), fanIn: 64, behindHidden: true) == [1 / 8.0, 1, 1.5, 0.25])
    #expect(factors(.taylor(order: 2), fanIn: 64, behindHidden: true) == [1 / 4.0, 1, 0.75, 0.25])
    #expect(
      factors(.taylor(order: 3), fanIn: 256, behindHidden: false) == [1 / 4.0, 1, 0.375, 0.25])
  }

  @Test(arguments: [1, 2, 3, 5])
  func taylorFactorsAgainstPowers(_ q: Int) {
    for n in [3, 10, 64, 784, 2048] {
      let f = factors(.taylor(order: q), fanIn: n, behindHidden: true)
      let exponent = Double(q - 1) / Double(2 * q + 2)
      #expect(relativeError([f[0]], [pow(Double(n), -1 / Double(q + 1))]) < 8 * 0x1p-52)
      #expect(relativeError([f[2]], [1.5 * pow(Double(n), -exponent)]) < 8 * 0x1p-52)
    }
  }

  /// The variance of W·y's entries is σw² times that of y's: c_w² std_w² n = σw² at the width of
  /// the network's own kernel, for every parameterization but the improved one's wide layers.
  @Test(arguments: [Parameterization.standard, .ntk, .taylor(order: 2), .taylor(order: 4)])
  func varianceIsKept(_ parameterization: Parameterization) {
    for n in [1, 7, 100, 4096] {
      let f = factors(parameterization, fanIn: n, behindHidden: true)
      #expect(abs(f[0] * f[0] * f[2] * f[2] * Double(n) - 2.25) < 1e-13)
    }
  }

  @Test func builtWidths() throws {
    let network = try denseNetwork(
      [6, 10, 8, 3], [.relu, .tanh], .improvedStandard(widthScale: 3))
    #expect(network.parameters.map(\.shape) == [[30, 6], [30], [24, 30], [24], [3, 24], [3]])
    #expect(network.inputCount == 6 && network.outputCount == 3)
    let stds = network.parameters.map(\.initialStd)
    // Fan-ins of the base widths 6, 10 and 8.
    let expected = [
      1.2 / 6.0.squareRoot(), 0.1, 1.2 / 10.0.squareRoot(), 0.1, 1.2 / 8.0.squareRoot(), 0.1,
    ]
    #expect(relativeError(stds, expected) < 4 * 0x1p-52)
  }

  /// Empirical standard deviations lie within five standard errors, 1/√(2n), and start at zero
  /// where the deviation is zero.
  @Test(arguments: [
    Parameterization.standard, .ntk, .improvedStandard(widthScale: 2), .taylor(order: 2),
  ])
  func initialValues(_ parameterization: Parameterization) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let network = try denseNetwork([50, 200, 100, 10], [.relu, .relu], parameterization)
    func initialize(_ seed: UInt64, on backend: any Backend) throws -> [Double] {
      let vector = try backend.matrix(1, network.parameterCount, .float32)
      try network.initialize(vector, seed: seed, on: backend)
      return try backend.download(vector)
    }
    let values = try initialize(1, on: backend)
    for tensor in network.parameters {
      let part = Array(values[tensor.range])
      let std = norm(part) / Double(part.count).squareRoot()
      let limit = 5 / Double(2 * part.count).squareRoot()
      #expect(abs(std / tensor.initialStd - 1) < limit, "\(tensor.name)")
    }
    #expect(try initialize(1, on: backend) == values)
    #expect(try initialize(2, on: backend) != values)
    for place in BackendUnderTest.canonical {
      #expect(bits(try initialize(1, on: place.backend())) == bits(values), "\(place)")
    }
  }

  @Test func biasesWithoutDeviation() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let standard = try denseNetwork([4, 5, 3], [.relu], biasStd: 0)
    let vector = try backend.matrix(1, standard.parameterCount, .float32)
    try standard.initialize(vector, seed: 3, on: backend)
    let values = try backend.download(vector)
    #expect(Array(values[standard.parameters[1].range]) == [0, 0, 0, 0, 0])
    // Its factor would be 0, so the ntk parameterization leaves such a bias out.
    let ntk = try denseNetwork([4, 5, 3], [.relu], .ntk, biasStd: 0)
    #expect(ntk.parameters.map(\.name) == ["layers.0.weight", "layers.2.weight"])
  }
}
