import Compute
import Networks
import TestSupport
import Testing
import Training

/// Gradients of the expansions' losses against central differences in float64.
@BackendActor @Suite struct ModelGradientTests {
  /// Truncation is h⁴/30 times the fifth derivative along the direction, of norm 14: below 10⁻⁸ of
  /// the slope; rounding is 10⁻¹⁵/h = 10⁻¹².
  private let h = 1e-3

  @Test(
    arguments: [1, 2, 3, 5, 8],
    [Activation.tanh, .leakyReLU, .swish, .gelu, .quadratic, .sin, .abs, .gaussian])
  func gradientsAgreeWithCentralDifferences(_ order: Int, _ activation: Activation) throws {
    try check(denseNetwork([5, 8, 7, 3], [activation, activation], .ntk), order)
  }

  /// Activations on the input and directly behind one another: the slope of the second takes the
  /// first one's memory and may have more coefficients than it.
  @Test(
    arguments: [0, 1, 2, 3, 5, 8],
    [(Activation.leakyReLU, Activation.swish), (.quadratic, .tanh), (.sin, .quadratic)])
  func activationsBehindOneAnother(
    _ order: Int, _ pair: (first: Activation, second: Activation)
  ) throws {
    let layers: [LayerDescription] = [
      .activation(.sin), .activation(.gelu), .dense(.init(units: 8, biasStd: 0.1)),
      .activation(pair.first), .activation(pair.second), .dense(.init(units: 7, biasStd: 0.1)),
      .activation(pair.second), .activation(pair.first), .dense(.init(units: 3, biasStd: 0.1)),
    ]
    try check(
      Network(NetworkDescription(input: [5], parameterization: .ntk, layers: layers)), order)
  }

  private func check(_ network: Network, _ order: Int) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let count = network.parameterCount
    let start = network.sampleParameters(seed: 1, scale: 0.8)
    let displacement = network.sampleParameters(seed: 2, scale: 0.3)
    let direction = sample(count, seed: 3)
    let inputs = try backend.matrix(4, 5, .float64, sample(20, seed: 4))
    let targets = try backend.matrix(4, 3, .float64, (0..<12).map { $0 % 3 == $0 / 3 % 3 ? 1 : 0 })
    let center = try backend.matrix(1, count, .float64, start)
    let model = try Model(network, center: center, order: order, on: backend)

    for kind in Loss.Kind.allCases {
      let objective = Objective(kind)
      func lossAndGradient(_ t: Double) throws -> (Double, [Double]) {
        let moved = zip(displacement, direction).map { $0 + t * $1 }
        let state = order == 0 ? zip(start, moved).map { $0 + $1 } : moved
        try backend.upload(state, to: model.state)
        let gradient = try backend.matrix(1, count, .float64)
        let outputs = try Objective.Outputs(backend, count: 4, outputs: 3, type: .float64)
        try objective.gradient(
          model, inputs: inputs, targets: targets, into: gradient, outputs: outputs)
        let sum = try backend.download(outputs.losses).reduce(0, +)
        return (sum * objective.factor(examples: 4, outputs: 3), try backend.download(gradient))
      }
      func loss(_ t: Double) throws -> Double { try lossAndGradient(t).0 }
      let expected = (8 * (try loss(h) - loss(-h)) - (try loss(2 * h) - loss(-2 * h))) / (12 * h)
      let gradient = try lossAndGradient(0).1
      let slope = inner(gradient, direction)
      #expect(abs(slope - expected) <= 1e-8 * norm(gradient) * norm(direction), "\(kind)")
      #expect(abs(slope) > 1e-4, "\(kind)")
    }
  }
}
