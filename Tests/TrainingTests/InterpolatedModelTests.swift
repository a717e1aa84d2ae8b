import Compute
import Jets
import Networks
import TestSupport
import Testing
import Training

/// Expansions whose layers all multiply by interpolation, against the schoolbook and differences.
@BackendActor @Suite struct InterpolatedModelTests {
  private static let batch = 24

  /// Outputs' coefficients and the gradient of a loss, on the same point of a network.
  private struct Pass {
    var coefficients: [[Double]]
    var gradient: [Double]
  }

  private func pass(
    _ network: Network, _ order: Int, _ products: JetProducts, _ type: ScalarType,
    displacement: Double = 0.5
  ) throws -> Pass {
    let backend = try BackendUnderTest.openblas2.backend()
    let count = network.parameterCount
    // Numbers that float32 holds, so that only arithmetic differs.
    func rounded(_ values: [Double]) -> [Double] { values.map { Double(Float($0)) } }
    let center = try backend.matrix(
      1, count, type, rounded(network.sampleParameters(seed: 1, scale: 1)))
    let model = try Model(network, center: center, order: order, on: backend, products: products)
    try backend.upload(
      rounded(network.sampleParameters(seed: 2, scale: displacement)), to: model.state)
    try model.updateScale()
    let n = Self.batch
    let inputs = try backend.matrix(
      n, network.inputCount, type, sample(n * network.inputCount, seed: 3))
    let outputs = network.outputCount
    let targets = try backend.matrix(
      n, outputs, type, (0..<(n * outputs)).map { $0 % outputs == $0 / outputs % outputs ? 1 : 0 })
    let jet = try model.pushforward(inputs)
    let scale = try backend.download(model.scale!)[0]
    var power = 1.0
    let coefficients = try (0...jet.degree).map { i in
      defer { power /= scale }
      return try backend.download(jet[i]).map { $0 * power }
    }
    let gradient = try backend.matrix(1, count, type)
    try Objective(.mse).gradient(
      model, inputs: inputs, targets: targets, into: gradient,
      outputs: .init(backend, count: n, outputs: outputs, type: type))
    return Pass(coefficients: coefficients, gradient: try backend.download(gradient))
  }

  private func network(_ activation: Activation, depth: Int = 4) throws -> Network {
    try denseNetwork(
      [40] + [Int](repeating: 64, count: depth) + [10],
      [Activation](repeating: activation, count: depth), .ntk)
  }

  /// In float32 the errors of all coefficients, the largest of them against the largest coefficient,
  /// and the error of the gradient are at most twice the schoolbook's, at every order.
  @Test(arguments: 2...8, [Activation.tanh, .relu])
  func errorsAreAtMostTwiceTheSchoolbooks(_ order: Int, _ activation: Activation) throws {
    let network = try network(activation)
    let exact = try pass(network, order, .schoolbook, .float64)
    let interpolated = try pass(network, order, .interpolated, .float32)
    let schoolbook = try pass(network, order, .schoolbook, .float32)
    func error(_ own: Pass) -> Double {
      let errors = zip(own.coefficients, exact.coefficients).map { own, exact in
        norm(zip(own, exact).map { $0 - $1 })
      }
      return errors.max()! / exact.coefficients.map { norm($0) }.max()!
    }
    let (own, other) = (error(interpolated), error(schoolbook))
    #expect(own <= 2 * other, "\(own / other)")
    for (index, exact) in exact.coefficients.enumerated() {
      let own = relativeError(interpolated.coefficients[index], exact)
      let other = relativeError(schoolbook.coefficients[index], exact)
      #expect(own <= 2 * other, "coefficient \(index): \(own / other)")
    }
    #expect(other > 1e-8 && other < 1e-5)
    let slopes = (
      relativeError(interpolated.gradient, exact.gradient),
      relativeError(schoolbook.gradient, exact.gradient)
    )
    #expect(slopes.0 <= 2 * slopes.1, "gradient: \(slopes.0 / slopes.1)")
  }

  /// Gradients against central differences in float64.
  @Test(arguments: [2, 3, 4, 5], [Activation.tanh, .leakyReLU])
  func gradientsAgreeWithCentralDifferences(_ order: Int, _ activation: Activation) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let network = try denseNetwork([5, 8, 7, 6, 3], [activation, activation, activation], .ntk)
    let count = network.parameterCount
    let displacement = network.sampleParameters(seed: 2, scale: 0.3)
    let direction = sample(count, seed: 3)
    let inputs = try backend.matrix(4, 5, .float64, sample(20, seed: 4))
    let targets = try backend.matrix(4, 3, .float64, (0..<12).map { $0 % 3 == $0 / 3 % 3 ? 1 : 0 })
    let model = try Model(
      network,
      center: backend.matrix(
        1, count, .float64, network.sampleParameters(seed: 1, scale: 0.8)),
      order: order, on: backend, products: .interpolated)
    let objective = Objective(.crossEntropy)
    func lossAndGradient(_ t: Double) throws -> (Double, [Double]) {
      try backend.upload(zip(displacement, direction).map { $0 + t * $1 }, to: model.state)
      let gradient = try backend.matrix(1, count, .float64)
      let outputs = try Objective.Outputs(backend, count: 4, outputs: 3, type: .float64)
      try objective.gradient(
        model, inputs: inputs, targets: targets, into: gradient, outputs: outputs)
      let sum = try backend.download(outputs.losses).reduce(0, +)
      return (sum * objective.factor(examples: 4, outputs: 3), try backend.download(gradient))
    }
    func loss(_ t: Double) throws -> Double { try lossAndGradient(t).0 }
    // As in `ModelGradientTests`.
    let h = 1e-3
    let expected = (8 * (try loss(h) - loss(-h)) - (try loss(2 * h) - loss(-2 * h))) / (12 * h)
    let gradient = try lossAndGradient(0).1
    let slope = inner(gradient, direction)
    #expect(abs(slope - expected) <= 1e-8 * norm(gradient) * norm(direction))
    #expect(abs(slope) > 1e-4)
  }

  /// Below the least batch a run is schoolbook throughout, evaluations too.
  @Test func smallBatchesAreSchoolbook() {
    var settings = TrainingSettings(order: 3, loss: .mse, batchSize: 32, steps: 1)
    #expect(settings.products == .auto)
    settings.batchSize = 31
    #expect(settings.products == .schoolbook)
    settings.jetProducts = .interpolated
    #expect(settings.products == .interpolated)
  }
}
