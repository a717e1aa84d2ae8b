import ArgumentParser
import Maclaurin

/// How to train.
struct TrainingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "cross_entropy (default for classes) or mse (default for numbers).", valueName: "name"))
  var loss: Loss.Kind?

  @Option(help: ArgumentHelp("sgd, momentum, adam, adamw or gauss-newton.", valueName: "name"))
  var optimizer = TrainingSettings.Optimizer.sgd

  @Option(help: ArgumentHelp("Learning rate.", valueName: "η"))
  var lr = 0.1

  @Option(
    help: ArgumentHelp(
      "constant, linear, cosine or step:FACTOR@EPOCH,EPOCH.", valueName: "schedule"))
  var lrSchedule = "constant"

  @Option(help: ArgumentHelp("Momentum μ of --optimizer momentum.", valueName: "μ"))
  var momentum = 0.9

  @Option(help: ArgumentHelp("Weight decay λ.", valueName: "λ"))
  var weightDecay = 0.0

  @Option(
    help: ArgumentHelp("Largest global norm of the gradient; 0: no clipping.", valueName: "norm"))
  var clipNorm = 0.0

  @Option(
    help: ArgumentHelp(
      "Examples per step, full, or auto: as many as fit into memory.", valueName: "n"))
  var batchSize = "128"

  @Option(help: ArgumentHelp("Passes over the training set (default 20).", valueName: "n"))
  var epochs: Int?

  @Option(help: ArgumentHelp("Steps, instead of --epochs.", valueName: "n"))
  var steps: Int?

  @Option(
    help: ArgumentHelp(
      "Steps between evaluations (default: one epoch; 0: only at the end).", valueName: "n"))
  var evaluateEvery: Int?

  @Option(
    help: ArgumentHelp(
      "Steps between checkpoints in --out (default: one epoch; 0: only at the end).", valueName: "n"
    ))
  var checkpointEvery: Int?

  @Option(help: ArgumentHelp("Steps between lines of metrics.", valueName: "n"))
  var logEvery = 10

  @Option(
    help: ArgumentHelp(
      "Stop after so many evaluations without a lower validation loss; 0: never.", valueName: "n"))
  var earlyStop = 0

  @Option(
    name: .customLong("freeze"), parsing: .upToNextOption,
    help: "Tensors that keep their values: names or patterns, as in layers.0 or '*.bias'.")
  var frozen: [String] = []

  @Flag(help: "Write the test set's outputs at every evaluation to logits/ in --out.")
  var saveLogits = false

  @Option(
    help: ArgumentHelp(
      "Train the centred model α(f(x; θ) − f(x; θ0)), with the loss divided by α² (lazy training).",
      valueName: "α"))
  var outputScale: Double?

  @Option(
    help: ArgumentHelp(
      """
      How wide dense layers multiply series: auto (fewer products by interpolation), schoolbook, or \
      interpolated whatever the widths.
      """, valueName: "how"))
  var jetProducts: JetProducts?

  @OptionGroup(title: "Expansions") var expansions: RelinearizationOptions
  @OptionGroup var layerRates: LayerRateOptions
  @OptionGroup(title: "Curvature") var curvature: CurvatureOptions
  @OptionGroup(title: "Movement") var movement: MovementOptions

  /// 0 for full.
  static func parsedOrder(_ text: String, of option: String) throws -> Int {
    if text == "full" { return 0 }
    guard let number = Int(text), (1...8).contains(number) else {
      throw Misuse("\(option) takes full or 1 to 8, not \"\(text)\"")
    }
    return number
  }

  /// What a single run says for itself, and the members of a study differ in.
  struct Choice {
    /// 0 for full.
    var order: Int
    var seed: UInt64
    var evaluatesEarly = false
    var kernelProbes: Int?
    /// Whether a study's baseline is trained by gauss-newton.
    var hasGaussNewton = false
    /// Of the run that is resumed, where --jet-products does not say it.
    var jetProducts = JetProducts.auto
  }

  var picksBatchSize: Bool { batchSize == "auto" }

  /// - Parameter largestBatch: the batch size that auto means, at most that of the settings it is
  ///   given, which are those of a run in batches of the whole set.
  func settings(
    _ choice: Choice, set: DataSet, type: ScalarType, writes: Bool,
    largestBatch: (TrainingSettings) throws -> Int
  ) throws -> TrainingSettings {
    try checkNumbers()
    func settings(_ batchSize: Int) throws -> TrainingSettings {
      try self.settings(choice, set: set, type: type, writes: writes, batchSize: batchSize)
    }
    guard picksBatchSize else { return try settings(parsedBatchSize(set.train.count)) }
    return try settings(largestBatch(settings(set.train.count)))
  }

  private func settings(
    _ choice: Choice, set: DataSet, type: ScalarType, writes: Bool, batchSize: Int
  ) throws -> TrainingSettings {
    let isClassification = set.classCount != nil
    let perEpoch = (set.train.count + batchSize - 1) / batchSize
    guard steps == nil || epochs == nil else { throw Misuse("give --steps or --epochs, not both") }
    guard steps ?? 1 >= 1, epochs ?? 1 >= 1 else {
      throw Misuse("--steps and --epochs take positive numbers")
    }
    let (total, overflow) = (epochs ?? 20).multipliedReportingOverflow(by: perEpoch)
    guard !overflow else { throw Misuse("--epochs \(epochs ?? 0) is too many") }
    guard earlyStop == 0 || set.validation != nil else {
      throw Misuse("--early-stop needs a validation set; give --validation-share, for example 0.1")
    }
    do {
      _ = try LearningRateSchedule(parsing: lrSchedule)
    } catch {
      throw Misuse("\(error)")
    }
    var settings = TrainingSettings(
      order: choice.order, loss: loss ?? (isClassification ? .crossEntropy : .mse),
      optimizer: optimizer,
      learningRate: lr, schedule: lrSchedule, momentum: momentum, weightDecay: weightDecay,
      clipNorm: clipNorm, batchSize: batchSize, steps: steps ?? total,
      relinearization: try expansions.relinearization(order: choice.order), seed: choice.seed,
      type: type,
      evaluateEvery: evaluateEvery ?? perEpoch,
      checkpointEvery: writes ? checkpointEvery ?? perEpoch : 0, logEvery: logEvery,
      earlyStop: earlyStop, frozen: frozen, saveLogits: saveLogits,
      evaluatesEarly: choice.evaluatesEarly, outputScale: outputScale,
      kernelProbes: choice.kernelProbes, jetProducts: jetProducts ?? choice.jetProducts)
    settings.layerRates = try layerRates.settings()
    settings.movement = try movement.settings()
    try curvature.apply(to: &settings, isBaseline: choice.hasGaussNewton)
    do {
      try settings.checkMovement()
    } catch {
      throw Misuse("\(error)")
    }
    return settings
  }

  private func parsedBatchSize(_ count: Int) throws -> Int {
    if batchSize == "full" { return count }
    guard let size = Int(batchSize), size >= 1 else {
      throw Misuse("--batch-size takes a positive number, full or auto, not \"\(batchSize)\"")
    }
    guard size <= count else {
      throw TrainingError(
        "the batch size \(size) is larger than the training set, which has \(count) examples; "
          + "lower --batch-size or give full")
    }
    return size
  }

  private func checkNumbers() throws {
    let reals = [
      ("--lr", lr), ("--momentum", momentum), ("--weight-decay", weightDecay),
      ("--clip-norm", clipNorm),
    ]
    for (name, value) in reals where !(value >= 0 && value.isFinite) {
      throw Misuse("\(name) must be a number that is not negative, and is \(value)")
    }
    let counts = [
      ("--evaluate-every", evaluateEvery ?? 0),
      ("--checkpoint-every", checkpointEvery ?? 0), ("--early-stop", earlyStop),
      ("--log-every", logEvery - 1),
    ]
    for (name, value) in counts where value < 0 {
      throw Misuse("\(name) must not be negative")
    }
    if let outputScale, !(outputScale > 0 && outputScale.isFinite) {
      throw Misuse("--output-scale must be a positive number, and is \(outputScale)")
    }
    guard logEvery <= 1 << 20 else { throw Misuse("--log-every takes at most \(1 << 20)") }
  }
}
