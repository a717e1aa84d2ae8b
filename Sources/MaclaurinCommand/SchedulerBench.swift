import ArgumentParser
import Maclaurin

struct BenchScheduler: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scheduler",
    abstract: "What choosing a place costs per operation.",
    discussion: """
      Training steps on back ends that compute nothing, with the scheduler in front of two of them \
      and without it, taking turns; the difference over the number of operations. The profiles are \
      such that operations stay where they are, so that every decision is made in full.
      """)

  @OptionGroup var step: StepBenchOptions
  @Option(help: "Measurements of everything.") var repeats = 9
  @OptionGroup var output: OutputOptions

  func validate() throws { try validateRepeats(repeats) }

  func run() throws {
    let steps = 50
    var rows = [["order", "operations per step", "µs per operation", "without", "scheduling"]]
    var members: [JSONValue] = []
    for order in try step.parsedOrders() {
      let with = try bench(order, on: Self.scheduler())
      let without = try bench(order, on: NullBackend())
      let operations = try operations(order)
      var (a, b) = (Measurement(), Measurement())
      for number in 0..<(repeats + 2) {
        var (one, other) = (Measurement(), Measurement())
        try one.add { for _ in 0..<steps { try with.run() } }
        try other.add { for _ in 0..<steps { try without.run() } }
        // The first two warm up.
        if number >= 2 {
          a.add(one.fastest)
          b.add(other.fastest)
        }
      }
      let scale = 1e6 / Double(steps * operations)
      let overhead = (a.median - b.median) * scale
      rows.append([
        order == 0 ? "full" : "\(order)", "\(operations)", fixed(a.median * scale, 2),
        fixed(b.median * scale, 2), fixed(overhead, 2),
      ])
      members.append(
        .object([
          "order": .string(order == 0 ? "full" : "\(order)"),
          "operations": .number(Double(operations)),
          "microseconds_per_operation": .number(a.median * scale),
          "microseconds_without_scheduler": .number(b.median * scale),
          "scheduling_microseconds": .number(overhead),
        ]))
    }
    if output.json {
      Console.json(["scheduler": .array(members)])
    } else {
      print(table(rows))
    }
  }

  private func bench(_ order: Int, on backend: any Backend) throws -> StepBench {
    try StepBench(step.parsedNetwork(), step.settings(order, .float32), on: backend)
  }

  private func operations(_ order: Int) throws -> Int {
    let counter = NullBackend()
    let bench = try bench(order, on: counter)
    let before = counter.statistics.launches.values.reduce(0, +)
    try bench.run()
    return counter.statistics.launches.values.reduce(0, +) - before
  }

  private static func scheduler() -> Scheduler {
    func profile(_ rate: Double) -> DeviceProfile {
      DeviceProfile(
        launch: 1e-6, opening: 0.1, transferLatency: 1e-5, uploadRate: 1e10, downloadRate: 1e10,
        memoryRate: rate, elementwiseRate: 10 * rate, contractionRate: 10 * rate)
    }
    return Scheduler(
      host: NullBackend(), hostProfile: profile(1e10), measureHost: { profile(1e10) },
      accelerators: [
        Accelerator(
          name: "null", profile: profile(1e9), open: { NullBackend() },
          measure: { profile(1e9) })
      ])
  }
}
