import Compute
import Maclaurin
import TestSupport
import Testing

/// What a run takes from a back end's pool, against the plan and against the promise.
@Suite struct TrainingMemoryTests {
  private static let examples = 300, batch = 64, width = 256, depth = 3
  private static let inputs = 100, outputs = 10

  private static func network() throws -> Network {
    try Network(
      NetworkPreset(parsing: "mlp:\(width)x\(depth)")!.description(
        input: [inputs], outputs: outputs, activation: .tanh, parameterization: .standard,
        weightStd: 1, biasStd: 0))
  }

  private static func settings(
    _ order: Int, _ optimizer: TrainingSettings.Optimizer
  ) -> TrainingSettings {
    var settings = TrainingSettings(
      order: order, loss: .crossEntropy, optimizer: optimizer, learningRate: 0.01,
      batchSize: batch, steps: 7, logEvery: 3)
    // As much memory as with more products.
    settings.gaussNewton = GaussNewton(cgIterations: 1)
    return settings
  }

  private static func resident(_ count: Int, on backend: any Backend) throws -> ResidentExamples {
    let values = (0..<count * inputs).map { Double($0 % 7) / 7 - 0.5 }
    let labels = (0..<count).map { Int32($0 % outputs) }
    let examples = Examples(
      values, inputSize: inputs, targets: .classes(labels: labels, count: outputs))
    return try ResidentExamples(examples, type: .float32, on: backend)
  }

