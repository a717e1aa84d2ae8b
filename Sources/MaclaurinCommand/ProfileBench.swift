import ArgumentParser
import Maclaurin

/// Training steps as profiles predict them, against what they take.
struct BenchProfile: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile",
    abstract: "What device profiles predict for training steps, against what they take.",
    discussion: """
      Profiles are measured first, within the time that --backend auto allows itself. Then the \
      back ends take turns at each step of mlp:WIDTHx3; the fastest of --repeats counts.
      """,
    shouldDisplay: false)

  @Option(help: "Back ends, with commas between.") var backends = "openblas,opencl:0"
  @Option(help: "Widths, with commas between.") var widths = "64,256,1024"
  @Option(help: "Batch sizes, with commas between.") var batchSizes = "16,128,512"
  @Option(help: "Orders: full or 1 to 8, with commas between.") var orders = "full,1,4"
  @Option(help: "Activation (default relu).") var activation: String?
  @Option(help: "Measured steps.") var repeats = 5
  @OptionGroup var output: OutputOptions

  func run() throws {
    let names = backends.split(separator: ",").map(String.init)
    var profiles: [DeviceProfile] = []
    for name in names {
      var opening = Measurement()
      var made: (any Backend)?
      try opening.add { made = try BackendSelection(parsing: name).makeBackend() }
      var measuring = Measurement()
      try measuring.add {
        profiles.append(try ProfileMeasurement.measure(made!, opening: opening.fastest))
      }
      output.note(
        "\(name): opened in \(fixed(opening.fastest, 2)) s, profile measured in "
          + "\(fixed(measuring.fastest, 2)) s\(profiles.last?.note.map { "; " + $0 } ?? "")")
    }
    output.note("one estimate takes \(fixed(try Self.estimateSeconds(profiles[0]) * 1e9, 0)) ns")
    var rows = [
      ["width", "batch", "order"] + names.flatMap { ["\($0) ms", "predicted", "ratio"] }
        + ["faster", "predicted"]
    ]
    for width in try numbers(widths, "--widths") {
      for batch in try numbers(batchSizes, "--batch-sizes") {
        for order in orders.split(separator: ",").map(String.init) {
          rows.append(try row(width, batch, order, names, profiles))
        }
      }
    }
    print(table(rows))
  }

  /// Seconds for estimating one jet contraction, which is two contractions.
  private static func estimateSeconds(_ profile: DeviceProfile) throws -> Double {
    let backend = NullBackend()
    func jet(_ columns: Int) throws -> JetView {
      JetView(try backend.matrix(5 * 16, columns, .float32), block: 16, degree: 4, capacity: 4)
    }
    let weights = try backend.matrix(64, 48, .float32)
    let operation = Operation.jetContraction(
      JetContraction(
        .forward, try jet(48), center: weights, displacement: weights, into: try jet(64), alpha: 1,
        scale: nil))
    let repeats = 100_000
    var sum = 0.0
    var time = Measurement()
    time.add { for _ in 0..<repeats { sum += profile.seconds(operation) } }
    precondition(sum > 0, "keeps the loop")
    return time.fastest / Double(repeats)
  }

  private func row(
    _ width: Int, _ batch: Int, _ order: String, _ names: [String], _ profiles: [DeviceProfile]
  ) throws -> [String] {
    var preset = try NetworkOptions.parse(["--model", "mlp:\(width)x3"])
    preset.activation = activation
    let network = try preset.network(input: [784], outputs: 10)
    guard let degree = order == "full" ? 0 : Int(order), (0...8).contains(degree) else {
      throw Misuse("--orders takes full and 1 to 8 with commas between, not \"\(orders)\"")
    }
    let settings = TrainingSettings(
      order: degree, loss: .crossEntropy, optimizer: .sgd, batchSize: batch, steps: 1,
      type: .float32)
    let benches = try names.map {
      try StepBench(network, settings, BackendOptions.parse(["--backend", $0]))
    }
    let times = try StepBench.measure(benches, repeats: repeats).map(\.fastest)
    let predicted = try profiles.map { try StepBench.predict(network, settings, on: $0) }
    var cells = ["\(width)", "\(batch)", order]
    for (time, guess) in zip(times, predicted) {
      cells += [fixed(time * 1e3, 3), fixed(guess * 1e3, 3), fixed(guess / time, 2)]
    }
    return cells + [fixed(times.last! / times[0], 2), fixed(predicted.last! / predicted[0], 2)]
  }

  private func numbers(_ list: String, _ option: String) throws -> [Int] {
    try list.split(separator: ",").map {
      guard let number = Int($0), number > 0 else {
        throw Misuse("\(option) takes positive numbers with commas between, not \"\(list)\"")
      }
      return number
    }
  }
}
