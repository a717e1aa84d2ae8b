import ArgumentParser
import Maclaurin

struct BenchScheduler: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scheduler",
    abstract: "What choosing a place costs per operation.",
    discussion: """
      Training steps on back ends that compute nothing, with the scheduler in front of them and \
      without it, taking turns; the difference over the number of operations. Once as long as the \
      host is alone, when only some operations are looked at, and once with an accelerator open, \
      when every operation's operands are followed and its place is chosen.
      """)

  @OptionGroup var step: StepBenchOptions
  @Option(help: "Measurements of everything.") var repeats = 9
  @OptionGroup var output: OutputOptions

  func validate() throws { try validateRepeats(repeats) }

  func run() throws {
    var rows = [["order", "operations per step", "without", "host alone", "accelerator open"]]
    var members: [JSONValue] = []
    for order in try step.parsedOrders() {
      let operations = try operations(order)
      let times = try measure([
        bench(order, on: NullBackend()), bench(order, on: Self.scheduler(deviceSpeed: 0.1)),
        bench(order, on: Self.scheduler(deviceSpeed: 10)),
      ]).map { $0 * 1e6 / Double(operations) }
      let name = order == 0 ? "full" : "\(order)"
      rows.append([
        name, "\(operations)", fixed(times[0], 2) + " µs",
        "+ " + fixed(times[1] - times[0], 2) + " µs", "+ " + fixed(times[2] - times[0], 2) + " µs",
      ])
      members.append(
        .object([
          "order": .string(name), "operations": .number(Double(operations)),
          "microseconds_without_scheduler": .number(times[0]),
          "alone_microseconds": .number(times[1] - times[0]),
          "open_microseconds": .number(times[2] - times[0]),
        ]))
    }
    if output.json {
      Console.json(["scheduler": .array(members)])
    } else {
      print(table(rows))
    }
  }

  /// Median seconds of a step of each.
  private func measure(_ benches: [StepBench]) throws -> [Double] {
    let steps = 50
    var times = [Measurement](repeating: Measurement(), count: benches.count)
    for number in 0..<(repeats + 2) {
      for (index, bench) in benches.enumerated() {
        var time = Measurement()
        try time.add { for _ in 0..<steps { try bench.run() } }
        // The first two warm up.
        if number >= 2 { times[index].add(time.fastest / Double(steps)) }
      }
    }
    return times.map(\.median)
  }

  private func bench(_ order: Int, on backend: any Backend) throws -> StepBench {
    try StepBench(step.network.parsedNetwork(), step.settings(order, .float32), on: backend)
  }

  private func operations(_ order: Int) throws -> Int {
    let counter = NullBackend()
    let bench = try bench(order, on: counter)
    let before = counter.statistics.launches.values.reduce(0, +)
    try bench.run()
    return counter.statistics.launches.values.reduce(0, +) - before
  }

  /// A scheduler whose accelerator is so many times as fast as its host, by their profiles.
  private static func scheduler(deviceSpeed: Double) -> Scheduler {
    func profile(_ speed: Double) -> DeviceProfile {
      DeviceProfile(
        launch: 1e-6 / speed, opening: 0, transferLatency: 1e-5, uploadRate: 1e10,
        downloadRate: 1e10, memoryRate: 1e10 * speed, elementwiseRate: 1e11 * speed,
        contractionRate: 1e11 * speed)
    }
    return Scheduler(
      host: NullBackend(), hostProfile: profile(1), measureHost: { profile(1) },
      accelerators: [
        Accelerator(
          name: "null", profile: profile(deviceSpeed), open: { NullBackend() },
          measure: { profile(deviceSpeed) })
      ])
  }
}
