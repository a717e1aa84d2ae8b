import Compute
import DataSets
import Jets
import Networks
import TestSupport
import Testing

@testable import Training

/// Coefficients 0 that are kept for a training set: the same bits with fewer products, for as long
/// as the center stays.
@BackendActor @Suite struct OrderZeroCacheTests {
  /// Layers of any size.
  private static let all: OrderZeroLayout.Limits = {
    var limits = OrderZeroLayout.Limits(bytes: .max)
    (limits.inputs, limits.weights) = (1, 1)
    return limits
  }()

  /// 60 examples in batches of 25: epochs of 3 steps, the last one smaller.
  private func settings(_ order: Int, steps: Int = 14) -> TrainingSettings {
    TrainingSettings(
      order: order, loss: .crossEntropy, optimizer: .momentum, learningRate: 0.1, clipNorm: 1,
      batchSize: 25, steps: steps, seed: 3)
  }

  /// A run's hash, and how often it has gathered rows.
  private func run(
    _ problem: Problem, _ settings: TrainingSettings, _ limits: OrderZeroLayout.Limits = .none,
    on backend: any Backend, in folder: TemporaryFolder? = nil, resume: Bool = false,
    stopAfter: Int? = nil
  ) throws -> (hash: String, gathers: Int) {
    var gathers = 0
    let observed = ObservedBackend(backend) { if case .run("gather") = $0 { gathers += 1 } }
    let trainer = try problem.trainer(
      settings, on: observed, directory: folder.map { try makeDirectory($0, resume: resume) },
      orderZero: limits)
    trainer.shouldStop = { trainer.stepsDone == stopAfter }
    return (try trainer.run().parametersSHA256, gathers)
  }

  /// Every batch is gathered, inputs and targets; with the cache also the rows of three layers, in
  /// `cached` steps.
  private func gathers(_ settings: TrainingSettings, cached: Int) -> Int {
    2 * settings.steps + 3 * cached
  }

  @Test(
    arguments: [BackendUnderTest.openblas2, .openclHost, .openclDevice],
    [Activation.relu, .tanh])
  func runsHaveTheSameBits(_ place: BackendUnderTest, _ activation: Activation) throws {
    let (backend, problem) = (try place.backend(), try Problem.digits(activation))
    // Devices have their own gather and their own products, and nothing else that could differ.
    let isHost = place == .openblas2
    for order in isHost ? [1, 2, 3] : [activation == .relu ? 1 : 3] {
      var settings = settings(order)
      // The center moves before step 7, or before step 13, and then one step is left.
      for every in !isHost ? [7] : order == 2 ? [0, 7, 13] : [0, 7] {
        settings.relinearization = .every(every)
        let plain = try run(problem, settings, on: backend)
        let kept = try run(problem, settings, Self.all, on: backend)
        #expect(kept.hash == plain.hash, "order \(order), every \(every)")
        #expect(plain.gathers == gathers(settings, cached: 0))
        #expect(kept.gathers == gathers(settings, cached: every == 13 ? 13 : 14))
      }
    }
  }

  /// What is given is the first product of an interpolation; with two blocks at order 5.
  @Test(arguments: [2, 5])
  func interpolatedRunsHaveTheSameBits(_ order: Int) throws {
    let (backend, problem) = (try BackendUnderTest.openblas2.backend(), try Problem.digits(.tanh))
    var settings = settings(order, steps: 4)
    (settings.batchSize, settings.jetProducts) = (32, .interpolated)
    let kept = try run(problem, settings, Self.all, on: backend)
    #expect(try run(problem, settings, on: backend).hash == kept.hash)
    #expect(kept.gathers == gathers(settings, cached: 4))
    settings.jetProducts = .schoolbook
    #expect(try run(problem, settings, on: backend).hash != kept.hash)
  }

  /// Coefficient 0 does not depend on the order at which an activation is computed.
  @Test(arguments: [Activation.leakyReLU, .sin, .gelu, .swish, .gaussian, .softplus])
  func activations(_ activation: Activation) throws {
    let (backend, problem) = (
      try BackendUnderTest.openblas2.backend(), try Problem.digits(activation)
    )
    let settings = settings(2, steps: 6)
    let kept = try run(problem, settings, Self.all, on: backend)
    #expect(try run(problem, settings, on: backend).hash == kept.hash)
    #expect(kept.gathers == gathers(settings, cached: 6))
  }

