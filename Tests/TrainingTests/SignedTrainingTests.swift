import Compute
import FoundationEssentials
import Networks
import TestSupport
import Testing

@testable import Training

/// Training with random signs is what its definition says, bit for bit, in float32.
@BackendActor @Suite struct SignedTrainingTests {
  private nonisolated static let optimizers: [TrainingSettings.Optimizer] = [
    .sgd, .momentum, .adam, .adamw,
  ]
  private static let steps = 7

  /// Draw Σ, form ΣΔ, take the gradient there, multiply by Σ, update Δ: on the host, but for the
  /// gradient, which comes from a model without signs.
  private struct Definition {
    let network: Network
    let settings: TrainingSettings
    let backend: any Backend
    let start: [Float]
    var delta: [Float]
    var first: [Float]
    var second: [Float]

    init(
      _ network: Network, _ settings: TrainingSettings, _ start: [Double], _ backend: any Backend
    ) {
      self.network = network
      self.settings = settings
      self.backend = backend
      self.start = start.map { Float($0) }
      delta = Array(repeating: 0, count: start.count)
      (first, second) = (delta, delta)
    }

    /// One sign for each parameter: those of hidden neurons' rows.
    func signs(_ step: Int) -> [Float] {
      let hidden = network.parameters.filter { $0.shape.count == 2 }.dropLast()
      let count = hidden.reduce(0) { $0 + $1.shape[0] }
      let words = (0..<(count + 3) / 4).flatMap { block in
        Philox.words(
          seed: settings.seed, purpose: .movementSigns, tensor: 0,
          block: UInt64(step) << 32 + UInt64(block))
      }
      var signs = [Float](repeating: 1, count: start.count)
      var neuron = 0
      for (index, tensor) in network.parameters.enumerated() where hidden.contains(tensor) {
        let (rows, columns) = (tensor.shape[0], tensor.shape[1])
        let bias = network.parameters[index + 1]
        for row in 0..<rows {
          let sign: Float = words[neuron + row] >> 31 == 1 ? -1 : 1
          for column in 0..<columns { signs[tensor.offset + row * columns + column] = sign }
          signs[bias.offset + row] = sign
        }
        neuron += rows
      }
      return signs
    }

    @BackendActor mutating func step(_ step: Int, _ inputs: Matrix, _ targets: Matrix) throws {
      let signs = signs(step)
      let moved = zip(signs, delta).map { $0 * $1 }
      let center = settings.order == 0 ? zip(start, moved).map { $0 + $1 } : start
      let model = try Model(
        network, center: backend.matrix(1, start.count, .float32, center.map { Double($0) }),
        order: settings.order, on: backend)
      if settings.order > 0 {
        try model.load(center: center.map { Double($0) }, displacement: moved.map { Double($0) })
      }
      let gradient = try backend.matrix(1, start.count, .float32)
      try Objective(settings.loss).gradient(
        model, inputs: inputs, targets: targets, into: gradient,
        outputs: Objective.Outputs(
          backend, count: inputs.rows, outputs: targets.columns, type: .float32))
      let g = zip(signs, try backend.download(gradient)).map { $0 * Float($1) }
      update(g, step, used: zip(start, moved).map { $0 + $1 }, signs)
    }

    /// The optimizers as they are published, in float32.
    private mutating func update(_ g: [Float], _ step: Int, used: [Float], _ signs: [Float]) {
      let rate = Float(-settings.learningRate)
      let (b1, b2) = (Float(0.9), Float(0.999))
      let (c1, c2) = (Float(1 - 0.9), Float(1 - 0.999))
      let correction1 = Float(1 - HostMath.power(0.9, step + 1))
      let correction2 = Float(1 - HostMath.power(0.999, step + 1))
      for i in delta.indices {
        switch settings.optimizer {
        case .sgd: delta[i] += rate * g[i]
        case .momentum:
          first[i] = g[i].addingProduct(Float(settings.momentum), first[i])
          delta[i] += rate * first[i]
        default:
          if settings.optimizer == .adamw {
            let decay = Float(-settings.learningRate * settings.weightDecay)
            delta[i] += signs[i] * (decay * used[i])
          }
          first[i] = (c1 * g[i]).addingProduct(b1, first[i])
          second[i] = (c2 * g[i] * g[i]).addingProduct(b2, second[i])
          let root = (second[i] / correction2).squareRoot() + Float(1e-8)
          delta[i] += rate * ((first[i] / correction1) / root)
        }
      }
    }
  }

