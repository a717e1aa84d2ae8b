import ArgumentParser
import Maclaurin

struct SampleComplexityCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample-complexity",
    abstract: "How many examples learners need for a polynomial, against the dimension.",
    discussion: """
      The task is y = Σ_j (β_jᵀx)^p on a sphere or a cube, less its mean and over its standard \
      deviation (synthetic:power of --data). Every learner sees the same examples, and a validation \
      set chooses its ridge, or its learning rate and its step. The number of examples at which the \
      test error, over the variance of the targets, falls below --threshold is interpolated between \
      measured ones, and a power of d is fitted to it.
      """)

  @OptionGroup(title: "Task") var task: PowerTaskOptions

  @Option(help: ArgumentHelp("Dimensions d.", valueName: "list"))
  var dimensions = "12,16,24,32,48"

  @Option(help: ArgumentHelp("Numbers n of training examples.", valueName: "list"))
  var examples = "32,64,128,256,512,1024,2048"

  @Option(
    help: ArgumentHelp("Seeds of tasks and networks, as 0..4 or 0,3,5.", valueName: "list"))
  var seeds = "0..2"

  @Option(
    help: ArgumentHelp("The error that counts as learned, between 0 and 1.", valueName: "share"))
  var threshold = 0.5

  @OptionGroup(title: "Learners") var learning: LearnerOptions

  @Option(
    help: ArgumentHelp("Folder for the study: tables, figures and a report.", valueName: "folder"))
  var out: String?

  @Flag(help: "Go on with the study in --out.")
  var resume = false

  @Flag(help: "Predict memory and work; run nothing.")
  var plan = false

  @OptionGroup(title: "Where to compute") var backend: BackendOptions
  @OptionGroup(title: "What to print") var report: OutputOptions

  /// What a resumed study must share with the one it goes on with; the threshold may be another.
  var choices: [String: JSONValue] {
    var choices = task.choices.merging(learning.choices) { $1 }
    choices["dimensions"] = .string(dimensions)
    choices["examples"] = .string(examples)
    choices["seeds"] = .string(seeds)
    choices["numerics"] = .string(backend.numerics.rawValue)
    choices["dtype"] = .string(backend.dtype)
    return choices
  }

  func run() throws {
    guard !resume || out != nil else { throw Misuse("--resume needs --out, the study's folder") }
    guard threshold > 0, threshold < 1 else {
      throw Misuse("--threshold lies between 0 and 1, and is \(threshold)")
    }
    try task.check()
    try learning.check()
    let dimensions = try Self.counts(dimensions, "--dimensions", 100_000)
    let examples = try Self.counts(examples, "--examples", 1_000_000)
    let seeds = try StudyLists.seeds(seeds)
    let learners = try learning.parsedLearners()
    let type = try backend.scalarType()
    if let out { try SampleComplexityDirectory.check(out, resume: resume) }
    var settings = TrainingSettings(
      order: 0, loss: .mse, optimizer: learning.optimizer, batchSize: learning.batchSize,
      steps: learning.steps, evaluateEvery: learning.evaluateEvery)
    settings.type = type
    if plan {
      return try show(
        dimensions: dimensions, examples: examples, seeds: seeds.count, learners, settings)
    }
    // What the task can get wrong is tried before files appear.
    for dimension in dimensions {
      _ = try SampleComplexityTask(task, dimension: dimension, most: 1, seed: seeds[0])
      if learners.contains(.ntk) { _ = try learning.kernel(dimension: dimension) }
    }
    if learners.contains(.ntk) { _ = try LAPACK() }
    let run = SampleComplexityRun(
      self, dimensions: dimensions, examples: examples, seeds: seeds, learners: learners,
      settings: settings)
    try backend.compute(report) { device in
      let (result, text) = try run.run(on: device)
      report.result(result, text, Trace(device, backend))
    }
  }

  /// Ascending, each once.
  private static func counts(_ text: String, _ option: String, _ most: Int) throws -> [Int] {
    let counts = try StudyLists.items(text, option, "such as 16,32,64").map { item -> Int in
      guard let count = Int(item), (1...most).contains(count) else {
        throw Misuse("\(option) takes numbers from 1 to \(most), not \"\(item)\"")
      }
      return count
    }
    try StudyLists.requireDistinct(counts.map { String($0) }, option)
    return counts.sorted()
  }

  /// Cells, the largest memory, and the work of all networks' steps.
  private func show(
    dimensions: [Int], examples: [Int], seeds: Int, _ learners: [SampleComplexityLearner],
    _ settings: TrainingSettings
  ) throws {
    let (most, rates) = (examples.max() ?? 1, try learning.rates().count)
    var (flops, peak, parameters) = (0.0, 0, 0)
    for dimension in dimensions {
      let network = try Network(learning.description(dimension: dimension))
      parameters = max(parameters, network.parameterCount)
      for learner in learners {
        guard let settings = learner.settings(settings, movementStd: learning.movementStd) else {
          peak = max(peak, 8 * most * (3 * most + task.validation + task.test))
          continue
        }
        for count in examples {
          var settings = settings
          settings.batchSize = min(settings.batchSize, count)
          let plan = try TrainingPlan(
            network, settings, examples: [count, task.validation, task.test])
          flops += plan.flopsPerStep * Double(settings.steps * rates * seeds)
          peak = max(peak, plan.peakBytes)
        }
      }
    }
    let cells = dimensions.count * examples.count * seeds * learners.count
    report.result(
      [
        "cells": .number(Double(cells)), "parameters": .number(Double(parameters)),
        "peak_bytes": .number(Double(peak)), "flops": .number(flops),
      ],
      table([
        ["cells", String(cells)], ["parameters", String(parameters)],
        ["memory", bytesText(peak)], ["GFLOP of the training", fixed(flops / 1e9, 3)],
      ]), nil)
  }
}
