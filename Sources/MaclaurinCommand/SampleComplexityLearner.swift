import Maclaurin

/// What learns in a study of sample sizes.
enum SampleComplexityLearner: String, CaseIterable {
  /// Kernel ridge regression with the tangent kernel at infinite width.
  case ntk
  /// The network's expansion of order 1.
  case linear
  /// The second Taylor coefficient alone, along the hidden layer.
  case quadratic
  /// The expansion of order 2 along the hidden layer under fresh random signs of the movement; in
  /// expectation `quadratic`.
  case randomized
  /// The network itself.
  case full

  /// Those that study sample sizes unless others are asked for: all but the one whose every
  /// evaluation takes many draws.
  static let standard: [SampleComplexityLearner] = [.ntk, .linear, .quadratic, .full]

  static let names = allCases.map(\.rawValue).joined(separator: ", ")

  /// How a network is trained; nil for a regression. Networks are centred, f(x; θ) − f(x; θ0), so
  /// that none has to unlearn its start. Outgoing weights of the quadratic models are fixed, as in
  /// Bai and Lee, arXiv 1910.01619; they start beside their saddle, at a movement of deviation
  /// `movementStd`.
  func settings(_ base: TrainingSettings, movementStd: Double) -> TrainingSettings? {
    var settings = base
    settings.outputScale = 1
    switch self {
    case .ntk: return nil
    case .linear: settings.order = 1
    case .quadratic, .randomized:
      settings.order = 2
      settings.frozen = ["layers.2"]
      settings.movement =
        self == .quadratic
        ? MovementSettings(coefficient: 2, movementStd: movementStd)
        : MovementSettings(randomize: .signs, movementStd: movementStd)
      if self == .quadratic { settings.outputScale = nil }
    case .full: settings.order = 0
    }
    return settings
  }
}

/// A learner's error, and how the validation set chose it.
struct LearnedError {
  var error: Double
  var validation: Double
  var choice: Double
  var steps: Int
}

/// The examples of one task, on the host. A smaller training set begins a larger one.
struct SampleComplexityTask {
  let dimension: Int
  let seed: UInt64
  /// Training examples, most of them, and behind them those of the validation set.
  private let pool: Examples
  private let most: Int
  let test: Examples
  let validation: Examples

  init(_ options: PowerTaskOptions, dimension: Int, most: Int, seed: UInt64) throws {
    let set = try DataSetSpecification(
      parsing: options.specification(dimension: dimension, examples: most, seed: seed)
    ).load()
    (self.dimension, self.seed, self.most) = (dimension, seed, most)
    (pool, test) = (set.train, set.test)
    validation = Self.part(set.train, most..<set.train.count)
  }

  private static func part(_ examples: Examples, _ rows: Range<Int>) -> Examples {
    Examples(
      examples.doubles(rows: rows), inputSize: examples.inputSize,
      targets: .values(Array(examples.targetDoubles()[rows]), outputs: 1))
  }

  func train(_ count: Int) -> Examples { Self.part(pool, 0..<count) }

  /// All training examples.
  var train: Examples { train(most) }

  /// Mean squared error over the variance of the targets.
  static func error(_ predictions: [Double], _ examples: Examples) -> Double {
    let targets = examples.targetDoubles()
    let squares = zip(predictions, targets).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return squares / Double(targets.count) / variance(examples)
  }

  static func variance(_ examples: Examples) -> Double {
    let targets = examples.targetDoubles()
    let mean = targets.reduce(0, +) / Double(targets.count)
    return targets.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(targets.count)
  }
}

/// Kernel ridge regression on growing parts of one task: the kernel is computed once.
final class KernelLearner {
  private let task: SampleComplexityTask
  private let most: Int
  private let own: [Double]
  private let validation: [Double]
  private let test: [Double]
  private let ridges: [Double]
  private let lapack: LAPACK

