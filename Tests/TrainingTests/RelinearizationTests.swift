import Compute
import Networks
import TestSupport
import Testing

@testable import Training

/// When a run re-expands, what that costs, and what becomes of the optimizer.
@BackendActor @Suite struct RelinearizationTests {
  /// Periods counted by hand: 2, 3, 4.5 → 5, 6.75 → 7, 10.125 → 10; 3, 6, 12; constant ones.
  @Test(
    arguments: [
      (2, 1.5, [2, 5, 10, 17, 27]), (3, 2, [3, 9, 21]), (4, 1, [4, 8, 12, 16, 20, 24, 28]),
      (1, 1.25, [1, 2, 4, 6, 8, 11, 15, 20, 26]), (31, 1, []),
    ] as [(Int, Double, [Int])])
  func periodicSchedules(_ every: Int, _ growth: Double, _ steps: [Int]) throws {
    let problem = try Regression([3, 4, 2], examples: 4)
    let settings = problem.settings(1, .every(every, growth: growth), steps: 30, rate: 0.1)
    let trainer = try problem.problem.trainer(settings, on: BackendUnderTest.openblas1.backend())
    try trainer.begin()
    var (found, count): ([Int], Int) = ([], 0)
    for step in 0..<30 {
      let before = try trainer.model.backend.download(trainer.model.center)
      try trainer.advance(to: step + 1)
      let moved = try trainer.model.backend.download(trainer.model.center) != before
      #expect(moved == (trainer.step.expansion.count > count))
      count = trainer.step.expansion.count
      if moved { found.append(step) }
    }
    #expect(found == steps)
    #expect(trainer.step.expansion.last == steps.last ?? 0)
  }

  /// Periods that no number of steps reaches end the schedule instead of overflowing.
  @Test func endlessPeriods() {
    let schedule = Relinearization.every(1 << 40, growth: 1e300)
    #expect(schedule.period(after: 0) == 1 << 40 && schedule.period(after: 1) == nil)
    #expect(Relinearization.every(.max).period(after: 7) == .max)
    #expect(Relinearization.every(0) == .never)
  }

  /// A run in periods is as many Taylorized runs, each from where the one before has ended. Batches
  /// are the whole set in another order, so sums differ by rounding.
  @Test(arguments: [1, 2])
  func periodsAreRunsOfTheirOwn(_ order: Int) throws {
    var problem = try Regression([3, 6, 5, 2], examples: 4).problem
    let whole = try Regression([3, 6, 5, 2], examples: 4)
    let backend = try BackendUnderTest.openblas2.backend()
    let run = try problem.trainer(
      whole.settings(order, .every(2, growth: 1.5), steps: 20, rate: 0.3), on: backend)
    _ = try run.run()
    for steps in [2, 3, 5, 7, 3] {
      let part = try problem.trainer(
        whole.settings(order, .never, steps: steps, rate: 0.3), on: backend)
      _ = try part.run()
      problem.start = try part.parameters()
    }
    #expect(try relativeError(run.parameters(), problem.start) <= 1e-12)
  }

  /// Periods as long as the run are Taylorized training, bit for bit.
  @Test(arguments: [1, 2, 3], [Relinearization.State.keep, .reset])
  func longPeriodsAreTaylorizedTraining(_ order: Int, _ state: Relinearization.State) throws {
    let problem = try Problem.digits(.tanh)
    let backend = try BackendUnderTest.openblas2.backend()
    var settings = TrainingSettings(
      order: order, loss: .crossEntropy, optimizer: .adam, learningRate: 0.01, batchSize: 25,
      steps: 9, seed: 3)
    let plain = try problem.hash(settings, on: backend)
    for every in [9, 10, 1000] {
      settings.relinearization = Relinearization(.periodic(every: every, growth: 1), state: state)
      #expect(try problem.hash(settings, on: backend) == plain, "every \(every)")
    }
    settings.relinearization = Relinearization(.periodic(every: 8, growth: 1), state: state)
    #expect(try problem.hash(settings, on: backend) != plain)
  }

  /// With velocities forgotten before every step, momentum is plain descent: v = μ·0 + g.
  @Test func resettingEveryStepForgetsTheVelocity() throws {
    let problem = try Problem.digits(.tanh)
    let backend = try BackendUnderTest.openblas2.backend()
    var settings = TrainingSettings(
      order: 0, loss: .crossEntropy, optimizer: .sgd, learningRate: 0.2, batchSize: 25, steps: 9,
      seed: 3)
    let plain = try problem.hash(settings, on: backend)
    (settings.order, settings.optimizer) = (1, .momentum)
    settings.relinearization = Relinearization(.periodic(every: 1, growth: 1), state: .reset)
    #expect(try problem.hash(settings, on: backend) == plain)
    settings.relinearization.state = .keep
    #expect(try problem.hash(settings, on: backend) != plain)
  }