  @Test(arguments: optimizers, [0, 1, 2])
  func isWhatTheDefinitionSays(_ optimizer: TrainingSettings.Optimizer, _ order: Int) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let network = try denseNetwork([9, 21, 13, 3], [.tanh, .gelu])
    let start = network.sampleParameters(seed: 3).map { Double(Float($0)) }
    let settings = TrainingSettings(
      order: order, loss: .crossEntropy, optimizer: optimizer,
      learningRate: optimizer == .adam || optimizer == .adamw ? 0.02 : 0.3,
      weightDecay: optimizer == .adamw ? 0.1 : 0, batchSize: 20, steps: Self.steps, seed: 12,
      movement: MovementSettings(randomize: .signs))
    let inputs = try backend.matrix(20, 9, .float32, sample(180, seed: 4))
    let targets = try backend.matrix(
      20, 3, .float32, (0..<60).map { $0 % 3 == $0 / 3 % 3 ? 1 : 0 })
    let model = try Model(
      network, center: backend.matrix(1, start.count, .float32, start), settings: settings,
      on: backend)
    let step = try TrainingStep(model, settings)
    let lossSum = try backend.matrix(1, 1, .float32)
    var definition = Definition(network, settings, start, backend)
    for number in 0..<Self.steps {
      try step.run(
        step: number, rate: settings.learningRate, inputs: inputs, targets: targets,
        lossSum: lossSum, squares: nil)
      try definition.step(number, inputs, targets)
      let spare = try backend.matrix(1, start.count, .float32)
      let movement = try backend.download(model.movement(spare: spare))
      // Zeros compare equal whatever their sign.
      #expect(movement == definition.delta.map { Double($0) }, "step \(number)")
    }
    let final = try backend.matrix(1, start.count, .float32)
    try model.parameters(into: final)
    #expect(
      try backend.download(final) == zip(definition.start, definition.delta).map { Double($0 + $1) }
    )
    #expect(definition.delta.contains { abs($0) > 1e-3 })
  }

  private nonisolated static let movements = [
    MovementSettings(randomize: .signs),
    MovementSettings(
      randomize: .signs, movementStd: 0.01, movementPenalty: 0.1, movementExponent: 8, noise: 0.01),
    MovementSettings(movementStd: 0.02, movementPenalty: 0.3, movementExponent: 5, noise: 0.02),
  ]

  private func settings(_ order: Int, _ movement: MovementSettings) -> TrainingSettings {
    TrainingSettings(
      order: order, loss: .crossEntropy, optimizer: order == 2 ? .adam : .momentum,
      learningRate: order == 2 ? 0.01 : 0.1, weightDecay: 1e-3, clipNorm: 1, batchSize: 25,
      steps: 6, seed: 3, logEvery: 2, movement: movement)
  }

  @Test(arguments: [0, 2], movements.indices)
  func everyBackendTrainsTheSameParameters(_ order: Int, _ movement: Int) throws {
    let problem = try Problem.digits(.tanh)
    let settings = settings(order, Self.movements[movement])
    let results = try BackendUnderTest.onEach { backend in
      let result = try problem.trainer(settings, on: backend).run()
      return [result.parametersSHA256, "\(result.train.loss)", "\(result.test?.loss ?? 0)"]
    }
    for other in results.dropFirst() {
      #expect(other.result == results[0].result, "\(other.backend)")
    }
    var plain = settings
    plain.movement = nil
    #expect(
      try problem.hash(plain, on: BackendUnderTest.openblas2.backend()) != results[0].result[0])
  }

  /// Products of signs and coefficients alone, on a two-layer network.
  @Test(arguments: [
    (0, MovementSettings(randomize: .signs, signOrder: 3, movementStd: 0.1)),
    (3, MovementSettings(randomize: .signs, movementStd: 0.1, noise: 0.01)),
    (2, MovementSettings(coefficient: 2, movementStd: 0.1)),
    (2, MovementSettings(randomize: .signs, coefficient: 2, movementStd: 0.1)),
  ])
  func everyBackendTrainsOneCoefficient(_ order: Int, _ movement: MovementSettings) throws {
    let problem = try twoLayers()
    var settings = settings(order, movement)
    settings.frozen = ["layers.2"]
    let hashes = try BackendUnderTest.onEach { try problem.hash(settings, on: $0) }
    for other in hashes.dropFirst() {
      #expect(other.result == hashes[0].result, "\(other.backend)")
    }
  }

  private func twoLayers() throws -> Problem {
    var problem = try Problem.digits(.tanh)
    problem.network = try denseNetwork([64, 18, 10], [.tanh])
    problem.start = problem.network.sampleParameters(seed: 7).map { Double(Float($0)) }
    return problem
  }

  /// A run that is stopped and gone on with ends as an unbroken one, in parameters and metrics.
  @Test(arguments: [0, 2, 3])
  func resumedRunsHaveTheSameBits(_ order: Int) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let problem = try twoLayers()
    var settings = settings(
      order,
      MovementSettings(randomize: .signs, movementStd: 0.05, movementPenalty: 0.1, noise: 0.01))
    settings.frozen = ["layers.2"]
    settings.evaluateEvery = 2
    let whole = TemporaryFolder("whole")
    let broken = TemporaryFolder("broken")
    let result = try problem.trainer(settings, on: backend, directory: makeDirectory(whole)).run()
    let first = try problem.trainer(settings, on: backend, directory: makeDirectory(broken))
    var steps = 0
    first.shouldStop = {
      steps += 1
      return steps == 3
    }
    #expect(try first.run().wasInterrupted)
    let resumed = try problem.trainer(
      settings, on: backend, directory: makeDirectory(broken, resume: true)
    ).run()
    #expect(resumed.parametersSHA256 == result.parametersSHA256)
    for name in ["metrics.csv", "metrics.jsonl"] {
      let bytes = FileManager.default.contents(atPath: whole.path + "/" + name)
      #expect(FileManager.default.contents(atPath: broken.path + "/" + name) == bytes, "\(name)")
      #expect(String(decoding: bytes ?? Data(), as: UTF8.self).contains("penalty"))
    }
  }
}