  /// Residual branches, dropout, normalisations and pooling between dense layers.
  @Test func layers() throws {
    let text = """
      {"input": [1, 8, 8], "layers": [
        {"avg_pool": {"window": 2}}, "flatten", {"dense": {"units": 20}}, {"layer_norm": {}}, "gelu",
        {"dropout": {"rate": 0.3}},
        {"residual": {"main": [{"dense": {"units": 20}}, "tanh", {"dense": {"units": 20}}],
                      "shortcut": [{"dense": {"units": 20, "bias": false}}]}},
        {"layer_norm": {"affine": true}}, "relu", {"dense": {"units": 10}}]}
      """
    var problem = try Problem.digits(.tanh)
    problem.network = try Network(NetworkDescription(json: Array(text.utf8), named: "layers.json"))
    problem.start = problem.network.sampleParameters(seed: 4).map { Double(Float($0)) }
    for type in [ScalarType.float32, .float64] {
      var settings = settings(3, steps: 6)
      settings.type = type
      let backend = try BackendUnderTest.openblas2.backend()
      let kept = try run(problem, settings, Self.all, on: backend)
      #expect(try run(problem, settings, on: backend).hash == kept.hash)
      #expect(kept.gathers == 2 * 6 + 5 * 6)
    }
  }

  /// A run may be gone on with by one that keeps what it did not, and the other way round.
  @Test(arguments: [Relinearization.never, .every(7)])
  func resumedRunsHaveTheSameBits(_ relinearization: Relinearization) throws {
    let (backend, problem) = (try BackendUnderTest.openblas2.backend(), try Problem.digits(.tanh))
    var settings = settings(2)
    settings.relinearization = relinearization
    let expected = try run(problem, settings, on: backend).hash
    for (before, after) in [(Self.all, .none), (.none, Self.all), (Self.all, Self.all)] {
      let folder = TemporaryFolder("kept")
      _ = try run(problem, settings, before, on: backend, in: folder, stopAfter: 5)
      let resumed = try run(problem, settings, after, on: backend, in: folder, resume: true)
      #expect(resumed.hash == expected)
      // 9 steps are left: 2 + 7 after a re-expansion before step 7.
      let cached = after.bytes == 0 ? 0 : relinearization == .never ? 9 : 7
      #expect(resumed.gathers == 2 * 9 + 3 * cached)
    }
  }

  /// What is filled again, and what does not pay: an expansion of less than two epochs; one whose end
  /// is not known before it has lasted for one.
  @Test(arguments: [
    (Relinearization.every(6), 12), (.every(5), 0), (.every(1), 0),
    // Periods of 2, 4 and 8 steps, from steps 0, 2 and 6.
    (.every(2, growth: 2), 8),
    (Relinearization(.trust(share: 1e9, every: 2)), 11),
    (Relinearization(.trust(share: 0, every: 1)), 0),
    // Looked at before steps 5 and 10: the order rises, then the center moves.
    (Relinearization(.adaptiveOrder(tolerance: 1e-12, largest: 2, every: 5)), 7),
  ])
  func expansionsThatPay(_ relinearization: Relinearization, _ cached: Int) throws {
    let (backend, problem) = (try BackendUnderTest.openblas2.backend(), try Problem.digits(.tanh))
    var settings = settings(1)
    settings.relinearization = relinearization
    let kept = try run(problem, settings, Self.all, on: backend)
    #expect(kept.gathers == gathers(settings, cached: cached))
    #expect(try run(problem, settings, on: backend).hash == kept.hash)
  }

