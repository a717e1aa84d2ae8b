import ArgumentParser
import Maclaurin

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure contractions, training steps and kernels; tune contractions.",
    subcommands: [
      BenchContraction.self, BenchConvolution.self, BenchStep.self, BenchKernel.self,
      BenchFisher.self, BenchScheduler.self,
      BenchPlacement.self,
      BenchProfile.self, BenchChecks.self, BenchTune.self, BenchAll.self,
    ])
}

/// What `bench contraction` measures.
struct ContractionBenchOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Shapes m,n,k, then ta or tb where A or B is transposed, and kept where B is a weight matrix "
        + "that stays as it is, so that its packed form may be kept.",
      valueName: "m,n,k[,ta][,tb][,kept]"))
  var sizes = [
    "512,512,512", "1024,1024,1024", "2048,2048,2048", "4096,4096,4096", "128,2048,2048,tb",
    "128,2048,2048,tb,kept",
  ]

  func measure(
    _ options: BackendOptions, repeats: Int, _ output: OutputOptions
  ) throws -> [String: JSONValue] {
    let shapes = try sizes.map { try ContractionBench.Shape(parsing: $0) }
    let bench = try ContractionBench(options)
    if let note = bench.rivalIsMissing { output.note(note) }
    let results = try shapes.map { try bench.measure($0, repeats: repeats) }
    output.show(bench.table(results))
    return bench.json(results)
  }
}

/// A network with random data.
struct NetworkBenchOptions: ParsableArguments {
  @Option(help: "A network file (JSON), or \(NetworkPreset.forms).")
  var model = "mlp:2048x3"

  @Option(help: ArgumentHelp("Activation of a preset (default relu).", valueName: "name"))
  var activation: String?

  @Option(
    help: ArgumentHelp(
      "One example: features, or channels, height and width, as in 3x32x32.",
      valueName: "n or CxHxW"))
  var inputs = InputShape([784])

  @Option(help: "Outputs of the network.")
  var outputs = 10

  @Option(help: "Examples per step.")
  var batchSize = 128

  func parsedNetwork() throws -> Network {
    guard outputs > 0, batchSize > 0 else {
      throw Misuse("--outputs and --batch-size take positive numbers")
    }
    var preset = try NetworkOptions.parse(["--model", model])
    preset.activation = activation
    let network = try preset.network(input: inputs.extents, outputs: outputs)
    guard network.inputCount == inputs.count, network.outputCount == outputs else {
      throw Misuse(
        "\(model) has \(network.inputCount) inputs and \(network.outputCount) outputs; give them "
          + "as --inputs and --outputs")
    }
    return network
  }
}

/// What `bench step` measures.
struct StepBenchOptions: ParsableArguments {
  @OptionGroup var network: NetworkBenchOptions

  @Option(help: "Orders: full or 1 to 8, with commas between.")
  var orders = "full,1,2,3,4"

  @Option(help: "mse or cross_entropy.")
  var loss = Loss.Kind.crossEntropy

  @Option(help: "sgd, momentum, adam or adamw.")
  var optimizer = TrainingSettings.Optimizer.sgd

  @Option(
    help: ArgumentHelp(
      "signs: with random signs on the movement of hidden neurons.", valueName: "how"))
  var randomize: MovementSettings.Randomization?

  @Flag(
    help: "With coefficient 0 of dense layers kept, as train does for its examples; gathered anew.")
  var orderZeroCache = false

  @Option(help: "auto, schoolbook or interpolated, as for train.")
  var jetProducts = JetProducts.auto

  /// 0 for full.
  func parsedOrders() throws -> [Int] {
    let orders = try self.orders.split(separator: ",").map { name in
      if name == "full" { return 0 }
      guard let order = Int(name), (1...8).contains(order) else {
        throw Misuse("--orders takes full and 1 to 8 with commas between, not \"\(self.orders)\"")
      }
      return order
    }
    guard !orders.isEmpty else { throw Misuse("--orders is empty; give full or 1 to 8") }
    return orders
  }