  init(
    _ task: SampleComplexityTask, _ kernel: InfiniteWidthKernel, ridges: [Double], lapack: LAPACK,
    on device: any Backend
  ) throws {
    self.task = task
    self.ridges = ridges
    self.lapack = lapack
    let inputs = task.train.doubles()
    most = task.train.count
    own = try kernel(inputs, on: device).ntk
    validation = try kernel(task.validation.doubles(), inputs, on: device).ntk
    test = try kernel(task.test.doubles(), inputs, on: device).ntk
  }

  /// The first `columns` of the first `rows` rows of a kernel.
  private func corner(_ kernel: [Double], _ rows: Int, _ columns: Int) -> [Double] {
    (0..<rows).flatMap { kernel[$0 * most..<$0 * most + columns] }
  }

  /// Nil where no ridge makes the kernel positive definite.
  func learn(_ examples: Int) throws -> LearnedError? {
    let kernel = corner(own, examples, examples)
    let validationKernel = corner(validation, task.validation.count, examples)
    let targets = task.train(examples).targetDoubles()
    var best: (LearnedError, KernelRegression)?
    for ridge in ridges {
      guard
        let regression = try? KernelRegression(
          kernel: kernel, targets: targets, outputs: 1, ridge: ridge,
          solve: lapack.solvePositiveDefinite)
      else { continue }
      let error = SampleComplexityTask.error(
        regression.predict(validationKernel), task.validation)
      if error < best?.0.validation ?? .infinity {
        best = (
          LearnedError(error: .nan, validation: error, choice: ridge, steps: 0), regression
        )
      }
    }
    guard let (chosen, regression) = best else { return nil }
    var result = chosen
    result.error = SampleComplexityTask.error(
      regression.predict(corner(test, task.test.count, examples)), task.test)
    return result
  }
}

/// A network on parts of one task, trained at each learning rate; the validation set chooses among
/// them and among their evaluations.
struct NetworkLearner {
  var settings: TrainingSettings
  var rates: [Double]
  var network: Network

  /// Nil where every learning rate diverged before its first evaluation, or `shouldStop` said so.
  func learn(
    _ task: SampleComplexityTask, _ examples: Int, on device: any Backend,
    shouldStop: @escaping () -> Bool
  ) throws -> LearnedError? {
    func resident(_ examples: Examples) throws -> ResidentExamples {
      try ResidentExamples(examples, type: settings.type, on: device)
    }
    let (train, validation, test) = (
      try resident(task.train(examples)), try resident(task.validation), try resident(task.test)
    )
    // The loss is half the mean square.
    let scale = (
      validation: 2 / SampleComplexityTask.variance(task.validation),
      test: 2 / SampleComplexityTask.variance(task.test)
    )
    var best: LearnedError?
    for rate in rates where !shouldStop() {
      var settings = settings
      settings.learningRate = rate
      settings.seed = task.seed
      settings.batchSize = min(settings.batchSize, examples)
      let center = try device.matrix(1, network.parameterCount, settings.type)
      try network.initialize(center, seed: task.seed, on: device)
      let model = try Model(network, center: center, settings: settings, on: device)
      let trainer = try Trainer(
        model, settings, train: train, validation: validation, test: test)
      func consider(_ validation: Evaluation?, _ test: Evaluation?, _ step: Int) {
        guard let validation, let test else { return }
        let error = scale.validation * validation.loss
        if error < best?.validation ?? .infinity {
          best = LearnedError(
            error: scale.test * test.loss, validation: error, choice: rate, steps: step)
        }
      }
      trainer.onProgress = { progress in
        consider(progress.record?.validation, progress.record?.test, progress.step)
      }
      trainer.shouldStop = shouldStop
      do {
        let result = try trainer.run()
        if !result.wasInterrupted { consider(result.validation, result.test, result.steps) }
      } catch let error as TrainingError where error.divergedAfter != nil {
        continue
      }
    }
    return shouldStop() ? nil : best
  }
}