  /// The peak of a whole run.
  private static func peak(
    _ settings: TrainingSettings, on backend: any Backend,
    _ orderZero: OrderZeroLayout.Limits = .none
  ) throws -> Int {
    let network = try network()
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 0, on: backend)
    let model = try Model(network, center: center, settings: settings, on: backend)
    let trainer = try Trainer(
      model, settings, train: try resident(examples, on: backend),
      test: try resident(examples / 3, on: backend), orderZero: orderZero)
    _ = try trainer.run()
    return backend.statistics.peakBytes
  }

  private static func expectPlan(
    _ order: Int, _ optimizer: TrainingSettings.Optimizer, on backend: any Backend,
    diagnostics: Diagnostics? = nil,
    workspace: @escaping (Contraction) -> Int = { _ in 0 }
  ) throws {
    var settings = settings(order, optimizer)
    settings.diagnostics = diagnostics
    let plan = try TrainingPlan(
      network(), settings, examples: [examples, 0, examples / 3],
      workspace: Workspace(contractionCount: workspace))
    let peak = Double(try peak(settings, on: backend))
    let ratio = Double(plan.peakBytes) / peak
    #expect(
      (0.9...1.1).contains(ratio), "planned \(plan.peakBytes) of \(peak) bytes, order \(order)")
  }

  @Test(arguments: [0, 1, 2, 4, 8], TrainingSettings.Optimizer.allCases)
  func planPredictsTheHighWaterMark(order: Int, optimizer: TrainingSettings.Optimizer) throws {
    try Self.expectPlan(order, optimizer, on: OpenBLASBackend(threads: 2))
  }

  /// With looks at the model, orders that may rise, and kernels.
  @Test(arguments: [
    Relinearization.Rule.periodic(every: 2, growth: 1), .trust(share: 1e-9, every: 1),
    .adaptiveOrder(tolerance: 1e-9, largest: 3, every: 1),
  ])
  func planPredictsRelinearizedRuns(_ rule: Relinearization.Rule) throws {
    for probes in [nil, 200] {
      let backend = try OpenBLASBackend(threads: 2)
      var settings = Self.settings(1, .momentum)
      settings.relinearization = Relinearization(rule)
      settings.kernelProbes = probes
      // The end, where the training set is evaluated, is then at the highest order.
      settings.steps = 6
      let plan = try TrainingPlan(
        Self.network(), settings, examples: [Self.examples, 0, Self.examples / 3])
      let ratio = Double(plan.peakBytes) / Double(try Self.peak(settings, on: backend))
      #expect((0.9...1.1).contains(ratio), "planned \(plan.peakBytes), ratio \(ratio)")
      // A look at every step counts; a copy of the parameters is little.
      let plain = try TrainingPlan(
        Self.network(), Self.settings(1, .momentum), examples: [Self.examples, 0, 100])
      let work = plan.flopsPerStep / plain.flopsPerStep
      #expect((rule == .periodic(every: 2, growth: 1) ? 1...1.05 : 1.3...2.2).contains(work))
    }
  }

  /// What is kept of the training set counts, on top of what a run takes without it.
  @Test(arguments: [1, 3]) func planPredictsKeptCoefficients(order: Int) throws {
    var settings = Self.settings(order, .momentum)
    settings.steps = 12
    func plan(_ bytes: Int) throws -> TrainingPlan {
      try TrainingPlan(
        Self.network(), settings, examples: [Self.examples, 0, Self.examples / 3],
        orderZero: OrderZeroLayout.Limits(bytes: bytes))
    }
    // Two layers of 256 inputs and units.
    let (kept, plain, half) = (try plan(.max), try plan(0), try plan(1 << 19))
    #expect(kept.orderZero.bytes == 2 * 4 * Self.examples * Self.width)
    #expect(half.orderZero.bytes == 4 * Self.examples * Self.width)
    #expect(plain.orderZero.bytes == 0)
    #expect(kept.peakBytes == plain.peakBytes + kept.orderZero.bytes)
    // A product less for each layer and step; once all products of order 0, of 300 examples, in 12
    // steps. The flops of everything else are those of examples, too, and the same.
    let weights = try Double(
      Self.network().parameters.reduce(0) { $0 + ($1.shape.count == 2 ? $1.count : 0) })
    let saved = 2 * Double(2 * Self.width * Self.width * Self.batch)
    let filling = 2 * weights * Double(Self.examples) / 12
    let change = plain.contractionFlopsPerStep - kept.contractionFlopsPerStep
    #expect(abs(change - (saved - filling)) <= 1e-9 * saved)
    for (limits, expected) in [(OrderZeroLayout.Limits(bytes: .max), kept), (.none, plain)] {
      let backend = try OpenBLASBackend(threads: 2)
      let peak = Double(try Self.peak(settings, on: backend, limits))
      let ratio = Double(expected.peakBytes) / peak
      #expect((0.9...1.1).contains(ratio), "planned \(expected.peakBytes) of \(peak) bytes")
    }
  }

  /// With so few products that none is saved by convergence.
  @Test(arguments: [0, 1, 2]) func planPredictsDiagnostics(order: Int) throws {
    try Self.expectPlan(
      order, .sgd, on: OpenBLASBackend(threads: 2),
      diagnostics: Diagnostics(probes: order == 2 ? 2 : 40, products: 5))
  }

  @Test(arguments: [0, 1, 3], KernelFamily.allCases)
  func planPredictsTheHighWaterMarkOfADevice(order: Int, family: KernelFamily) throws {
    let backend = try OpenCLBackend(deviceIndex: 0, family: family)
    try Self.expectPlan(order, .momentum, on: backend) {
      backend.device.workspaceCount($0, family: family)
    }
  }

  /// Layers of images, whose patches come in several tiles and whose sizes all differ.
  private static func images() throws -> Network {
    let text = """
      {"input": [3, 14, 14], "layers": [
        {"conv": {"channels": 24, "kernel": 3}}, "relu",
        {"conv": {"channels": 16, "kernel": 3, "padding": "same"}}, "tanh",
        {"residual": {"main": ["relu", {"conv": {"channels": 16, "kernel": 3, "padding": 1}}]}},
        {"max_pool": {"window": 2}}, {"layer_norm": {"affine": true}},
        {"conv": {"channels": 12, "kernel": 3, "stride": 2}}, "gelu", {"dense": {"units": 10}}]}
      """
    return try Network(NetworkDescription(json: Array(text.utf8), named: "images.json"))
  }

  @Test(arguments: [0, 2], [nil, KernelFamily.host, .device])
  func planPredictsConvolutionalNetworks(order: Int, family: KernelFamily?) throws {
    let (network, bytes) = (try Self.images(), 1 << 20)
    let settings = Self.settings(order, .momentum)
    let backend: any Backend
    var workspace = Workspace(convolutionBytes: bytes)
    if let family {
      let device = try OpenCLBackend(deviceIndex: 0, family: family)
      workspace.contractionCount = { device.device.workspaceCount($0, family: family) }
      backend = device
    } else {
      backend = try OpenBLASBackend(threads: 2)
    }
    backend.workspaceBytes = bytes
    let plan = try TrainingPlan(
      network, settings, examples: [Self.examples, 0, Self.examples / 3], workspace: workspace)
    func resident(_ count: Int) throws -> ResidentExamples {
      let values = (0..<count * network.inputCount).map { Double($0 % 7) / 7 - 0.5 }
      let labels = (0..<count).map { Int32($0 % Self.outputs) }
      return try ResidentExamples(
        Examples(
          values, inputSize: network.inputCount,
          targets: .classes(labels: labels, count: Self.outputs)), type: .float32, on: backend)
    }
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 0, on: backend)
    let trainer = try Trainer(
      Model(network, center: center, order: order, on: backend), settings,
      train: try resident(Self.examples), test: try resident(Self.examples / 3))
    _ = try trainer.run()
    let ratio = Double(plan.peakBytes) / Double(backend.statistics.peakBytes)
    #expect((0.9...1.1).contains(ratio), "order \(order), \(backend.name): \(ratio)")
    // And what the process keeps for it is not much more.
    if let host = backend as? OpenBLASBackend {
      let kept = Double(host.reservedBytes) / Double(plan.peakBytes)
      #expect((0.9...1.1).contains(kept), "order \(order): \(kept)")
    }
  }

  /// Signs, with the draws of their evaluations, penalty and noise.
  @Test(arguments: [0, 2], [0.0, 0.1])
  func planPredictsARandomizedRun(order: Int, noise: Double) throws {
    let backend = try OpenBLASBackend(threads: 2)
    var settings = Self.settings(order, .momentum)
    settings.movement = MovementSettings(
      randomize: .signs, evaluationDraws: 3, movementPenalty: noise, noise: noise)
    let plan = try TrainingPlan(
      Self.network(), settings, examples: [Self.examples, 0, Self.examples / 3])
    let ratio = Double(plan.peakBytes) / Double(try Self.peak(settings, on: backend))
    #expect((0.9...1.1).contains(ratio), "planned \(plan.peakBytes), ratio \(ratio)")
  }

  /// All members of a study at once, their comparisons and their kernels.
  @Test(arguments: [([0], []), ([1, 2, 0], []), ([4, 1], []), ([1, 0], [1, 3, 0])])
  func planPredictsAStudy(orders: [Int], periods: [Int]) throws {
    let backend = try OpenBLASBackend(threads: 2)
    let network = try Self.network()
    let settings = Self.settings(0, .momentum)
    let study = TrainingPlan.Study(
      StudyVariant.all(orders: orders, periods: periods), probes: 8)
    let plan = try TrainingPlan(
      network, settings, examples: [Self.examples, 0, Self.examples / 3], study: study)
    let start = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(start, seed: 0, on: backend)
    let group = try StudyGroup(
      network, settings, study.variants, start: start,
      train: try Self.resident(Self.examples, on: backend),
      test: try Self.resident(Self.examples / 3, on: backend), probes: 8, on: backend)
    #expect(try group.run())
    let ratio = Double(plan.peakBytes) / Double(backend.statistics.peakBytes)
    #expect((0.9...1.1).contains(ratio), "planned \(plan.peakBytes), ratio \(ratio)")
  }

  /// A small network on augmented images: what is prepared of them counts.
  @Test func planCountsPreparedImages() throws {
    var options = DataSetOptions()
    options.augmentation = Augmentation(padding: 1, flips: true)
    options.normalization = .given(ImageNormalization(means: [0.3], deviations: [0.4]))
    let set = try Digits.load(options)
    let network = try Network(
      NetworkPreset(parsing: "mlp:4x1")!.description(
        input: [64], outputs: 10, activation: .tanh, parameterization: .standard, weightStd: 1,
        biasStd: 0))
    let settings = TrainingSettings(
      order: 0, loss: .crossEntropy, batchSize: 1437, steps: 2, evaluateEvery: 1)
    let examples = [set.train.count, 0, set.test.count]
    let plan = try TrainingPlan(network, settings, examples: examples, images: set.images)
    let bare = try TrainingPlan(network, settings, examples: examples)
    // Normalising takes a difference and a product for each number.
    #expect(plan.flopsPerStep - bare.flopsPerStep == 2 * 1437 * 64)
    let backend = try OpenBLASBackend(threads: 1)
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 0, on: backend)
    let trainer = try Trainer(
      Model(network, center: center, order: 0, on: backend), settings,
      train: ResidentExamples(set.train, type: .float32, on: backend),
      test: ResidentExamples(set.test, type: .float32, on: backend))
    _ = try trainer.run()
    let ratio = Double(plan.peakBytes) / Double(backend.statistics.peakBytes)
    #expect((0.9...1.1).contains(ratio), "\(ratio)")
    #expect(plan.peakBytes > bare.peakBytes)
  }

  /// The plan's largest single piece is the largest that a run asks for.
  @Test(arguments: [0, 1, 4])
  func planPredictsTheLargestPiece(order: Int) throws {
    let settings = Self.settings(order, .momentum)
    let plan = try TrainingPlan(
      Self.network(), settings, examples: [Self.examples, 0, Self.examples / 3])
    var largest = 0
    let backend = ObservedBackend(try OpenBLASBackend(threads: 1)) { event in
      if case .allocate(let bytes) = event { largest = max(largest, bytes) }
    }
    _ = try Self.peak(settings, on: backend)
    #expect(plan.largestBuffer == largest)
  }

  /// The largest batch fits, and one more does not: in sum, or in one piece.
  @Test func largestBatchIsTheEdge() throws {
    let network = try Self.network()
    var settings = Self.settings(2, .sgd)
    settings.batchSize = 3000
    func plan(_ batch: Int) throws -> TrainingPlan {
      var smaller = settings
      smaller.batchSize = batch
      return try TrainingPlan(network, smaller, examples: [3000])
    }
    func largest(_ bytes: Int, _ piece: Int = .max) throws -> Int? {
      try TrainingPlan.largestBatch(
        network, settings, examples: [3000], within: bytes, piece: piece)
    }
    #expect(try largest(.max) == 3000)
    // Batches that take more than an evaluation does.
    for batch in [600, 1511, 2999] {
      let planned = try plan(batch)
      #expect(try largest(plan(batch + 1).peakBytes - 1) == batch)
      #expect(try largest(planned.peakBytes) == batch)
    }
    let piece = try plan(1250).largestBuffer
    #expect(piece > network.parameterCount * 4, "not a case that shows anything")
    #expect(try largest(.max, piece) == 1250)
    #expect(try largest(plan(1).peakBytes - 1) == nil)
    #expect(try largest(.max, 1000) == nil)
  }

  /// θ0, Δ, gradient and the moments, two jets per layer (each of at most order + 1 coefficients)
  /// besides the batch itself, and nothing else larger than a few blocks of sums. With sgd, which
  /// updates a weight as soon as its gradient is there, one layer has a third jet. A Gauss–Newton step
  /// also holds its direction, three vectors of its conjugate gradients, and V directions with their
  /// jets: 1 for orders 0 and 1, else 1 + 2⌈k/2⌉.
  @Test(arguments: [0, 1, 2, 4, 8], TrainingSettings.Optimizer.allCases)
  func aStepTakesNoMoreThanPromised(order: Int, optimizer: TrainingSettings.Optimizer) throws {
    let network = try Self.network()
    let backend = try OpenBLASBackend(threads: 2)
    var settings = Self.settings(order, optimizer)
    // Re-expanding takes no memory of its own.
    settings.relinearization = order == 0 ? .never : .every(2)
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 0, on: backend)
    let model = try Model(network, center: center, order: order, on: backend)
    let step = try TrainingStep(model, settings)
    let batch = try Self.resident(Self.batch, on: backend)
    let sum = try backend.matrix(1, 1, .float32)
    for number in 0..<3 {
      try step.run(
        step: number, rate: 0.01, inputs: batch.inputs, targets: batch.targets, lossSum: sum,
        squares: nil)
    }
    let directions = order <= 1 ? 1 : 1 + 2 * ((order + 1) / 2)
    let isGaussNewton = optimizer == .gaussNewton
    let vectors =
      (order == 0 ? 2 : 3) + settings.momentCount + (isGaussNewton ? 4 + directions : 0)
    let units = Self.inputs + Self.outputs + 2 * (Self.width * Self.depth + Self.outputs)
    let third = optimizer == .sgd ? Self.width : 0
    let jets =
      Self.batch * ((isGaussNewton ? directions * max(1, order) : order) + 1) * (units + third)
    let small = 64 * 1024
    let promised = 4 * (vectors * network.parameterCount + jets) + small
    #expect(backend.statistics.peakBytes <= promised)
    #expect(isGaussNewton || vectors <= 4 + max(0, settings.momentCount - 1))
  }
}