  /// A step takes one product less for each layer: exactly 2·batch·inputs·units flops.
  @Test(arguments: 1...3, [JetProducts.schoolbook, .interpolated])
  func savedProducts(_ order: Int, _ products: JetProducts) throws {
    let network = try denseNetwork([200, 160, 150, 100, 10], [.tanh, .relu, .tanh])
    func flops(_ keeps: Bool) throws -> (contractions: Double, all: Double) {
      let null = NullBackend()
      let center = try null.matrix(1, network.parameterCount, .float32)
      let model = try Model(network, center: center, order: order, on: null, products: products)
      let step = try TrainingStep(model, settings(order))
      let set = ResidentExamples(
        inputs: try null.matrix(70, 200, .float32), targets: try null.matrix(70, 10, .float32),
        isClassification: true)
      if keeps { #expect(try step.keepOrderZero(of: set)) }
      let rows = try null.matrix(1, 25, .int32)
      let before = (null.contractionCost.flops, null.cost.flops)
      try step.run(
        step: 0, rate: 0.1, inputs: set.inputs.rows(0..<25), targets: set.targets.rows(0..<25),
        lossSum: try null.matrix(1, 1, .float32), squares: nil, rows: rows)
      return (null.contractionCost.flops - before.0, null.cost.flops - before.1)
    }
    let (plain, kept) = (try flops(false), try flops(true))
    // Of the four layers the first two are large enough; the third has 150·100 weights.
    let saved = 2.0 * 25 * Double(200 * 160 + 160 * 150)
    #expect(plain.contractions - kept.contractions == saved)
    // Interpolation also copies fewer inputs to stand together at node 0.
    let more = plain.all - kept.all - saved
    #expect(products == .schoolbook ? more == 0 : more >= 0 && more < 0.01 * saved)
  }

  // MARK: What is kept

  private func layout(
    _ network: Network, _ settings: TrainingSettings, examples: Int = 60,
    isAugmented: Bool = false, bytes: Int = .max, piece: Int = .max
  ) -> OrderZeroLayout {
    OrderZeroLayout(
      network, settings, examples: examples, isAugmented: isAugmented,
      within: OrderZeroLayout.Limits(bytes: bytes, pieceBytes: piece))
  }

  /// Those with most inputs first, as long as they fit.
  @Test func memoryBoundsWhatIsKept() throws {
    let network = try denseNetwork([200, 300, 128, 400, 100], [.tanh, .relu, .tanh])
    let units = [300, 128, 400, 100]
    func kept(_ bytes: Int, piece: Int = .max) -> [Int] {
      let layout = layout(network, settings(1), bytes: bytes, piece: piece)
      #expect(layout.bytes == layout.layers.reduce(0) { $0 + 60 * 4 * $1.outputs })
      #expect(layout.bytes <= bytes && (layout.reason == nil) == !layout.layers.isEmpty)
      return layout.layers.map { units.firstIndex(of: $0.outputs)! }
    }
    #expect(kept(.max) == [0, 1, 2, 3])
    #expect(kept(60 * 4 * 928) == [0, 1, 2, 3])
    // Inputs: 400, 300, 200, 128.
    #expect(kept(60 * 4 * 928 - 1) == [0, 1, 3])
    #expect(kept(60 * 4 * 228) == [1, 3])
    #expect(kept(60 * 4 * 227) == [3])
    #expect(kept(60 * 4 * 100 - 1) == [])
    #expect(kept(.max, piece: 60 * 4 * 128) == [1, 3])
    let huge = layout(network, settings(1, steps: .max), examples: .max / 8, bytes: .max - 1)
    #expect(huge.layers.isEmpty && huge.reason?.contains("fit") == true)
  }

  @Test func whatKeepsNothingSaysWhy() throws {
    let network = try denseNetwork([200, 300, 10], [.tanh])
    func reason(_ body: (inout TrainingSettings) -> Void = { _ in }) -> String? {
      var settings = settings(1)
      body(&settings)
      return layout(network, settings).reason
    }
    #expect(reason() == nil)
    #expect(reason { $0.order = 0 }?.contains("network itself") == true)
    #expect(reason { $0.movement = MovementSettings(randomize: .signs) }?.contains("signs") == true)
    #expect(reason { $0.steps = 5 }?.contains("2 epochs") == true)
    #expect(reason { $0.steps = 6 } == nil)
    #expect(reason { $0.relinearization = .every(5) }?.contains("2 epochs") == true)
    #expect(reason { $0.relinearization = .every(2, growth: 2) } == nil)
    #expect(
      reason { $0.relinearization = Relinearization(.trust(share: 1, every: 1)) } == nil)
    let small = try denseNetwork([127, 300, 10], [.tanh])
    #expect(layout(small, settings(1)).reason?.contains("128 inputs") == true)
    #expect(layout(network, settings(1), isAugmented: true).reason?.contains("augmented") == true)
    #expect(layout(network, settings(1), bytes: 0).reason == "it is off")
    #expect(layout(network, settings(1), bytes: 5 << 10).reason?.contains("fit") == true)
    let images = """
      {"input": [1, 8, 8], "layers": [{"conv": {"channels": 200, "kernel": 3}}, "flatten",
        {"dense": {"units": 200}}]}
      """
    let convolutional = try Network(
      NetworkDescription(json: Array(images.utf8), named: "images.json"))
    #expect(layout(convolutional, settings(1)).reason?.contains("convolutions") == true)
  }
}
