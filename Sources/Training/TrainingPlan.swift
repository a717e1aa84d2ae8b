import Compute
import DataSets
import Jets
import Networks

/// What a run will need, found by running one step and one evaluation batch on a backend that
/// only counts.
public struct TrainingPlan: Sendable {
  public var parameters: Int
  /// The pool's high-water mark.
  public var peakBytes: Int
  /// Bytes of the largest single piece of memory.
  public var largestBuffer: Int
  /// Bytes of training data that stay on the device, part of `peakBytes`.
  public var dataBytes: Int
  public var flopsPerStep: Double
  /// What is kept of the training set's coefficients 0, part of `peakBytes`.
  public var orderZero: OrderZeroLayout
  /// The part of `flopsPerStep` that contractions take.
  public var contractionFlopsPerStep: Double
  /// How the layers of an expansion multiply series.
  public var jetProducts: [LayerProducts] = []

  /// What makes a run a study.
  public struct Study: Sendable {
    /// Its members at one seed and place of the grid.
    public var variants: [StudyVariant]
    public var probes: Int

    public init(_ variants: [StudyVariant], probes: Int) {
      self.variants = variants
      self.probes = probes
    }
  }

  /// - Parameters:
  ///   - examples: rows of the training, validation and test sets; the first is not 0.
  ///   - images: what is done to images on their way into the network.
  ///   - workspace: what the backend takes besides.
  ///   - study: what trains at once and the probes of their kernels, of a study.
  ///   - orderZero: what a run, of no study, may keep of its training set's coefficients 0.
  public init(
    _ network: Network, _ settings: TrainingSettings, examples: [Int],
    images: ImagePreparation? = nil, workspace: Workspace = Workspace(), study: Study? = nil,
    orderZero: OrderZeroLayout.Limits = .none
  ) throws {
    let backend = NullBackend(workspace: workspace)
    func resident(_ count: Int) throws -> ResidentExamples {
      ResidentExamples(
        inputs: try backend.matrix(count, network.inputCount, settings.type),
        targets: try backend.matrix(count, network.outputCount, settings.type),
        isClassification: true,
        images: try images.map { try ResidentImages($0, type: settings.type, on: backend) })
    }
    let sets = try examples.map { $0 > 0 ? try resident($0) : nil }
    dataBytes = backend.statistics.liveBytes
    let center = try backend.matrix(1, network.parameterCount, settings.type)
    let (train, validation) = (sets[0]!, sets.count > 1 ? sets[1] : nil)
    let test = sets.count > 2 ? sets[2] : nil
    self.orderZero = OrderZeroLayout(
      network, settings, examples: examples[0], isAugmented: train.isAugmented,
      within: study == nil ? orderZero : .none)
    let all = study?.variants.map { $0.settings(settings) } ?? [settings]
    if let study {
      let group = try StudyGroup(
        network, settings, study.variants, start: center, train: train, validation: validation,
        test: test, probes: study.probes, on: backend)
      try group.rehearse()
    } else {
      let model = try Model(network, center: center, settings: settings, on: backend)
      let trainer = try Trainer(
        model, settings, train: train, validation: validation, test: test, orderZero: orderZero)
      try trainer.rehearse()
    }
    parameters = network.parameterCount
    peakBytes = backend.statistics.peakBytes
    largestBuffer = backend.largestBuffer
    (flopsPerStep, contractionFlopsPerStep) = (0, 0)
    for settings in all {
      let (flops, contractions, products) = try Self.stepFlops(
        network, settings, images, self.orderZero, examples: examples[0])
      flopsPerStep += flops
      contractionFlopsPerStep += contractions
      jetProducts = products
    }
  }

  /// The largest batch, up to that of `settings`, with which a run's plan stays within `bytes`, and
  /// every single piece of its memory within `piece`; nil if none does.
  public static func largestBatch(
    _ network: Network, _ settings: TrainingSettings, examples: [Int], within bytes: Int,
    piece: Int = .max, images: ImagePreparation? = nil, workspace: Workspace = Workspace(),
    study: Study? = nil
  ) throws -> Int? {
    func fits(_ batch: Int) throws -> Bool {
      var smaller = settings
      smaller.batchSize = batch
      let plan = try TrainingPlan(
        network, smaller, examples: examples, images: images, workspace: workspace, study: study)
      return plan.peakBytes <= bytes && plan.largestBuffer <= piece
    }
    guard settings.batchSize >= 1 else { return nil }
    if try fits(settings.batchSize) { return settings.batchSize }
    guard try fits(1) else { return nil }
    var (largest, tooLarge) = (1, settings.batchSize)
    while tooLarge - largest > 1 {
      let middle = (largest + tooLarge) / 2
      if try fits(middle) { largest = middle } else { tooLarge = middle }
    }
    return largest
  }

  private static func stepFlops(
    _ network: Network, _ settings: TrainingSettings, _ images: ImagePreparation?,
    _ orderZero: OrderZeroLayout, examples count: Int
  ) throws -> (Double, Double, [LayerProducts]) {
    let backend = NullBackend()
    let center = try backend.matrix(1, network.parameterCount, settings.type)
    let model = try Model(network, center: center, settings: settings, on: backend)
    let step = try TrainingStep(model, settings)
    let examples = ResidentExamples(
      inputs: try backend.matrix(settings.batchSize, network.inputCount, settings.type),
      targets: try backend.matrix(settings.batchSize, network.outputCount, settings.type),
      isClassification: true,
      images: try images.map { try ResidentImages($0, type: settings.type, on: backend) })
    let rows = try backend.matrix(1, settings.batchSize, .int32)
    var filling = (flops: -backend.cost.flops, contractions: -backend.contractionCost.flops)
    step.orderZeroCache = OrderZeroCache(model, settings, examples, layout: orderZero)
    try step.orderZeroCache?.fill(step.expansion)
    let earlier = backend.jetProducts.count
    let (before, contractions) = (backend.cost.flops, backend.contractionCost.flops)
    // Of the whole set, once in an expansion, as a step's share.
    let fillings = Double(count) / Double(settings.batchSize * orderZero.leastLife(settings, count))
    filling = (
      fillings * (filling.flops + before), fillings * (filling.contractions + contractions)
    )
    let (inputs, targets) = try examples.batch(
      rows, seed: settings.seed, step: 1, on: backend)
    try step.run(
      step: 0, rate: 0, inputs: inputs, targets: targets,
      lossSum: try backend.matrix(1, 1, settings.type), squares: nil, rows: rows)
    let (own, ownContractions) = (
      backend.cost.flops - before, backend.contractionCost.flops - contractions
    )
    let products = LayerProducts.all(backend.jetProducts.dropFirst(earlier), network)
    guard let period = settings.relinearization.firstPeriod else {
      return (own + filling.flops, ownContractions + filling.contractions, products)
    }
    // What is done before some steps only, as a step's share.
    try step.rehearseExpansion(inputs, targets)
    let share = Double(period)
    return (
      own + filling.flops + (backend.cost.flops - before - own) / share,
      ownContractions + filling.contractions
        + (backend.contractionCost.flops - contractions - ownContractions) / share,
      products
    )
  }
}
