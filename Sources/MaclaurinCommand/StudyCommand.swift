import ArgumentParser
import FoundationEssentials
import Maclaurin

struct StudyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "orders",
    abstract: "Train several orders in lock-step from one start, and compare them step by step.",
    discussion: """
      All orders share the initial parameters, the mini-batches and all other settings of training; \
      each ends with the bits that train gives it alone. They are evaluated after 0, 1, 2, 4, 8, … \
      steps, up to --evaluate-every, and from then on every so many steps.
      """)

  @OptionGroup(title: "Network") var network: NetworkOptions

  @Option(
    help: ArgumentHelp(
      "Orders to train: 1 to 8, and full, with which the others are compared (default 1,2,3,4,full; "
        + "with --relinearize 1,full).", valueName: "list"))
  var orders: String?

  @Option(
    help: ArgumentHelp(
      "Steps between re-expansions, as in 1,3,10,30,100,inf: each order is trained with each of them.",
      valueName: "list"))
  var relinearize: String?

  @Option(
    help: ArgumentHelp(
      "Also train the network itself by Gauss–Newton steps with this learning rate, usually 1 (see "
        + "--damping); they are not clipped.", valueName: "η"))
  var gaussNewton: Double?

  @Option(
    help: ArgumentHelp(
      "Seeds of initial parameters and shuffles, as 0..9 or 0,3,5.", valueName: "list"))
  var seeds = "0"

  @Option(
    help: ArgumentHelp(
      "An axis of a grid: width=64,128, lr=0.1,0.3 or output_scale=1,10. May be repeated.",
      valueName: "axis=list"))
  var grid: [String] = []

  @Option(
    name: [.customLong("center"), .customLong("initial")],
    help: ArgumentHelp(
      "Start and expand around these parameters: file.safetensors, file.safetensors:prefix., a "
        + "checkpoint or a run's folder.", valueName: "file"))
  var center: String?

  @OptionGroup(title: "Data") var data: DataOptions
  @OptionGroup(title: "Training") var training: TrainingOptions

  @Option(
    help: ArgumentHelp(
      "Folder for the study: tables, report, and one run's folder for each member.",
      valueName: "folder"))
  var out: String?

  @Flag(help: "Write an event file for TensorBoard into every member's folder.")
  var tensorboard = false

  @Flag(help: "Go on with the study in --out.")
  var resume = false

  @Flag(help: "Predict memory and work; run nothing.")
  var plan = false

  @OptionGroup(title: "Where to compute") var backend: BackendOptions
  @OptionGroup(title: "What to print") var report: OutputOptions

  private var kernelProbes: Int { training.expansions.kernelProbes ?? 8 }

  func run() throws {
    guard !resume || out != nil else { throw Misuse("--resume needs --out, the study's folder") }
    guard !tensorboard || out != nil else { throw Misuse("--tensorboard needs --out") }
    guard training.earlyStop == 0 else {
      throw Misuse("--early-stop does not go with study, whose orders train the same steps")
    }
    try training.movement.checkStudy()
    let type = try backend.scalarType()
    let orders = try StudyLists.orders(
      orders ?? (relinearize == nil ? "1,2,3,4,full" : "1,full"))
    let periods = try relinearize.map { try StudyLists.periods($0) } ?? []
    let seeds = try StudyLists.seeds(seeds)
    let variants = StudyVariant.all(
      orders: orders, periods: periods, gaussNewtonRate: gaussNewton)
    if let gaussNewton, !(gaussNewton > 0 && gaussNewton.isFinite) {
      throw Misuse("--gauss-newton takes a positive learning rate, not \(gaussNewton)")
    }
    guard gaussNewton == nil || training.optimizer != .gaussNewton else {
      throw Misuse("--gauss-newton is a baseline for other optimizers; leave --optimizer or it out")
    }
    let grid = try StudyGrid(parsing: grid)
    guard periods.isEmpty || orders != [0] else {
      throw Misuse("--relinearize goes with orders from 1 to 8")
    }
    guard periods.isEmpty || !training.expansions.relinearizes else {
      throw Misuse(
        "--relinearize, a list of periods, excludes --relinearize-every, --relinearize-trust and "
          + "--adaptive-order")
    }
    var training = training
    // Each member puts a period of its own into the place of this one.
    if !periods.isEmpty { training.expansions.relinearizeEvery = "1" }
    try training.expansions.checkNumbers()
    // Before data are loaded: full alone has no expansions.
    _ = try training.expansions.relinearization(order: orders.max() ?? 0)
    let content = try out.map { try StudyDirectory.content(of: $0, resume: resume) }
    let set = try data.load()
    let points = grid.points
    let networks = try points.map {
      try network.network(input: set.inputShape, outputs: set.outputs, width: $0.width)
    }
    let loss = training.loss ?? (set.classCount == nil ? .mse : .crossEntropy)
    for network in networks { try TrainCommand.check(network, against: set, loss: loss) }
    let examples = [set.train.count, set.validation?.count ?? 0, set.test.count]
    let together = TrainingPlan.Study(variants, probes: kernelProbes)
    let selection = try backend.selection()
    let workspace = selection.workspace(
      family: backend.kernelFamily, convolutionBytes: try backend.workspace.bytes())
    let largest = networks.max { $0.parameterCount < $1.parameterCount } ?? networks[0]
    func memory(of selection: BackendSelection) throws -> MemoryCheck {
      MemoryCheck(
        memory: try MemoryCheck.availableMemory(
          selection, numerics: backend.numerics, needsDouble: type == .float64),
        network: largest, examples: examples, images: set.images, workspace: workspace,
        study: together)
    }
    var choice = TrainingOptions.Choice(
      order: orders.max() ?? 0, seed: seeds[0], evaluatesEarly: true,
      hasGaussNewton: gaussNewton != nil)
    if let out, content == .study {
      choice.jetProducts = try RunRecord.jetProducts(of: out, .study)
    }
    let settings = try training.settings(choice, set: set, type: type, writes: out != nil) {
      if let out, content == .study { return try RunRecord.batchSize(of: out, .study) }
      return try memory(of: selection).largestBatch($0)
    }
    let parts = zip(points, networks).flatMap { point, network in
      seeds.map { StudyPart(point, network, seed: $0, settings, variants) }
    }
    let plans = try zip(points, networks).map { point, network in
      try TrainingPlan(
        network, StudyPart(point, network, seed: 0, settings, variants).settings,
        examples: examples, images: set.images, workspace: workspace, study: together)
    }
    if plan {
      return show(plans, settings, members: parts.count * variants.count, seeds: seeds.count)
    }
    let record = StudyRecord(
      run: RunRecord(
        settings: settings, data: data, initial: center, numerics: backend.numerics,
        network: networks[0], examples: examples),
      orders: orders, periods: periods, gaussNewtonRate: gaussNewton, seeds: seeds, grid: grid,
      probes: kernelProbes)
    if let out, content == .study {
      try record.check(in: out)
      if let finished = try RunFiles.finishedResult(in: out) {
        return report.result(finished, StudyTable.text(finished, axes: grid.names), nil)
      }
    }
    let check = try memory(of: selection == .auto ? .openblas : selection)
    for plan in plans { try check.check(plan, settings) }
    if training.picksBatchSize {
      report.note("--batch-size auto: \(settings.batchSize) examples per step")
    }
    let run = StudyRun(
      parts: parts, record: record, set: set, out: out, resume: resume, probes: kernelProbes,
      tensorboard: tensorboard, report: report)
    try backend.compute(report) { device in
      do {
        let (result, text) = try run.run(on: device)
        report.result(result, text, Trace(device, backend))
      } catch let error as BackendError where error.cause == .memory {
        throw try check.shortage(error, settings, held: device.statistics.peakBytes)
      } catch let error as Disagreement {
        if let directory = run.directory {
          try error.write(to: directory.path)
          report.note(
            "\(directory.path)/disagreement.json and .safetensors say how to reproduce it")
        }
        throw error
      }
    }
  }

  /// The memory of the largest part, and the work of all.
  private func show(
    _ plans: [TrainingPlan], _ settings: TrainingSettings, members: Int, seeds: Int
  ) {
    func most(_ value: (TrainingPlan) -> Int) -> Int { plans.map(value).max() ?? 0 }
    let perStep = plans.map(\.flopsPerStep).max() ?? 0
    let flops = plans.reduce(0) { $0 + $1.flopsPerStep } * Double(settings.steps * seeds)
    report.result(
      [
        "members": .number(Double(members)), "parameters": .number(Double(most(\.parameters))),
        "batch_size": .number(Double(settings.batchSize)),
        "peak_bytes": .number(Double(most(\.peakBytes))),
        "largest_buffer_bytes": .number(Double(most(\.largestBuffer))),
        "data_bytes": .number(Double(most(\.dataBytes))),
        "flops_per_step": .number(perStep), "flops": .number(flops),
        "steps": .number(Double(settings.steps)),
      ],
      table([
        ["members", String(members)],
        ["parameters", String(most(\.parameters))],
        ["batch size", String(settings.batchSize)],
        ["memory", bytesText(most(\.peakBytes))],
        ["  in one piece", bytesText(most(\.largestBuffer))],
        ["  of which data", bytesText(most(\.dataBytes))],
        ["GFLOP per step of all orders", fixed(perStep / 1e9, 3)],
        ["GFLOP of the training", fixed(flops / 1e9, 3)],
        ["steps", String(settings.steps)],
      ]), nil)
  }
}

/// The members of a study that train at once: one seed at one place of the grid.
struct StudyPart {
  var point: StudyGrid.Point
  var network: Network
  var seed: UInt64
  /// What its members share.
  var settings: TrainingSettings
  var variants: [StudyVariant]

  init(
    _ point: StudyGrid.Point, _ network: Network, seed: UInt64, _ base: TrainingSettings,
    _ variants: [StudyVariant]
  ) {
    (self.point, self.network, self.seed, self.variants) = (point, network, seed, variants)
    settings = base
    settings.seed = seed
    if let rate = point.values[.lr] { settings.learningRate = rate }
    if let scale = point.values[.outputScale] { settings.outputScale = scale }
  }

  /// "seed-3" or "width-64/seed-3".
  var folder: String { (point.folder.isEmpty ? "" : point.folder + "/") + "seed-\(seed)" }
  func folder(of variant: StudyVariant) -> String { "\(folder)/order-\(variant.name)" }
}
