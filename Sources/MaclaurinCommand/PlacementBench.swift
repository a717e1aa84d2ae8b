import ArgumentParser
import Maclaurin

struct BenchPlacement: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "placement",
    abstract: "Training steps under auto against the CPU path and an OpenCL device.",
    discussion: """
      The three take turns, step by step. The ratio is auto's time over that of the faster of the \
      two others; the share is that of auto's flops which ran there.
      """)

  @Option(help: "Widths of the three hidden layers, with commas between.")
  var widths = "64,256,1024,2048"
  @Option(help: "Batch sizes, with commas between.")
  var batches = "16,128,512"
  @Option(help: "Orders: full or 1 to 8, with commas between.")
  var orders = "full,1,4"
  @Option(help: "The OpenCL device: opencl or opencl:i.")
  var device = "opencl"
  @Option(help: "Measured steps per cell.") var repeats = 5
  @OptionGroup var backend: BackendOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try validateRepeats(repeats)
    try backend.validateWithoutTrace()
  }

  /// One width, batch and order.
  private struct Cell {
    var width, batch: Int
    var order: String
    /// Medians of a step in seconds: CPU path, device, auto.
    var seconds: [Double] = []
    /// Of auto's flops on the device, while it was measured.
    var deviceShare = 0.0

    var ratio: Double { seconds[2] / min(seconds[0], seconds[1]) }
    var betterShare: Double { seconds[0] < seconds[1] ? 1 - deviceShare : deviceShare }
    /// How much the two differ.
    var difference: Double {
      max(seconds[0], seconds[1]) / min(seconds[0], seconds[1])
    }
  }

  func run() throws {
    func numbers(_ text: String, _ name: String) throws -> [Int] {
      let numbers = text.split(separator: ",").compactMap { Int($0) }
      guard !numbers.isEmpty, numbers.allSatisfy({ (1...1 << 16).contains($0) }) else {
        throw Misuse("\(name) takes numbers with commas between, not \"\(text)\"")
      }
      return numbers
    }
    var cells: [Cell] = []
    let bar = ProgressBar(quiet: output.quiet)
    let (widths, batches) = (try numbers(widths, "--widths"), try numbers(batches, "--batches"))
    for width in widths {
      for batch in batches {
        for order in orders.split(separator: ",").map(String.init) {
          cells.append(try measure(width, batch, order))
          let total = widths.count * batches.count * orders.split(separator: ",").count
          bar.show(cells.count, of: total, "width \(width), batch \(batch), order \(order)")
        }
      }
    }
    bar.clear()
    if output.json {
      Console.json(["placement": .array(cells.map(json))])
    } else {
      print(text(cells))
    }
  }

  private func measure(_ width: Int, _ batch: Int, _ order: String) throws -> Cell {
    let step = try StepBenchOptions.parse(
      ["--model", "mlp:\(width)x3", "--batch-size", "\(batch)", "--orders", order])
    let settings = step.settings(try step.parsedOrders()[0], try backend.scalarType())
    let network = try step.network.parsedNetwork()
    let backends = try ["openblas", device, "auto"].map { name in
      var options = backend
      options.backend = name
      return try options.makeBackend()
    }
    let scheduler = backends[2].scheduler
    try scheduler?.measureProfiles()
    let benches = try backends.map { try StepBench(network, settings, on: $0) }
    // Until the scheduler has settled: some steps, and some time.
    for bench in benches {
      var warm = Measurement()
      while warm.values.count < 3 || warm.values.reduce(0, +) < 0.4 { try warm.add(bench.run) }
    }
    func flops() -> (device: Double, all: Double) {
      let report = scheduler?.report ?? []
      return (
        report.dropFirst().reduce(0) { $0 + $1.flops }, report.reduce(0) { $0 + $1.flops }
      )
    }
    let before = flops()
    var times = [Measurement](repeating: Measurement(), count: 3)
    for _ in 0..<repeats {
      for (index, bench) in benches.enumerated() {
        // The step before this one warms caches and wakes threads; short steps are repeated.
        try bench.run()
        let runs = max(1, min(50, Int(0.02 / max(1e-6, times[index].fastest))))
        var time = Measurement()
        try time.add { for _ in 0..<(times[index].values.isEmpty ? 1 : runs) { try bench.run() } }
        times[index].add(time.fastest / Double(times[index].values.isEmpty ? 1 : runs))
      }
    }
    let after = flops()
    var cell = Cell(width: width, batch: batch, order: order, seconds: times.map(\.median))
    let all = after.all - before.all
    cell.deviceShare = all > 0 ? (after.device - before.device) / all : 0
    return cell
  }

  private func text(_ cells: [Cell]) -> String {
    var rows = [
      ["width", "batch", "order", "openblas ms", "\(device) ms", "auto ms", "ratio", "share"]
    ]
    for cell in cells {
      rows.append(
        ["\(cell.width)", "\(cell.batch)", cell.order] + cell.seconds.map { fixed($0 * 1e3, 3) }
          + [fixed(cell.ratio, 2), fixed(100 * cell.betterShare, 1) + " %"])
    }
    let worst = cells.map(\.ratio).max() ?? 0
    let clear = cells.filter { $0.difference > 2 }.map(\.betterShare).min()
    return table(rows) + "\n\nThe largest ratio is \(fixed(worst, 2))"
      + (clear.map {
        "; where the two differ by more than 2, at least \(fixed(100 * $0, 1)) % of the flops ran "
          + "on the faster one"
      } ?? "")
  }

  private func json(_ cell: Cell) -> JSONValue {
    .object([
      "width": .number(Double(cell.width)), "batch": .number(Double(cell.batch)),
      "order": .string(cell.order), "openblas_ms": .number(cell.seconds[0] * 1e3),
      "opencl_ms": .number(cell.seconds[1] * 1e3), "auto_ms": .number(cell.seconds[2] * 1e3),
      "ratio": .number(cell.ratio), "better_share": .number(cell.betterShare),
    ])
  }
}