  func settings(_ order: Int, _ type: ScalarType) -> TrainingSettings {
    TrainingSettings(
      order: order, loss: loss, optimizer: optimizer, batchSize: network.batchSize, steps: 1,
      type: type,
      movement: randomize.map { MovementSettings(randomize: $0, signOrder: 2) },
      jetProducts: jetProducts)
  }

  func benches(_ options: BackendOptions) throws -> [StepBench] {
    let network = try self.network.parsedNetwork()
    return try parsedOrders().map { order in
      try StepBench(
        network, settings(order, options.scalarType()), options, keepsOrderZero: orderZeroCache)
    }
  }

  func measure(
    _ options: BackendOptions, repeats: Int, _ output: OutputOptions
  ) throws -> [String: JSONValue] {
    let benches = try self.benches(options)
    let results = try StepBench.measure(benches, repeats: repeats)
    output.show(StepBench.table(results))
    return StepBench.json(results, benches[0].backend)
  }
}

struct BenchContraction: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "contraction",
    abstract: "A back end's contraction against OpenBLAS sgemm on this machine's processors.",
    discussion: """
      Medians over --repeats, the rivals taking turns in one process and far enough apart that \
      neither's idle threads disturb the other. Packing and launching are part of the time; \
      transfers to a device are not. Both use --threads threads where the back end is the CPU path.
      """)

  @OptionGroup var contraction: ContractionBenchOptions
  @Option(help: "Measurements per shape.") var repeats = 9
  @OptionGroup var backend: BackendOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try validateRepeats(repeats)
    try backend.validateWithoutTrace()
  }

  func run() throws {
    let result = try contraction.measure(backend, repeats: repeats, output)
    if output.json { Console.json(result) }
  }
}

struct BenchStep: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "step",
    abstract: "Training steps: time, share of contractions, memory, by order.",
    discussion: """
      Random data that stays on the device. The orders take turns, so that a change of the \
      processor's speed meets all of them; medians over --repeats. A time relative to the first \
      order's and a share of the peak of fused multiply-adds are medians over turns of what was \
      measured in the same turn.
      """)

  @OptionGroup var step: StepBenchOptions
  @Option(help: "Measured steps per order.") var repeats = 9
  @Flag(
    help: ArgumentHelp(
      "Measure when told to: one line of JSON when ready, then one for every line of stdin (an order "
        + "of --orders: its next step; peak: fused multiply-adds alone)."))
  var interactive = false
  @OptionGroup var backend: BackendOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try validateRepeats(repeats)
    try backend.validateWithoutTrace()
  }

  func run() throws {
    if interactive {
      let benches = try step.benches(backend)
      return try StepBench.serve(benches, StepBench.facts(benches[0].backend))
    }
    let result = try step.measure(backend, repeats: repeats, output)
    if output.json { Console.json(result) }
  }
}

struct BenchAll: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "all", abstract: "Both benchmarks.")

  @OptionGroup var contraction: ContractionBenchOptions
  @OptionGroup var step: StepBenchOptions
  @Option(help: "Measurements of everything.") var repeats = 9
  @OptionGroup var backend: BackendOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try validateRepeats(repeats)
    try backend.validateWithoutTrace()
  }

  func run() throws {
    let first = try contraction.measure(backend, repeats: repeats, output)
    if !output.json { print() }
    let second = try step.measure(backend, repeats: repeats, output)
    if output.json { Console.json(first.merging(second) { old, _ in old }) }
  }
}

extension OutputOptions {
  /// A result for people: on stdout, or on stderr where stdout is for JSON.
  func show(_ table: String) {
    if json { note(table) } else { print(table) }
  }
}

func validateRepeats(_ repeats: Int) throws {
  guard (1...10_000).contains(repeats) else {
    throw ValidationError("--repeats takes 1 to 10000, not \(repeats)")
  }
}
