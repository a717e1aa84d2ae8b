import Compute
import Networks
import OpenBLASBackend
import TestSupport
import Testing
import Training

/// Bits that must not depend on where or in which parts something is computed.
@BackendActor @Suite struct BitTests {
  private func settings(_ order: Int, _ loss: Loss.Kind = .crossEntropy) -> TrainingSettings {
    TrainingSettings(
      order: order, loss: loss, optimizer: .momentum, learningRate: 0.1, schedule: "cosine",
      weightDecay: 1e-3, clipNorm: 1, batchSize: 25, steps: 6, seed: 3)
  }

  /// The same parameters_sha256 for every number of threads, instruction set and contraction
  /// family; 60 examples in batches of 25, so that the last batch of an epoch is smaller.
  @Test(arguments: [Activation.relu, .tanh, .erf, .gelu], 0...4)
  func everyBackendTrainsTheSameParameters(_ activation: Activation, _ order: Int) throws {
    let problem = try Problem.digits(activation)
    let settings = settings(order, activation == .erf ? .mse : .crossEntropy)
    var hashes = try BackendUnderTest.onEach { try problem.hash(settings, on: $0) }.map {
      ($0.backend.description, $0.result)
    }
    for instructions in OpenBLASBackend.instructionSets {
      let backend = try OpenBLASBackend(threads: 2, instructionSet: instructions)
      hashes.append((instructions, try problem.hash(settings, on: backend)))
    }
    #expect(hashes[0].1 != Trainer.hash(problem.start))
    for (name, hash) in hashes.dropFirst() { #expect(hash == hashes[0].1, "\(name)") }
  }

  /// Adam and AdamW, whose updates divide and take roots.
  @Test(arguments: [TrainingSettings.Optimizer.adam, .adamw])
  func everyBackendTrainsTheSameParameters(_ optimizer: TrainingSettings.Optimizer) throws {
    let problem = try Problem.digits(.tanh, .ntk)
    var settings = settings(2)
    settings.optimizer = optimizer
    settings.learningRate = 0.01
    let hashes = try BackendUnderTest.onEach { try problem.hash(settings, on: $0) }
    for other in hashes.dropFirst() {
      #expect(other.result == hashes[0].result, "\(other.backend)")
    }
  }

  /// Re-expanding before every step is training the network itself, bit for bit: with Δ = 0 the
  /// gradient of any order is the network's, and fl(θ0 + fl(0 + u)) = fl(θ + u). Moments are kept.
  /// AdamW is here without a decay: its own goes into Δ before u does, one rounding more.
  @Test(arguments: BackendUnderTest.canonical)
  func relinearizingEveryStepIsOrdinaryTraining(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let problem = try Problem.digits(.tanh)
    for optimizer in TrainingSettings.Optimizer.allCases {
      var settings = settings(0)
      settings.optimizer = optimizer
      settings.learningRate = optimizer == .sgd ? 0.3 : 0.01
      if optimizer == .adamw { settings.weightDecay = 0 }
      settings.steps = 30
      let ordinary = try problem.hash(settings, on: backend)
      settings.relinearization = .every(1)
      // The products of order 2 are linear combinations, with other roundings.
      for order in optimizer == .gaussNewton ? [1] : [1, 2] {
        settings.order = order
        #expect(try problem.hash(settings, on: backend) == ordinary, "order \(order), \(optimizer)")
      }
      settings.relinearization = .never
      settings.order = 1
      #expect(try problem.hash(settings, on: backend) != ordinary)
    }
  }

  /// Losses and outputs of an evaluation do not depend on its batch size.
  @Test(arguments: BackendUnderTest.canonical, [0, 2])
  func evaluationDoesNotDependOnItsBatches(_ place: BackendUnderTest, _ order: Int) throws {
    let backend = try place.backend()
    let problem = try Problem.digits(.gelu, examples: 130)
    let settings = settings(order)
    let trainer = try problem.trainer(settings, on: backend)
    _ = try trainer.run()
    let examples = try ResidentExamples(problem.train, type: .float32, on: backend)
    func evaluate(_ batch: Int) throws -> (UInt64, [UInt64]) {
      let (evaluation, outputs) = try Evaluator(
        Objective(.crossEntropy), batchSize: batch
      ).evaluate(trainer.model, on: examples)
      return (evaluation.loss.bitPattern, bits(try backend.download(outputs)))
    }
    let whole = try evaluate(130)
    for batch in [1, 7, 128] {
      let other = try evaluate(batch)
      #expect(other.0 == whole.0, "loss in batches of \(batch)")
      #expect(other.1 == whole.1, "outputs in batches of \(batch)")
    }
  }

  /// Frozen tensors keep their values and take no part in the others' training but as constants.
  @Test(arguments: BackendUnderTest.canonical, [0, 2])
  func frozenTensorsKeepTheirBits(_ place: BackendUnderTest, _ order: Int) throws {
    let problem = try Problem.digits(.tanh)
    for (pattern, isFrozen) in [
      ("layers.0", { $0.hasPrefix("layers.0") }), ("layers.2.weight", { $0 == "layers.2.weight" }),
      ("*.bias", { $0.hasSuffix(".bias") }),
    ] as [(String, (String) -> Bool)] {
      var settings = settings(order)
      settings.frozen = [pattern]
      let trainer = try problem.trainer(settings, on: place.backend())
      _ = try trainer.run()
      let parameters = try trainer.parameters()
      for tensor in problem.network.parameters {
        let isSame =
          bits(Array(parameters[tensor.range])) == bits(Array(problem.start[tensor.range]))
        #expect(isSame == isFrozen(tensor.name), "\(tensor.name) with \(pattern)")
      }
    }
  }

  /// Statistics of batch normalization keep their values under every optimizer and decay, and the
  /// others train with them, with the same bits everywhere.
  @Test(arguments: [TrainingSettings.Optimizer.momentum, .adamw], [0, 2])
  func statisticsAreNotTrained(_ optimizer: TrainingSettings.Optimizer, _ order: Int) throws {
    var problem = try Problem.digits(.tanh)
    problem.network = try Network(
      NetworkDescription(
        input: [64],
        layers: [
          .dense(.init(units: 16)), .batchNorm(.init()), .activation(.tanh),
          .dense(.init(units: 10)), .batchNorm(.init(isAffine: false)),
        ]))
    problem.start = problem.network.sampleParameters(seed: 5).map { Double(Float($0)) }
    var settings = settings(order)
    settings.optimizer = optimizer
    settings.learningRate = 0.01
    let results = try BackendUnderTest.onEach { backend in
      let trainer = try problem.trainer(settings, on: backend)
      _ = try trainer.run()
      return bits(try trainer.parameters())
    }
    let start = bits(problem.start)
    for (place, result) in results {
      #expect(result == results[0].result, "\(place)")
      for tensor in problem.network.parameters {
        let isSame = Array(result[tensor.range]) == Array(start[tensor.range])
        #expect(isSame == (tensor.statistic != nil), "\(tensor.name) on \(place)")
      }
    }
  }

  @Test func wrongFreezePatterns() throws {
    let problem = try Problem.digits(.relu)
    let backend = try BackendUnderTest.openblas1.backend()
    for (patterns, words) in [(["layer.7"], "layers.0.weight"), (["*"], "nothing to train")] {
      var settings = settings(0)
      settings.frozen = patterns
      let error = #expect(throws: TrainingError.self) {
        _ = try problem.trainer(settings, on: backend)
      }
      #expect(error?.description.contains(words) == true)
    }
  }
}
