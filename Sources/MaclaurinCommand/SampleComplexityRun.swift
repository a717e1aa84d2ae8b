import ArgumentParser
import Maclaurin

/// A study of sample sizes on its way: cell after cell, kept in cells.csv.
final class SampleComplexityRun {
  private let options: SampleComplexityCommand
  private let dimensions: [Int]
  private let examples: [Int]
  private let seeds: [UInt64]
  private let learners: [SampleComplexityLearner]
  private let settings: TrainingSettings
  private var table = SampleComplexityTable()
  private var directory: SampleComplexityDirectory?

  init(
    _ options: SampleComplexityCommand, dimensions: [Int], examples: [Int], seeds: [UInt64],
    learners: [SampleComplexityLearner], settings: TrainingSettings
  ) {
    self.options = options
    self.dimensions = dimensions
    self.examples = examples
    self.seeds = seeds
    self.learners = learners
    self.settings = settings
  }

  /// Opens the folder, or goes on with what is in it.
  private func open(on device: any Backend) throws {
    guard let out = options.out, directory == nil else { return }
    let folder = try SampleComplexityDirectory(
      out, settings: options.choices,
      record: [
        "version": .string(MainCommand.configuration.version), "backend": .string(device.name),
      ])
    table = try folder.cells()
    directory = folder
  }

  // MARK: Cells

  private func isDone(
    _ learner: SampleComplexityLearner, _ dimension: Int, _ examples: Int, _ seed: UInt64
  ) -> Bool {
    table.cells.contains {
      $0.learner == learner.rawValue && $0.dimension == dimension && $0.examples == examples
        && $0.seed == seed
    }
  }

  /// Computes what is not there yet.
  ///
  /// - Returns: result.json and the table for people.
  func run(on device: any Backend) throws -> (result: [String: JSONValue], text: String) {
    try open(on: device)
    let total = dimensions.count * examples.count * seeds.count * learners.count
    let report = options.report
    report.note(
      "\(total) cells: \(learners.map(\.rawValue).joined(separator: ", ")) on polynomials of degree "
        + "\(options.task.degree), on \(device.name)")
    let bar = ProgressBar(quiet: report.quiet)
    Interruption.catchSignals()
    for dimension in dimensions {
      let network = try Network(options.learning.description(dimension: dimension))
      for seed in seeds {
        let missing = learners.filter { learner in
          examples.contains { !isDone(learner, dimension, $0, seed) }
        }
        if missing.isEmpty { continue }
        let task = try SampleComplexityTask(
          options.task, dimension: dimension, most: examples.max() ?? 1, seed: seed)
        for learner in missing {
          try learn(learner, task, network, on: device) { count in
            bar.show(
              self.table.cells.count, of: total,
              "d \(dimension), n \(count), \(learner.rawValue)")
          }
        }
      }
    }
    try device.finish()
    bar.clear()
    sort()
    let outcome = SampleComplexityResult(table, threshold: options.threshold)
    var result = outcome.members
    result["backend"] = .string(device.name)
    result["numerics"] = .string(device.numerics.rawValue)
    result["cells"] = .number(Double(table.cells.count))
    if let directory {
      try directory.write("cells.csv", table.csv)
      try directory.write("thresholds.csv", outcome.thresholds)
      try directory.write("slopes.csv", outcome.slopes)
      try directory.write("result.json", JSONValue.object(result).line + "\n")
      try SampleComplexityReport.write(to: directory.path)
    }
    return (result, MaclaurinCommand.table(outcome.rows))
  }

  private func learn(
    _ learner: SampleComplexityLearner, _ task: SampleComplexityTask, _ network: Network,
    on device: any Backend, _ show: (Int) -> Void
  ) throws {
    let sizes = examples.filter { !isDone(learner, task.dimension, $0, task.seed) }
    let kernel =
      learner == .ntk
      ? try KernelLearner(
        task, options.learning.kernel(dimension: task.dimension),
        ridges: options.learning.ridges(), lapack: LAPACK(),
        on: OpenBLASBackend()) : nil
    for count in sizes {
      show(count)
      let found: LearnedError?
      if let kernel {
        found = try kernel.learn(count)
      } else if let settings = learner.settings(
        settings, movementStd: options.learning.movementStd)
      {
        let trained = NetworkLearner(
          settings: settings, rates: try options.learning.rates(), network: network)
        found = try trained.learn(task, count, on: device) { Interruption.isRequested }
      } else {
        found = nil
      }
      if Interruption.isRequested { try stop() }
      table.cells.append(
        SampleComplexityCell(
          learner: learner.rawValue, dimension: task.dimension, examples: count, seed: task.seed,
          error: found?.error, validationError: found?.validation, choice: found?.choice,
          steps: found?.steps ?? 0))
      try directory?.write("cells.csv", table.csv)
    }
  }

  private func stop() throws {
    options.report.note(
      "Stopped after \(table.cells.count) cells"
        + (options.out.map { "; go on with --out \($0) --resume" } ?? ""))
    throw ExitCode(Interruption.exitCode)
  }

  /// The order of an unbroken study, whatever was resumed.
  private func sort() {
    let order = Dictionary(
      uniqueKeysWithValues: learners.enumerated().map { ($1.rawValue, $0) })
    table.cells.sort { a, b in
      let (first, second) = (order[a.learner] ?? 0, order[b.learner] ?? 0)
      return (first, a.dimension, a.seed) != (second, b.dimension, b.seed)
        ? (first, a.dimension, a.seed) < (second, b.dimension, b.seed) : a.examples < b.examples
    }
  }
}
