import Compute
import Networks
import TestSupport
import Testing

@testable import Training

/// Gradients of the penalty and of single coefficients against central differences in float64,
/// noise, and what signs cost.
@BackendActor @Suite struct MovementGradientTests {
  private let h = 1e-3

  /// λ(Σ_r ‖w_r‖⁴)^{p/4} of the movement's rows, biases included, in plain Swift.
  private func penalty(_ movement: [Double], _ network: Network, _ factor: Double, _ p: Int)
    -> Double
  {
    let dense = network.parameters.indices.filter { network.parameters[$0].shape.count == 2 }
    var sum = 0.0
    for index in dense.dropLast() {
      let (weight, bias) = (network.parameters[index], network.parameters[index + 1])
      let columns = weight.shape[1]
      for row in 0..<weight.shape[0] {
        let first = weight.offset + row * columns
        let squares = movement[first..<(first + columns)].reduce(0) { $0 + $1 * $1 }
        let own = squares + movement[bias.offset + row] * movement[bias.offset + row]
        sum += own * own
      }
    }
    // S^{p/4} from the fourth root.
    return factor * HostMath.power(sum.squareRoot().squareRoot(), p)
  }

  private func makePenalty(
    _ network: Network, _ movement: [Double], _ factor: Double, _ p: Int, on backend: any Backend
  ) throws -> MovementPenalty {
    let settings = MovementSettings(movementPenalty: factor, movementExponent: p)
    let center = try backend.matrix(1, movement.count, .float64)
    let model = try Model(network, center: center, order: 1, on: backend, movement: settings)
    try model.load(center: movement.map { _ in 0 }, displacement: movement)
    return try MovementPenalty(
      model, factor: factor, exponent: p, isTrainable: network.parameters.map { _ in true })
  }

  @Test(arguments: BackendUnderTest.canonical, [1, 2, 3, 4, 5, 8, 11])
  func penaltiesAgreeWithCentralDifferences(_ place: BackendUnderTest, _ p: Int) throws {
    let backend = try place.backend()
    let network = try denseNetwork([5, 8, 7, 3], [.tanh, .tanh])
    let count = network.parameterCount
    let movement = sample(count, seed: 2).map { 0.4 * $0 }
    let direction = sample(count, seed: 3)
    let own = try makePenalty(network, movement, 0.7, p, on: backend)
    let before = sample(count, seed: 6)
    let vector = try backend.matrix(1, count, .float64, before)
    try own.add(to: vector)
    let gradient = zip(try backend.download(vector), before).map { $0 - $1 }
    func value(_ t: Double) -> Double {
      penalty(zip(movement, direction).map { $0 + t * $1 }, network, 0.7, p)
    }
    let expected = (8 * (value(h) - value(-h)) - (value(2 * h) - value(-2 * h))) / (12 * h)
    #expect(abs(inner(gradient, direction) - expected) <= 1e-8 * norm(gradient) * norm(direction))
    #expect(abs(expected) > 1e-4)
    let reported = try own.start()()
    #expect(abs(reported - value(0)) <= 1e-13 * value(0))
    // The last layer is no hidden one.
    let last = network.parameters[4]
    #expect(gradient[last.range].allSatisfy { $0 == 0 })
  }

  @Test(arguments: [1, 2, 4, 8])
  func thePenaltyOfNoMovementHasNoGradient(_ p: Int) throws {
    let backend = try BackendUnderTest.openclDevice.backend()
    let network = try denseNetwork([5, 8, 3], [.tanh])
    let zero = [Double](repeating: 0, count: network.parameterCount)
    let own = try makePenalty(network, zero, 0.7, p, on: backend)
    let vector = try backend.matrix(1, zero.count, .float64, zero)
    try own.add(to: vector)
    #expect(try backend.download(vector) == zero)
    #expect(try own.start()() == 0)
  }

