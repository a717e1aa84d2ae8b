import Compute
import TestSupport
import Testing

@testable import Training

/// kernel_distance, kernel_alignment and parameter_movement of a run, against Jacobians.
@BackendActor @Suite struct FeatureMeasureTests {
  /// JJᵀ of g = f_0 − f_1 on the first `count` examples, by differences of a plain network.
  private func kernel(_ problem: Regression, _ parameters: [Double], _ count: Int) -> [Double] {
    let rows = problem.plain.jacobian(
      Array(problem.inputs[..<(count * problem.plain.widths[0])]), at: parameters)
    let signed = (0..<count).map { (row: Int) -> [Double] in
      zip(rows[2 * row], rows[2 * row + 1]).map { $0 - $1 }
    }
    return signed.flatMap { row in signed.map { inner(row, $0) } }
  }

  private func record(
    _ problem: Regression, _ settings: TrainingSettings,
    _ body: (Trainer, [String: Double]) throws -> Void
  ) throws {
    let trainer = try problem.problem.trainer(settings, on: BackendUnderTest.openblas2.backend())
    try trainer.begin()
    for step in 0...settings.steps {
      try trainer.advance(to: step)
      let record = try trainer.finish(trainer.startEvaluation())
      #expect(record.measures.map(\.name) == settings.measures)
      try body(trainer, Dictionary(uniqueKeysWithValues: record.measures))
    }
  }

  /// The network itself, and an expansion that is made anew before every step, whose center is the
  /// network's parameters one step ago.
  @Test(arguments: [0, 1])
  func kernels(_ order: Int) throws {
    let problem = try Regression([3, 6, 5, 2], examples: 5)
    var settings = problem.settings(order, order == 0 ? .never : .every(1), steps: 8, rate: 0.4)
    settings.kernelProbes = 3
    let start = kernel(problem, problem.problem.start, 3)
    var expansions: [Double] = []
    try record(problem, settings) { trainer, measures in
      let now = kernel(problem, try trainer.model.backend.download(trainer.model.center), 3)
      let distance = norm(zip(now, start).map { $0 - $1 }) / norm(start)
      let alignment = inner(now, start) / (norm(now) * norm(start))
      #expect(abs(try #require(measures["kernel_distance"]) - distance) <= 1e-9)
      #expect(abs(try #require(measures["kernel_alignment"]) - alignment) <= 1e-9)
      let moved = zip(try trainer.parameters(), problem.problem.start).map { $0 - $1 }
      let movement = norm(moved) / norm(problem.problem.start)
      #expect(abs(try #require(measures["parameter_movement"]) - movement) <= 1e-13)
      expansions.append(try #require(measures["expansions"]))
      if trainer.stepsDone == 8 { #expect(distance > 0.01 && alignment < 0.9999) }
    }
    #expect(
      expansions == (order == 0 ? [0, 0, 0, 0, 0, 0, 0, 0, 0] : [0, 0, 1, 2, 3, 4, 5, 6, 7]))
  }

  /// A linear model has the kernel of its start, bit for bit.
  @Test func linearModelsKeepTheirKernel() throws {
    let problem = try Regression([3, 6, 2], examples: 5)
    var settings = problem.settings(1, .never, steps: 6, rate: 0.4)
    // More than there are.
    settings.kernelProbes = 100
    try record(problem, settings) { _, measures in
      #expect(measures["kernel_distance"] == 0 && measures["kernel_alignment"] == 1)
    }
  }

  @Test func columns() {
    var settings = TrainingSettings(order: 1, loss: .mse, batchSize: 1, steps: 1)
    #expect(settings.measures.isEmpty)
    settings.relinearization = .every(3)
    #expect(settings.measures == ["parameter_movement", "expansions"])
    settings.relinearization = Relinearization(
      .adaptiveOrder(tolerance: 1, largest: 2, every: 1))
    #expect(settings.measures.suffix(2) == ["order", "predicted_error"])
  }
}
