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

  /// Base width 16: r = 4 and 9 are squares. Times c, std and Adam's factor are the effective
  /// deviation and learning rate of the published table: σw/√n, but 1/√r_i times it at the output,
  /// and η, η/r_i; gradient descent's is c²: r_o, r_o/r_i, 1/r_i.
  @Test func mupFactorsByHand() {
    func factors(_ fanIn: Int, _ input: Int?, _ output: Int?) -> Parameterization.Factors {
      Parameterization.mup(baseWidth: 16).factors(
        fanIn: fanIn, behindHidden: input != nil, ends: .init(input: input, output: output),
        weightStd: 1.5, biasStd: 0.25)
    }
    func numbers(_ f: Parameterization.Factors) -> [Double] {
      [f.weight, f.weightStd, f.weightRate.adam, f.bias, f.biasStd, f.biasRate.adam]
    }
    #expect(numbers(factors(25, nil, 64)) == [2, 1.5 / 5 * 0.5, 0.5, 2, 0.125, 0.5])
    #expect(numbers(factors(64, 64, 64)) == [1, 1.5 / 8, 0.25, 2, 0.125, 0.5])
    #expect(numbers(factors(64, 64, nil)) == [0.5, 1.5 / 8, 0.5, 1, 0.25, 1])
    // A kernel of 9 positions from r = 9 to r = 4.
    let wide = factors(9 * 144, 144, 64)
    #expect(
      relativeError(numbers(wide), [2.0 / 3, 1.5 / 36 * 1.5, 1.0 / 6, 2, 0.125, 0.5]) < 1e-15)
    // Neither end grows: a linear map.
    #expect(numbers(factors(25, nil, nil)) == [1, 1.5 / 5, 1, 1, 0.25, 1])
    for f in [factors(25, nil, 64), wide, factors(64, 64, nil)] {
      #expect(f.weightRate.sgd == 1 && f.biasRate.sgd == 1)
    }
  }

  /// Which layer is input, hidden and output, in dense and convolutional networks, and inside
  /// residual blocks at the end. Every r is 4.
  @Test func mupRoles() throws {
    func multipliers(_ input: String, _ layers: String) throws -> [Double] {
      try Network(
        NetworkDescription(
          json: Array(
            #"{"input": \#(input), "parameterization": "mup", "base_width": 4, "layers": [\#(layers)]}"#
              .utf8), named: "net.json")
      ).parameters.map(\.multiplier)
    }
    let dense = #"{"dense": {"units": 16}}"#
    let conv = #"{"conv": {"channels": 16, "kernel": 3}}"#
    let end = #"{"dense": {"units": 3}}"#
    #expect(
      try multipliers("[5]", "\(dense), \"relu\", \(dense), \(end)") == [2, 2, 1, 2, 0.5, 1])
    #expect(try multipliers("[5]", end) == [1, 1])
    #expect(
      try multipliers("[2, 8, 8]", "\(conv), \"relu\", \(conv), \"global_avg_pool\", \(end)")
        == [2, 2, 1, 2, 0.5, 1])
    let branches = #"{"residual": {"main": [\#(dense), \#(end)], "shortcut": [\#(end)]}}"#
    #expect(try multipliers("[5]", "\(dense), \(branches)") == [2, 2, 1, 2, 0.5, 1, 0.5, 1])
    let norm = #"{"layer_norm": {"affine": true}}"#
    #expect(
      try multipliers("[5]", "\(norm), \(dense), \(norm), \(end), \(norm)")
        == [1, 1, 2, 2, 2, 2, 0.5, 1, 1, 1])
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