  @Test(arguments: 1...5, [1.0, 2.5])
  func coefficientsAgreeWithCentralDifferences(_ k: Int, _ scale: Double) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let network = try denseNetwork([5, 8, 7, 3], [.tanh, .gelu], .ntk)
    let count = network.parameterCount
    let start = network.sampleParameters(seed: 1, scale: 0.8)
    let displacement = network.sampleParameters(seed: 2, scale: 0.3)
    let direction = sample(count, seed: 3)
    let inputs = try backend.matrix(4, 5, .float64, sample(20, seed: 4))
    let targets = try backend.matrix(4, 3, .float64, (0..<12).map { $0 % 3 == $0 / 3 % 3 ? 1 : 0 })
    let center = try backend.matrix(1, count, .float64, start)
    let model = try Model(
      network, center: center, order: k, on: backend, outputScale: scale == 1 ? nil : scale,
      movement: MovementSettings(coefficient: k))
    func lossAndGradient(_ t: Double) throws -> (loss: Double, outputs: [Double], [Double]) {
      try backend.upload(
        zip(displacement, direction).map { $0 + t * $1 }, to: model.state)
      let gradient = try backend.matrix(1, count, .float64)
      let outputs = try Objective.Outputs(backend, count: 4, outputs: 3, type: .float64)
      try Objective(.crossEntropy).gradient(
        model, inputs: inputs, targets: targets, into: gradient, outputs: outputs)
      return (
        try backend.download(outputs.losses).reduce(0, +) / 4,
        try backend.download(outputs.values), try backend.download(gradient)
      )
    }
    func loss(_ t: Double) throws -> Double { try lossAndGradient(t).loss }
    let expected = (8 * (try loss(h) - loss(-h)) - (try loss(2 * h) - loss(-2 * h))) / (12 * h)
    let (_, outputs, gradient) = try lossAndGradient(0)
    let slope = inner(gradient, direction)
    // With an output scale the loss is divided by its square.
    #expect(
      abs(slope - expected / (scale * scale)) <= 1e-8 * norm(gradient) * norm(direction))
    #expect(abs(expected) > 1e-7)
    // Homogeneous of degree k: F(2Δ) = 2^k F(Δ).
    try backend.upload(displacement.map { 2 * $0 }, to: model.state)
    let twice = try backend.download(Evaluator(Objective(.mse)).outputs(model, at: inputs))
    let power = HostMath.power(2, k)
    #expect(relativeError(twice, outputs.map { power * $0 }) < 1e-13)
    #expect(norm(outputs) > 1e-8)
  }

  @Test func aCoefficientThatIsZeroEverywhereIsAnError() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let network = try denseNetwork([5, 8, 3], [.relu])
    let center = try backend.matrix(1, network.parameterCount, .float32)
    let model = try Model(
      network, center: center, order: 3, on: backend, movement: MovementSettings(coefficient: 3))
    let x = try backend.matrix(2, 5, .float32, sample(10, seed: 1))
    #expect(throws: TrainingError.self) { try model.pushforward(x) }
  }

  /// What noise adds to Δ in one step is −ησξ: normal, of its own for every step, the same again.
  @Test func noiseIsNormal() throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let problem = try Problem.digits(.tanh)
    var settings = TrainingSettings(
      order: 1, loss: .mse, learningRate: 1e-3, batchSize: 60, steps: 1, seed: 4, frozen: ["*.bias"]
    )
    func moved(_ noise: Double, steps: Int) throws -> [Double] {
      settings.movement = MovementSettings(noise: noise)
      settings.steps = steps
      let trainer = try problem.trainer(settings, on: backend)
      _ = try trainer.run()
      return try backend.download(trainer.model.state)
    }
    let quiet = try moved(0, steps: 1)
    let (loud, again) = (try moved(0.25, steps: 1), try moved(0.25, steps: 1))
    #expect(loud == again)
    let drawn = zip(loud, quiet).map { ($0 - $1) / (-1e-3 * 0.25) }
    let trained = problem.network.parameters.filter { !$0.name.hasSuffix("bias") }
    let values = trained.flatMap { drawn[$0.range] }
    for tensor in problem.network.parameters where tensor.name.hasSuffix("bias") {
      #expect(loud[tensor.range].allSatisfy { $0 == 0 })
    }
    let n = Double(values.count)
    func moment(_ k: Int) -> Double { values.reduce(0) { $0 + HostMath.power($1, k) } / n }
    // Variances of sample moments of a normal distribution: 1, 2, 15, 96.
    #expect(abs(moment(1)) < 4 * (1 / n).squareRoot())
    #expect(abs(moment(2) - 1) < 4 * (2 / n).squareRoot())
    #expect(abs(moment(3)) < 4 * (15 / n).squareRoot())
    #expect(abs(moment(4) - 3) < 4 * (96 / n).squareRoot())
    // The second step's noise is another: not correlated with the first's.
    let both = zip(try moved(0.25, steps: 2), try moved(0, steps: 2)).map { ($0 - $1) / -0.25e-3 }
    let second = trained.flatMap { tensor in tensor.range.map { both[$0] - drawn[$0] } }
    #expect(abs(inner(values, second)) / n < 4 / n.squareRoot())
    #expect(abs(inner(second, second) / n - 1) < 4 * (2 / n).squareRoot())
  }

  /// Σ costs what it adds to a step: below 2 % of its arithmetic and of its memory traffic.
  /// Of the network itself: beside θ0 and Δ there is θ, so θ0 is read and θ written in the update. Of
  /// an expansion: signed rows are updated tensor by tensor, so ‖Δ‖² takes a pass over Δ of its own.
  @Test(arguments: [0, 1, 2, 4], [TrainingSettings.Optimizer.sgd, .adam])
  func signsCostAlmostNothing(_ order: Int, _ optimizer: TrainingSettings.Optimizer) throws {
    let network = try denseNetwork([784, 512, 512, 512, 10], [.relu, .relu, .relu])
    func cost(_ movement: MovementSettings?) throws -> Cost {
      let backend = NullBackend()
      let settings = TrainingSettings(
        order: order, loss: .crossEntropy, optimizer: optimizer, batchSize: 128, steps: 2,
        movement: movement)
      let center = try backend.matrix(1, network.parameterCount, .float32)
      let step = try TrainingStep(
        Model(network, center: center, settings: settings, on: backend), settings)
      let inputs = try backend.matrix(128, 784, .float32)
      let targets = try backend.matrix(128, 10, .float32)
      let lossSum = try backend.matrix(1, 1, .float32)
      func run(_ number: Int) throws {
        try step.run(
          step: number, rate: 0.1, inputs: inputs, targets: targets, lossSum: lossSum, squares: nil)
      }
      // The first step enters the frame.
      try run(0)
      let before = backend.cost
      try run(1)
      return Cost(
        flops: backend.cost.flops - before.flops, bytes: backend.cost.bytes - before.bytes)
    }
    let (plain, signed) = (
      try cost(nil), try cost(MovementSettings(randomize: .signs, signOrder: 2))
    )
    #expect(signed.flops <= 1.0001 * plain.flops)
    let pass = 4 * Double(network.parameterCount)
    let passes = order == 0 ? 2.0 : 1
    #expect(signed.bytes <= 1.002 * plain.bytes + passes * pass && signed.bytes > plain.bytes)
  }
}
