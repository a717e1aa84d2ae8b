import Compute
import TestSupport
import Testing

@testable import Training

/// Decisions of the rules that look at the model, against those of a plain network in Double.
@BackendActor @Suite struct LookTests {
  /// ‖Σ_{from ≤ i ≤ to} y_i‖.
  private func size(_ coefficients: [[Double]], _ range: ClosedRange<Int>) -> Double {
    norm(coefficients[0].indices.map { at in range.reduce(0) { $0 + coefficients[$1][at] } })
  }

  /// What an oracle needs before a step.
  private func state(_ trainer: Trainer) throws -> (center: [Double], movement: [Double]) {
    let backend = trainer.model.backend
    return (
      try backend.download(trainer.model.center),
      try backend.download(#require(trainer.model.displacement))
    )
  }

  @Test(arguments: [1, 2], [1, 3])
  func trust(_ order: Int, _ every: Int) throws {
    let problem = try Regression([3, 6, 5, 2], examples: 4, targetScale: 2)
    let share = order == 1 ? 0.1 : 0.02
    let settings = problem.settings(
      order, Relinearization(.trust(share: share, every: every)), steps: 40, rate: 0.4)
    let trainer = try problem.problem.trainer(settings, on: BackendUnderTest.openblas2.backend())
    try trainer.begin()
    var expected = 0
    var decisions: [Bool] = []
    for step in 0..<40 {
      let (center, movement) = try state(trainer)
      if step > 0, step % every == 0 {
        let series = problem.plain.coefficients(
          problem.inputs, center: center, along: movement, order: order)
        let moved = zip(center, movement).map { $0 + $1 }
        let exact = problem.plain.outputs(problem.inputs, at: moved)
        let error = norm(
          exact.indices.map { at in
            exact[at] - series.reduce(0) { $0 + $1[at] }
          })
        let reach = size(series, 1...order)
        try #require(abs(error - share * reach) > 1e-9 * reach, "too close to decide")
        let expands = error > share * reach
        decisions.append(expands)
        if expands { expected += 1 }
        let found = try trainer.step.modelError(
          trainer.train.inputs, trainer.train.targets)
        #expect(abs(found.error - error) <= 1e-11 && abs(found.movement - reach) <= 1e-11)
      }
      try trainer.advance(to: step + 1)
      #expect(trainer.step.expansion.count == expected, "step \(step)")
      if expected > 0, decisions.last == true, step % every == 0 {
        #expect(trainer.step.expansion.last == step)
        // Δ holds this step's movement alone.
        let parameters = zip(center, movement).map { $0 + $1 }
        #expect(try state(trainer).center == parameters)
      }
    }
    #expect(decisions.contains(true) && decisions.contains(false))
  }

  @Test(arguments: [1, 2])
  func adaptiveOrder(_ first: Int) throws {
    let problem = try Regression([3, 6, 5, 2], examples: 4, targetScale: 2)
    let (largest, tolerance) = (4, 0.05)
    let settings = problem.settings(
      first,
      Relinearization(.adaptiveOrder(tolerance: tolerance, largest: largest, every: 2)), steps: 60,
      rate: 0.4)
    let trainer = try problem.problem.trainer(settings, on: BackendUnderTest.openblas2.backend())
    try trainer.begin()
    var (order, expansions, highest) = (first, 0, first)
    for step in 0..<60 {
      if step > 0, step % 2 == 0 {
        let (center, movement) = try state(trainer)
        let series = problem.plain.coefficients(
          problem.inputs, center: center, along: movement, order: order + 1)
        let reach = size(series, 1...order)
        let predicted = RemainderEstimate.relativeError(
          norms: series.dropFirst().map { norm($0) }, movement: reach)
        if !(predicted <= tolerance) {
          if order < largest {
            order += 1
          } else {
            (order, expansions) = (first, expansions + 1)
          }
        } else {
          // What is trusted deserves it: the estimate is one to three times the error.
          let exact = problem.plain.outputs(
            problem.inputs, at: zip(center, movement).map { $0 + $1 })
          let error = norm(
            exact.indices.map { at in exact[at] - series.dropLast().reduce(0) { $0 + $1[at] } })
          #expect(error <= predicted * reach, "step \(step), order \(order)")
          #expect(predicted * reach <= 3 * error, "step \(step), order \(order)")
        }
        highest = max(highest, order)
        try trainer.advance(to: step + 1)
        let found = try #require(trainer.step.expansion.predictedError)
        #expect(
          found == predicted || abs(found - predicted) <= 1e-9 * predicted, "step \(step)")
      } else {
        try trainer.advance(to: step + 1)
      }
      #expect(trainer.step.expansion.order == order && trainer.model.order == order)
      #expect(trainer.step.expansion.count == expansions)
    }
    #expect(highest == largest && expansions > 0)
  }

  /// Every back end decides alike, in float32, and so trains the same parameters.
  @Test(arguments: [
    Relinearization.Rule.trust(share: 0.03, every: 2),
    .adaptiveOrder(tolerance: 0.05, largest: 3, every: 1),
  ])
  func everyBackEndDecidesAlike(_ rule: Relinearization.Rule) throws {
    let problem = try Problem.digits(.tanh)
    let settings = TrainingSettings(
      order: 1, loss: .crossEntropy, optimizer: .adam, learningRate: 0.01, batchSize: 25,
      steps: 14, relinearization: Relinearization(rule, state: .reset), seed: 3)
    let runs = try BackendUnderTest.onEach { backend in
      let trainer = try problem.trainer(settings, on: backend)
      let hash = try trainer.run().parametersSHA256
      return (hash, trainer.step.expansion)
    }
    #expect(runs[0].result.1.count > 0)
    for run in runs.dropFirst() {
      #expect(run.result.0 == runs[0].result.0 && run.result.1 == runs[0].result.1)
    }
  }

  /// A model that has not moved is left alone, however small the share.
  @Test func modelsThatHaveNotMovedAreTrusted() throws {
    let problem = try Regression([3, 4, 2], examples: 4)
    for rule in [
      Relinearization.Rule.trust(share: 1e-300, every: 1),
      .adaptiveOrder(tolerance: 1e-300, largest: 2, every: 1),
    ] {
      let settings = problem.settings(1, Relinearization(rule), steps: 5, rate: 0)
      let trainer = try problem.problem.trainer(settings, on: BackendUnderTest.openblas1.backend())
      _ = try trainer.run()
      #expect(trainer.step.expansion.count == 0 && trainer.model.order == 1)
    }
  }
}