  /// keep and reset against the optimizers' formulas in plain Swift, on a linear network, whose
  /// expansion of order 1 is the network: so only the optimizer's state can tell them apart.
  @Test(
    arguments: [TrainingSettings.Optimizer.momentum, .adam], [Relinearization.State.keep, .reset])
  func optimizerState(
    _ optimizer: TrainingSettings.Optimizer, _ state: Relinearization.State
  ) throws {
    let problem = try Regression([3, 2], examples: 5)
    let rate = optimizer == .adam ? 0.05 : 0.2
    let relinearization = Relinearization(.periodic(every: 4, growth: 1), state: state)
    let trainer = try problem.problem.trainer(
      problem.settings(1, relinearization, steps: 14, rate: rate, optimizer: optimizer),
      on: BackendUnderTest.openblas2.backend())
    _ = try trainer.run()

    var w = problem.problem.start
    var (first, second) = (w.map { _ in 0.0 }, w.map { _ in 0.0 })
    var count = 0
    for step in 0..<14 {
      if step > 0, step % 4 == 0, state == .reset {
        (first, second, count) = (w.map { _ in 0 }, w.map { _ in 0 }, 0)
      }
      count += 1
      var gradient = w.map { _ in 0.0 }
      let outputs = problem.plain.outputs(problem.inputs, at: w)
      for (index, output) in outputs.enumerated() {
        let (row, o) = (index / 2, index % 2)
        let slope = (output - problem.targets[index]) / Double(outputs.count)
        for k in 0..<3 { gradient[3 * o + k] += slope * problem.inputs[3 * row + k] }
        gradient[6 + o] += slope
      }
      for index in w.indices {
        let g = gradient[index]
        if optimizer == .momentum {
          first[index] = 0.9 * first[index] + g
          w[index] -= rate * first[index]
          continue
        }
        first[index] = 0.9 * first[index] + 0.1 * g
        second[index] = 0.999 * second[index] + 0.001 * g * g
        func power(_ base: Double) -> Double { (0..<count).reduce(1) { p, _ in p * base } }
        let (m, v) = (first[index] / (1 - power(0.9)), second[index] / (1 - power(0.999)))
        w[index] -= rate * m / (v.squareRoot() + 1e-8)
      }
    }
    #expect(try relativeError(trainer.parameters(), w) <= 1e-12)
  }

  /// What a re-expansion adds to a run: one copy of the parameters with its norm, Δ ← 0 and ‖Δ‖² ← 0,
  /// every N steps; nothing to any other step.
  @Test(arguments: [1, 3], TrainingSettings.Optimizer.allCases.filter { $0 != .gaussNewton })
  func cost(_ order: Int, _ optimizer: TrainingSettings.Optimizer) throws {
    let problem = try Problem.digits(.tanh, examples: 60)
    func work(
      _ relinearization: Relinearization
    ) throws -> (operations: [String: Int], flops: Double, bytes: Double) {
      let null = NullBackend()
      var operations: [String: Int] = [:]
      let backend = ObservedBackend(null) { event in
        if case .run(let name) = event { operations[name, default: 0] += 1 }
      }
      let center = try backend.matrix(1, problem.start.count, .float32)
      let model = try Model(problem.network, center: center, order: order, on: backend)
      let step = try TrainingStep(
        model,
        TrainingSettings(
          order: order, loss: .crossEntropy, optimizer: optimizer, batchSize: 60, steps: 12,
          relinearization: relinearization))
      let batch = try (backend.matrix(60, 64, .float32), backend.matrix(60, 10, .float32))
      let sum = try backend.matrix(1, 1, .float32)
      operations = [:]
      let before = null.cost
      for number in 0..<12 {
        try step.run(
          step: number, rate: 0.1, inputs: batch.0, targets: batch.1, lossSum: sum, squares: nil)
      }
      #expect(null.statistics.downloadedBytes == 0)
      return (operations, null.cost.flops - before.flops, null.cost.bytes - before.bytes)
    }
    let plain = try work(.never)
    let (vector, settings) = (Double(problem.start.count), Relinearization.every(5))
    let iterative = try work(settings)
    // Before steps 5 and 10.
    var expected = plain.operations
    for name in ["linear_combination", "fill", "fill", "reduction"] {
      expected[name, default: 0] += 2
    }
    #expect(iterative.operations == expected)
    #expect(iterative.flops - plain.flops <= 2 * 5 * vector)
    #expect(iterative.bytes - plain.bytes <= 2 * 4 * (5 * vector + 1))
    #expect(iterative.flops <= 1.1 * plain.flops && iterative.bytes <= 1.1 * plain.bytes)
    let reset = try work(Relinearization(settings.rule, state: .reset))
    let moments = [TrainingSettings.Optimizer.momentum: 1, .adam: 2, .adamw: 2][optimizer] ?? 0
    expected["fill", default: 0] += 2 * moments
    #expect(reset.operations == expected)
  }
}
