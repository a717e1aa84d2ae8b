import ArgumentParser
import Maclaurin

struct BenchChecks: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "checks",
    abstract: "What --check costs: training steps with and without it.",
    discussion: """
      The levels take turns on one device, step by step; every step is waited for, so that its \
      checks are part of it. The cost is the median over --repeats of the time of a step with checks \
      over that of the step without, less one.
      """)

  @Option(help: "A network file (JSON), or \(NetworkPreset.forms).")
  var model = "mlp:2048x3"
  @Option(help: "Features of one example.") var inputs = 784
  @Option(help: "Outputs of the network.") var outputs = 10
  @Option(help: "Examples per step.") var batchSize = 512
  @Option(help: "Orders: full or 1 to 8, with commas between.") var orders = "full,1"
  @Option(help: "Levels of --check, with commas between.") var levels = "elements,freivalds,50,1"
  @Option(help: "Measured steps per level.") var repeats = 9
  @OptionGroup var backend: BackendOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    guard (1...10_000).contains(repeats), inputs > 0, outputs > 0, batchSize > 0 else {
      throw ValidationError(
        "--repeats takes 1 to 10000, --inputs, --outputs and --batch-size positive numbers")
    }
  }

  /// One order under one level; nil is without checks.
  private struct Result {
    var order: String
    var level: CheckLevel?
    var seconds: Double
    var cost: Double
    var operations: Int
    var checked: Int
    var elements: Int
    var projections: Int
    var falseTriggers: Int
  }

  func run() throws {
    let levels = try self.levels.split(separator: ",").map { text in
      do {
        return try CheckLevel(parsing: String(text))
      } catch {
        throw Misuse("--levels: \(error)")
      }
    }
    let network = try NetworkOptions.parse(["--model", model])
      .network(input: [inputs], outputs: outputs)
    let device = try backend.makeBackend()
    var results: [Result] = []
    for name in orders.split(separator: ",") {
      guard let order = name == "full" ? 0 : Int(name), (0...8).contains(order) else {
        throw Misuse("--orders takes full and 1 to 8 with commas between, not \"\(orders)\"")
      }
      results += try measure(network, order, levels, on: device)
    }
    if output.json { return Console.json(json(results, device)) }
    print(table(results))
  }

  private func measure(
    _ network: Network, _ order: Int, _ levels: [CheckLevel], on device: any Backend
  ) throws -> [Result] {
    let settings = TrainingSettings(
      order: order, loss: .crossEntropy, optimizer: .sgd, batchSize: batchSize, steps: 1,
      type: try backend.scalarType())
    let cpu = try OpenBLASBackend(threads: backend.threads)
    let backends = try levels.map { try CheckedBackend(device, against: cpu, level: $0) }
    let benches = try ([device] + backends).map { try StepBench(network, settings, on: $0) }
    for bench in benches { for _ in 0..<2 { try bench.run() } }
    var times = benches.map { _ in Measurement() }
    var costs = benches.map { _ in Measurement() }
    for _ in 0..<repeats {
      for index in benches.indices {
        // The step before the measured one warms this model's caches.
        if index == 0 || levels[index - 1] != .whole(every: 1) { try benches[index].run() }
        try times[index].add(benches[index].run)
        costs[index].add(times[index].values.last! / times[0].values.last! - 1)
      }
    }
    return benches.indices.map { index in
      let checks = index == 0 ? CheckStatistics() : backends[index - 1].checks
      return Result(
        order: settings.orderName, level: index == 0 ? nil : levels[index - 1],
        seconds: times[index].median, cost: index == 0 ? 0 : costs[index].median,
        operations: checks.operations, checked: checks.checkedOperations,
        elements: checks.comparedElements, projections: checks.projections,
        falseTriggers: checks.falseTriggers)
    }
  }

  private func table(_ results: [Result]) -> String {
    MaclaurinCommand.table(
      [["order", "check", "ms per step", "cost", "compared elements", "projections"]]
        + results.map { result in
          [
            result.order, result.level.map { "\($0)" } ?? "none", fixed(result.seconds * 1e3, 2),
            result.level == nil ? "" : fixed(100 * result.cost, 2) + " %",
            String(result.elements), String(result.projections),
          ]
        })
  }

  private func json(_ results: [Result], _ device: any Backend) -> [String: JSONValue] {
    [
      "backend": .string(device.name), "model": .string(model),
      "batch_size": .number(Double(batchSize)),
      "checks": .array(
        results.map { result in
          .object([
            "order": .string(result.order),
            "level": result.level.map { .string("\($0)") } ?? .null,
            "step_ms": .number(result.seconds * 1e3), "cost": .number(result.cost),
            "operations": .number(Double(result.operations)),
            "checked_operations": .number(Double(result.checked)),
            "compared_elements": .number(Double(result.elements)),
            "projections": .number(Double(result.projections)),
            "rows_cleared": .number(Double(result.falseTriggers)),
          ])
        }),
    ]
  }
}
