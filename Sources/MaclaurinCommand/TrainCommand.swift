import ArgumentParser
import FoundationEssentials
import Maclaurin

extension Loss.Kind: ExpressibleByArgument {}
extension TrainingSettings.Optimizer: ExpressibleByArgument {}
extension JetProducts: ExpressibleByArgument {}

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a network, or its Taylor expansion of an order around its start.")

  @OptionGroup(title: "Network") var network: NetworkOptions

  @Option(
    help: ArgumentHelp(
      "Start from these parameters: file.safetensors, file.safetensors:prefix., a checkpoint or a "
        + "run's folder.", valueName: "file"))
  var initial: String?

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Training") var training: TrainingOptions

  @Option(
    help: ArgumentHelp(
      "full (the network itself) or the order of its Taylor expansion, 1 to 8.", valueName: "k"))
  var order = "full"

  @Option(help: ArgumentHelp("Seed of initial parameters and shuffles.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(help: OrderZeroOption.help) var orderZeroCache = OrderZeroOption.auto

  @Flag(help: "Also evaluate after 1, 2, 4, 8, … steps, up to --evaluate-every.")
  var evaluateEarly = false

  @Option(
    help: ArgumentHelp(
      "Folder for the run: settings, metrics, checkpoints, parameters, report.",
      valueName: "folder"))
  var out: String?

  @Flag(help: "Go on with the run in --out from its last checkpoint.")
  var resume = false

  @Flag(help: "Write an event file for TensorBoard into --out.")
  var tensorboard = false

  @Flag(help: "Predict memory and work; run nothing.")
  var plan = false

  @OptionGroup(title: "Where to compute") var backend: BackendOptions
  @OptionGroup(title: "What to print") var report: OutputOptions

  func run() throws {
    guard !resume || out != nil else { throw Misuse("--resume needs --out, the run's folder") }
    guard !tensorboard || out != nil else { throw Misuse("--tensorboard needs --out") }
    let type = try backend.scalarType()
    let order = try training.movement.order(
      TrainingOptions.parsedOrder(order, of: "--order"))
    let content = try out.map { try RunDirectory.content(of: $0, resume: resume) }
    let set = try data.load()
    let network = try network.network(input: set.inputShape, outputs: set.outputs)
    try Self.check(
      network, against: set,
      loss: training.loss ?? (set.classCount == nil ? .mse : .crossEntropy))
    let examples = [set.train.count, set.validation?.count ?? 0, set.test.count]
    let selection = try backend.selection()
    let workspace = selection.workspace(
      family: backend.kernelFamily, convolutionBytes: try backend.workspace.bytes())
    func memory(of selection: BackendSelection) throws -> MemoryCheck {
      MemoryCheck(
        memory: try MemoryCheck.availableMemory(
          selection, numerics: backend.numerics, needsDouble: type == .float64),
        network: network, examples: examples, images: set.images, workspace: workspace)
    }
    let probes = training.expansions.kernelProbes ?? 0
    var choice = TrainingOptions.Choice(
      order: order, seed: seed, evaluatesEarly: evaluateEarly,
      kernelProbes: probes == 0 ? nil : probes)
    if let out, content == .run { choice.jetProducts = try RunRecord.jetProducts(of: out) }
    let settings = try training.settings(choice, set: set, type: type, writes: out != nil) {
      if let out, content == .run { return try RunRecord.batchSize(of: out) }
      return try memory(of: selection).largestBatch($0)
    }
    try settings.movement?.check(network, order: order, frozen: settings.frozen)
    let record = RunRecord(
      settings: settings, data: data, initial: initial, numerics: backend.numerics,
      network: network, examples: examples)
    func room() throws -> AvailableMemory { try memory(of: selection).memory }
    let (prediction, orderZero) = try orderZeroCache.plan(within: room) {
      try TrainingPlan(
        network, settings, examples: examples, images: set.images, workspace: workspace,
        orderZero: $0)
    }
    if plan { return show(prediction, settings) }
    if let out, content == .run {
      try record.check(in: out)
      if let finished = try RunFiles.finishedResult(in: out) {
        if tensorboard { try EventFile(out).finish() }
        return show(finished, nil)
      }
    }

    // Under auto, what does not fit a device is computed on the host.
    let check = try memory(of: selection == .auto ? .openblas : selection)
    try check.check(prediction, settings)
    if training.picksBatchSize {
      report.note("--batch-size auto: \(settings.batchSize) examples per step")
    }

    // Everything that the arguments can get wrong is tried before files appear.
    var directory: RunDirectory?
    func compute(_ device: any Backend) throws {
      let start =
        directory != nil || content == .run ? out.map { $0 + "/initial.safetensors" } : initial
      let center = try Self.startingPoint(network, settings, device, start)
      let train = try ResidentExamples(set.train, type: type, on: device)
      let validation = try set.validation.map { try ResidentExamples($0, type: type, on: device) }
      let test = set.test.count > 0 ? try ResidentExamples(set.test, type: type, on: device) : nil
      if directory == nil, let out {
        let folder = try RunDirectory(out, resume: resume)
        try folder.lock()
        if !folder.contains("run.json") {
          try record.write(to: folder, backend: device, start: try device.download(center))
        }
        directory = folder
      }
      let model = try Model(network, center: center, settings: settings, on: device)
      let trainer = try Trainer(
        model, settings, train: train, validation: validation, test: test, directory: directory,
        orderZero: orderZero)
      try run(trainer, network, settings, set, device, directory, prediction.orderZero)
    }
    try backend.compute(report) { device in
      do {
        try compute(device)
      } catch let error as BackendError where error.cause == .memory {
        throw try check.shortage(error, settings, held: device.statistics.peakBytes)
      } catch let error as Disagreement {
        if let directory {
          try error.write(to: directory.path)
          report.note(
            "\(directory.path)/disagreement.json and .safetensors say how to reproduce it")
        }
        throw error
      }
    }
  }

  /// A network file must fit the data, and the data the loss.
  static func check(_ network: Network, against set: DataSet, loss: Loss.Kind) throws {
    func name(_ layer: Network.LayerSummary?) -> String {
      "layer \(layer?.index ?? 0) (\(layer?.name ?? ""))"
    }
    let (shape, features) = (network.description.input, set.inputShape.reduce(1, *))
    let areImages = shape.count == 3 && set.inputShape.count == 3
    guard areImages ? shape == set.inputShape : network.inputCount == features else {
      throw NetworkError(
        "\(name(network.layers.first)) of the network takes "
          + (areImages ? "images of shape [channels, height, width] = " : "inputs of shape ")
          + "\(shape), but the examples of \(set.name) have shape "
          + "\(set.inputShape); change the network file's \"input\" or --data")
    }
    guard network.outputCount == set.outputs else {
      throw NetworkError(
        "\(name(network.layers.last { $0.parameterCount > 0 })) of the network has output shape "
          + "[\(network.outputCount)], but the targets of \(set.name) have shape "
          + "[\(set.outputs)]; change that layer's \"units\" or --data")
    }
    guard loss == .mse || set.targetEncoding == .oneHot else {
      throw TrainingError(
        "--targets centred are no probabilities and go with --loss mse; give it, or --targets one_hot"
      )
    }
    guard loss == .crossEntropy, case .values(let values, let outputs) = set.train.targets else {
      return
    }
    for (row, first) in stride(from: 0, to: values.count, by: outputs).enumerated() {
      let target = values[first..<first + outputs]
      guard target.allSatisfy({ $0 >= 0 }), abs(target.reduce(0, +) - 1) < 1e-6 else {
        throw TrainingError(
          "--loss cross_entropy needs classes or rows of probabilities, and the targets of "
            + "\(set.name) are other numbers (training example \(row)); give --loss mse, or integer "
            + "labels")
      }
    }
  }

  /// The parameters in the file `start`, or freshly drawn ones.
  static func startingPoint(
    _ network: Network, _ settings: TrainingSettings, _ device: any Backend, _ start: String?
  ) throws -> Matrix {
    if let start {
      return try device.matrix(
        1, network.parameterCount, settings.type, ParameterSet.start(start, network))
    }
    let vector = try device.matrix(1, network.parameterCount, settings.type)
    try network.initialize(vector, seed: settings.seed, on: device)
    return vector
  }

  private func run(
    _ trainer: Trainer, _ network: Network, _ settings: TrainingSettings, _ set: DataSet,
    _ device: any Backend, _ directory: RunDirectory?, _ orderZero: OrderZeroLayout
  ) throws {
    let name = Self.name(of: settings)
    report.note(
      "Training \(name) on \(set.name): \(network.parameterCount) parameters, "
        + "\(set.train.count) examples, \(settings.steps) steps on \(device.name)")
    if orderZero.bytes > 0 { report.note("Order-0 cache: \(OrderZeroOption.text(orderZero))") }
    let bar = ProgressBar(quiet: report.quiet)
    let events = tensorboard ? directory.map { EventFile($0.path) } : nil
    trainer.onProgress = { progress in
      events?.update()
      bar.show(
        progress.step, of: progress.steps, progress.loss.map { "loss \(fixed($0, 4))" } ?? "")
      guard let record = progress.record, record.validation != nil || record.test != nil,
        !report.quiet, !report.json
      else { return }
      bar.clear()
      Console.error(Self.line(record))
    }
    Interruption.catchSignals()
    trainer.shouldStop = { Interruption.isRequested }
    let start = ContinuousClock.now
    let firstStep = directory == nil ? 0 : trainer.lastCheckpointStep
    let result = try trainer.run()
    try device.finish()
    try events?.finish()
    bar.clear()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let examples = Double(
      trainer.examples(inFirst: result.steps) - trainer.examples(inFirst: firstStep))
    var summary = RunFiles.summary(
      result, batchSize: settings.batchSize, seconds: seconds,
      examplesPerSecond: seconds > 0 ? examples / seconds : 0,
      backend: device.name, numerics: device.numerics)
    if result.wasInterrupted {
      report.note(
        "Stopped after step \(result.steps)"
          + (directory.map { "; go on with --out \($0.path) --resume" } ?? ""))
      throw ExitCode(Interruption.exitCode)
    }
    if settings.order > 0 {
      summary["order_zero_cache_bytes"] = .number(Double(orderZero.bytes))
    }
    let placement = PlacementTable(device, seconds: seconds)
    summary.merge(placement.members) { old, _ in old }
    try directory?.write("result.json", Array((JSONValue.object(summary).line + "\n").utf8))
    if let directory { try RunReport.write(to: directory) }
    show(summary, Trace(device, backend))
    if !report.json, !report.quiet, let table = placement.text { print("\n" + table) }
  }

  private static func name(of settings: TrainingSettings) -> String {
    let signs = settings.movement?.signOrder(ofOrder: settings.order)
    let suffix =
      signs.map { $0 == 2 ? " with random signs" : " with products of \($0) signs" } ?? ""
    if let coefficient = settings.movement?.coefficient {
      return "Taylor coefficient \(coefficient) of the network\(suffix)"
    }
    return
      (settings.order == 0 ? "the network itself" : "its expansion of order \(settings.order)")
      + suffix
  }

  /// One evaluation as a line for people.
  private static func line(_ record: MetricsRecord) -> String {
    var parts = ["step \(record.step)"]
    for (name, evaluation) in [("validation", record.validation), ("test", record.test)] {
      guard let evaluation else { continue }
      parts.append("\(name) loss \(fixed(evaluation.loss, 4))")
      if let accuracy = evaluation.accuracy {
        parts.append("accuracy \(fixed(100 * accuracy, 2)) %")
      }
    }
    return parts.joined(separator: "  ")
  }

  private func show(_ summary: [String: JSONValue], _ trace: Trace?) {
    let rows = [
      "steps", "batch_size", "train_loss", "train_accuracy", "validation_loss",
      "validation_accuracy",
      "test_loss", "test_accuracy", "parameters_sha256", "seconds", "examples_per_second",
      "backend", "numerics",
    ].compactMap { name -> [String]? in
      switch summary[name] {
      case .number(let value)?:
        [name, value == value.rounded() && abs(value) < 1e15 ? fixed(value, 0) : fixed(value, 6)]
      case .string(let value)?: [name, value]
      default: nil
      }
    }
    report.result(summary, table(rows), trace)
  }
}
