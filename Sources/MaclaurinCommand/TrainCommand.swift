import ArgumentParser
import FoundationEssentials
import Maclaurin

extension Loss.Kind: ExpressibleByArgument {}
extension TrainingSettings.Optimizer: ExpressibleByArgument {}

struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Train a network, or its Taylor expansion of an order around its start.")

  @OptionGroup var network: NetworkOptions
  @OptionGroup var data: DataOptions
  @OptionGroup var training: TrainingOptions
  @OptionGroup var backend: BackendOptions
  @OptionGroup var report: OutputOptions

  @Option(help: "Start from these parameters: file.safetensors or file.safetensors:prefix.")
  var initial: String?

  @Option(help: "Folder for the run: settings, metrics, checkpoints, parameters, report.")
  var out: String?

  @Flag(help: "Go on with the run in --out from its last checkpoint.")
  var resume = false

  @Flag(help: "Predict memory and work; run nothing.")
  var plan = false

  func run() throws {
    guard !resume || out != nil else { throw Misuse("--resume needs --out, the run's folder") }
    let type = try backend.scalarType()
    let order = try training.parsedOrder()
    let set = try data.load()
    let network = try network.network(input: set.inputShape, outputs: set.outputs)
    try Self.check(network, against: set)
    let settings = try training.settings(order: order, set: set, type: type, writes: out != nil)
    if plan { return try printPlan(network, settings, set) }
    if resume, let finished = try RunFiles.finishedResult(in: out) { return show(finished) }

    let device = try backend.makeBackend()
    let directory = try out.map { try RunDirectory($0, resume: resume) }
    let center = try startingPoint(network, settings, device, directory)
    if let directory {
      let record = RunRecord(settings: settings, data: data.data, network: network)
      if directory.contains("run.json") {
        try record.check(against: directory)
      } else {
        try record.write(to: directory, backend: device, start: try device.download(center))
      }
    }
    let model = try Model(network, center: center, order: settings.order, on: device)
    let trainer = try Trainer(
      model, settings, train: ResidentExamples(set.train, type: type, on: device),
      validation: try set.validation.map { try ResidentExamples($0, type: type, on: device) },
      test: set.test.count > 0 ? ResidentExamples(set.test, type: type, on: device) : nil,
      directory: directory)
    try run(trainer, network, settings, set, device, directory)
  }

  /// A network file must fit the data.
  static func check(_ network: Network, against set: DataSet) throws {
    let features = set.inputShape.reduce(1, *)
    guard network.inputCount == features else {
      throw NetworkError(
        "the network's input is \(network.description.input), but the examples of \(set.name) "
          + "have shape \(set.inputShape)")
    }
    guard network.outputCount == set.outputs else {
      let last = network.layers.last { $0.parameterCount > 0 }
      throw NetworkError(
        "layer \(last?.index ?? 0) (\(last?.name ?? "")) has output shape [\(network.outputCount)], "
          + "but the targets of \(set.name) have shape [\(set.outputs)]")
    }
  }

  private func startingPoint(
    _ network: Network, _ settings: TrainingSettings, _ device: any Backend,
    _ directory: RunDirectory?
  ) throws -> Matrix {
    if let directory, directory.contains("initial.safetensors") {
      return try ParameterSet(parsing: directory.path + "/initial.safetensors")
        .matrix(network, settings.type, on: device)
    }
    if let initial {
      return try ParameterSet(parsing: initial).matrix(network, settings.type, on: device)
    }
    let vector = try device.matrix(1, network.parameterCount, settings.type)
    try network.initialize(vector, seed: settings.seed, on: device)
    return vector
  }

  private func run(
    _ trainer: Trainer, _ network: Network, _ settings: TrainingSettings, _ set: DataSet,
    _ device: any Backend, _ directory: RunDirectory?
  ) throws {
    let name =
      settings.order == 0 ? "the network itself" : "its expansion of order \(settings.order)"
    report.note(
      "Training \(name) on \(set.name): \(network.parameterCount) parameters, "
        + "\(set.train.count) examples, \(settings.steps) steps on \(device.name)")
    let bar = ProgressBar(quiet: report.quiet)
    trainer.onProgress = { progress in
      bar.show(
        progress.step, of: progress.steps, progress.loss.map { "loss \(fixed($0, 4))" } ?? "")
      guard let record = progress.record, !report.quiet, !report.json else { return }
      bar.clear()
      Console.error(Self.line(record))
    }
    Interruption.catchSignals()
    trainer.shouldStop = { Interruption.isRequested }
    let start = ContinuousClock.now
    let firstStep = directory == nil ? 0 : trainer.lastCheckpointStep
    let result = try trainer.run()
    try device.finish()
    bar.clear()
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let examples = Double((result.steps - firstStep) * settings.batchSize)
    let summary = RunFiles.summary(
      result, seconds: seconds, examplesPerSecond: seconds > 0 ? examples / seconds : 0,
      backend: device.name, numerics: device.numerics)
    if result.wasInterrupted {
      report.note(
        "Stopped after step \(result.steps)"
          + (directory.map { "; go on with --out \($0.path) --resume" } ?? ""))
      throw ExitCode(Interruption.exitCode)
    }
    try directory?.write("result.json", Array((JSONValue.object(summary).line + "\n").utf8))
    if let directory { try RunReport.write(to: directory) }
    show(summary)
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

  private func show(_ summary: [String: JSONValue]) {
    if report.json { return Console.json(summary) }
    print(
      table(
        [
          "steps", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy",
          "test_loss", "test_accuracy", "parameters_sha256", "seconds", "examples_per_second",
          "backend", "numerics",
        ].compactMap { name -> [String]? in
          switch summary[name] {
          case .number(let value)?:
            [
              name,
              value == value.rounded() && abs(value) < 1e15 ? fixed(value, 0) : fixed(value, 6),
            ]
          case .string(let value)?: [name, value]
          default: nil
          }
        }))
  }

  private func printPlan(
    _ network: Network, _ settings: TrainingSettings, _ set: DataSet
  ) throws {
    let plan = try TrainingPlan(
      network, settings, examples: [set.train.count, set.validation?.count ?? 0, set.test.count],
      workspace: try backend.selection().contractionWorkspace(family: backend.kernelFamily))
    if report.json {
      return Console.json([
        "parameters": .number(Double(plan.parameters)),
        "peak_bytes": .number(Double(plan.peakBytes)),
        "data_bytes": .number(Double(plan.dataBytes)),
        "flops_per_step": .number(plan.flopsPerStep),
        "contraction_flops_per_step": .number(plan.contractionFlopsPerStep),
        "steps": .number(Double(settings.steps)),
      ])
    }
    print(
      table([
        ["parameters", String(plan.parameters)],
        ["memory", bytesText(plan.peakBytes)],
        ["  of which data", bytesText(plan.dataBytes)],
        ["GFLOP per step", fixed(plan.flopsPerStep / 1e9, 3)],
        ["  in contractions", fixed(plan.contractionFlopsPerStep / 1e9, 3)],
        ["steps", String(settings.steps)],
      ]))
  }
}
