import Compute
import DataSets
import Networks

/// A training run: steps, evaluations, checkpoints, metrics.
public final class Trainer {
  public let model: Model
  public let settings: TrainingSettings
  let train: ResidentExamples
  let validation: ResidentExamples?
  let test: ResidentExamples?
  let directory: RunDirectory?
  let schedule: LearningRateSchedule
  let step: TrainingStep
  private let evaluator: Evaluator
  /// θ at the run's start, where it is not the model's center throughout.
  private let initial: Matrix?
  private let initialSquares: [Double]
  /// Loss sums and squared gradient norms of the steps since the last download.
  private let interval: Matrix
  private var intervalStart = 0
  /// Called after every logging interval and evaluation.
  public var onProgress: (Progress) -> Void = { _ in }
  /// Asked after every logging interval; true ends the run after a checkpoint.
  public var shouldStop: () -> Bool = { false }

  public struct Progress {
    public var step: Int
    public var steps: Int
    public var loss: Double?
    public var record: MetricsRecord?
  }

  public struct Result: Sendable {
    public var steps: Int
    public var train: Evaluation
    public var validation: Evaluation?
    public var test: Evaluation?
    public var parametersSHA256: String
    public var wasInterrupted = false
    public var stoppedEarly = false
  }

  public init(
    _ model: Model, _ settings: TrainingSettings, train: ResidentExamples,
    validation: ResidentExamples? = nil, test: ResidentExamples? = nil,
    directory: RunDirectory? = nil
  ) throws {
    guard settings.batchSize <= train.count else {
      throw TrainingError(
        "the batch size \(settings.batchSize) is larger than the training set, which has "
          + "\(train.count) examples; lower --batch-size")
    }
    self.model = model
    self.settings = settings
    self.train = train
    self.validation = validation
    self.test = test
    self.directory = directory
    schedule = try LearningRateSchedule(parsing: settings.schedule)
    step = try TrainingStep(model, settings)
    evaluator = Evaluator(Objective(settings.loss))
    interval = try model.backend.matrix(2, max(1, settings.logEvery), model.type)
    let backend = model.backend
    if model.order == 0 || settings.relinearizeEvery > 0 {
      let copy = try backend.matrix(1, model.network.parameterCount, model.type)
      try backend.run(.linearCombination(LinearCombination(copy, 1, model.center)))
      initial = copy
    } else {
      initial = nil
    }
    initialSquares = try Self.squares(initial ?? model.center, model)
  }

  /// ‖·‖² of each tensor of a flat vector.
  private static func squares(_ vector: Matrix, _ model: Model) throws -> [Double] {
    let tensors = model.network.parameters
    let sums = try model.backend.matrix(1, tensors.count, model.type)
    for (index, tensor) in tensors.enumerated() {
      let part = vector.slice(at: tensor.offset, rows: 1, columns: tensor.count)
      try model.backend.run(
        .reduction(Reduction(.sumOfSquares, of: part, into: sums.element(index))))
    }
    return try model.backend.download(sums)
  }

  private var stepsPerEpoch: Int { (train.count + settings.batchSize - 1) / settings.batchSize }

  // MARK: The loop

  /// Runs from the last checkpoint of the run directory, if it holds one, or from the start.
  public func run() throws -> Result {
    var state = try restore() ?? RunState()
    var order: Matrix?
    var (interrupted, early) = (false, false)
    if state.step == 0, settings.evaluateEvery > 0 { try record(&state, learningRate: 0) }
    while state.step < settings.steps, !interrupted, !early {
      let epoch = state.step / stepsPerEpoch
      let position = state.step % stepsPerEpoch
      if order == nil || position == 0 { order = try shuffle(epoch) }
      try runStep(state.step, epoch: epoch, position: position, order: order!)
      state.step += 1
      let isLast = state.step == settings.steps
      let evaluates = isDue(settings.evaluateEvery, state.step)
      let checkpoints = isDue(settings.checkpointEvery, state.step)
      if evaluates || checkpoints || isLast || state.step - intervalStart == interval.columns {
        let loss = try closeInterval(state.step)
        onProgress(Progress(step: state.step, steps: settings.steps, loss: loss))
        interrupted = shouldStop()
      }
      if evaluates && !isLast {
        early = try record(&state, learningRate: rate(state.step - 1, epoch))
      }
      if (checkpoints || interrupted) && !isLast { try saveCheckpoint(state) }
    }
    return try finish(&state, interrupted: interrupted, early: early)
  }

  private func isDue(_ every: Int, _ step: Int) -> Bool { every > 0 && step % every == 0 }

  private func rate(_ step: Int, _ epoch: Int) -> Double {
    settings.learningRate * schedule.factor(step: step, of: settings.steps, epoch: epoch)
  }

  private func shuffle(_ epoch: Int) throws -> Matrix {
    let order = Philox.permutation(of: train.count, seed: settings.seed, epoch: epoch)
    let matrix = try model.backend.matrix(1, train.count, .int32)
    try model.backend.upload(order, to: matrix)
    return matrix
  }

  private func runStep(_ number: Int, epoch: Int, position: Int, order: Matrix) throws {
    let backend = model.backend
    let first = position * settings.batchSize
    let count = min(settings.batchSize, train.count - first)
    let rows = order.slice(at: first, rows: 1, columns: count)
    let inputs = try backend.matrix(count, train.inputs.columns, model.type)
    let targets = try backend.matrix(count, train.targets.columns, model.type)
    try backend.run(.gather(Gather(inputs, from: train.inputs, rows: rows)))
    try backend.run(.gather(Gather(targets, from: train.targets, rows: rows)))
    let slot = number - intervalStart
    // The norm is logged for the last step of an interval.
    let logsNorm =
      slot == interval.columns - 1 || number + 1 == settings.steps
      || isDue(settings.evaluateEvery, number + 1) || isDue(settings.checkpointEvery, number + 1)
    try step.run(
      step: number, rate: rate(number, epoch), inputs: inputs, targets: targets,
      lossSum: interval.rows(0..<1).element(slot),
      squares: logsNorm ? interval.rows(1..<2).element(slot) : nil)
  }

  /// The step that `run` will begin at.
  public var lastCheckpointStep: Int { directory?.checkpointSteps().last ?? 0 }

  /// The next logging interval begins at `step`.
  func resumed(at step: Int) { intervalStart = step }

  /// Downloads what the steps since the last call left, checks and logs it; returns the last loss.
  private func closeInterval(_ end: Int) throws -> Double? {
    guard end > intervalStart else { return nil }
    defer { intervalStart = end }
    let values = try model.backend.download(interval)
    let objective = Objective(settings.loss)
    var loss: Double?
    for number in intervalStart..<end {
      let position = number % stepsPerEpoch
      let count = min(settings.batchSize, train.count - position * settings.batchSize)
      let factor = objective.factor(examples: count, outputs: train.targets.columns)
      let value = values[number - intervalStart] * factor
      guard value.isFinite else { throw divergence("the loss became \(value)", number + 1) }
      loss = value
    }
    let square = values[interval.columns + end - 1 - intervalStart]
    try directory?.append(
      MetricsRecord(
        step: end, epoch: Double(end) / Double(stepsPerEpoch),
        learningRate: rate(end - 1, (end - 1) / stepsPerEpoch), loss: loss,
        gradientNorm: square.squareRoot()), network: model.network)
    return loss
  }

  private func divergence(_ what: String, _ step: Int) -> TrainingError {
    TrainingError(
      "\(what) at step \(step); the run stopped there "
        + (directory == nil ? "" : "and its last checkpoint stands ")
        + "(lower --lr, clip with --clip-norm, or lower --order)")
  }

  /// An update may overflow though its loss was finite: such a state is neither kept nor given out.
  func requireFinite(_ state: [Double], after step: Int) throws {
    guard let value = state.first(where: { !$0.isFinite }) else { return }
    throw divergence("a parameter became \(value)", step)
  }

  // MARK: Evaluation

  /// Evaluates, records, and keeps the best parameters; true if the run should stop early.
  @discardableResult
  private func record(_ state: inout RunState, learningRate: Double) throws -> Bool {
    var record = MetricsRecord(
      step: state.step, epoch: Double(state.step) / Double(stepsPerEpoch),
      learningRate: learningRate)
    if let validation {
      record.validation = try evaluator.evaluate(model, on: validation).0
    }
    if let test {
      let (evaluation, outputs) = try evaluator.evaluate(model, on: test)
      record.test = evaluation
      if settings.saveLogits { try saveLogits(outputs, step: state.step) }
    }
    record.movement = try movement()
    try directory?.append(record, network: model.network)
    onProgress(Progress(step: state.step, steps: settings.steps, record: record))
    guard let loss = record.validation?.loss else { return false }
    if loss < state.bestLoss ?? .infinity {
      state.bestLoss = loss
      state.evaluationsSinceBest = 0
      try directory?.writeParameters(
        try parameters(), network: model.network, type: model.type, as: "best.safetensors")
    } else {
      state.evaluationsSinceBest += 1
    }
    return settings.earlyStop > 0 && state.evaluationsSinceBest >= settings.earlyStop
  }

  private func saveLogits(_ outputs: Matrix, step: Int) throws {
    guard let directory else { return }
    let values = try model.backend.download(outputs)
    try directory.writeLogits(
      values, shape: [outputs.rows, outputs.columns], type: model.type, step: step)
  }

  /// ‖θ − θ0‖ per tensor; the gradient's memory is the scratch.
  private func movement() throws -> [MetricsRecord.TensorMovement] {
    let backend = model.backend
    var moved = model.state
    if let initial {
      var current = model.center
      if model.order > 0 {
        current = try backend.matrix(1, initial.columns, model.type)
        try model.parameters(into: current)
      }
      moved = step.gradient
      try backend.run(.linearCombination(LinearCombination(moved, -1, initial, 1, current)))
    }
    let squares = try Self.squares(moved, model)
    return model.network.parameters.indices.map { index in
      let absolute = squares[index].squareRoot()
      return MetricsRecord.TensorMovement(
        name: model.network.parameters[index].name, absolute: absolute,
        relative: absolute / initialSquares[index].squareRoot())
    }
  }

  /// θ = fl(θ0 + Δ).
  public func parameters() throws -> [Double] {
    try model.parameters(into: step.gradient)
    return try model.backend.download(step.gradient)
  }

  private func finish(
    _ state: inout RunState, interrupted: Bool, early: Bool
  ) throws -> Result {
    let parameters = try parameters()
    try requireFinite(parameters, after: state.step)
    var record = MetricsRecord(
      step: state.step, epoch: Double(state.step) / Double(stepsPerEpoch),
      learningRate: state.step > 0 ? rate(state.step - 1, (state.step - 1) / stepsPerEpoch) : 0)
    let trainEvaluation = try evaluator.evaluate(model, on: train).0
    record.train = trainEvaluation
    if let validation { record.validation = try evaluator.evaluate(model, on: validation).0 }
    if let test {
      let (evaluation, outputs) = try evaluator.evaluate(model, on: test)
      record.test = evaluation
      if !interrupted { try saveLogits(outputs, step: state.step) }
    }
    record.movement = try movement()
    var result = Result(
      steps: state.step, train: trainEvaluation, validation: record.validation, test: record.test,
      parametersSHA256: Self.hash(parameters))
    result.wasInterrupted = interrupted
    result.stoppedEarly = early
    guard let directory, !interrupted else { return result }
    if let loss = record.validation?.loss, loss < state.bestLoss ?? .infinity {
      try directory.writeParameters(
        parameters, network: model.network, type: model.type, as: "best.safetensors")
    }
    try saveCheckpoint(state)
    try directory.append(record, network: model.network)
    try directory.writeParameters(
      parameters, network: model.network, type: model.type, as: "final.safetensors")
    return result
  }

  /// SHA-256 over a flat parameter vector as little-endian float32, NaN made canonical.
  public static func hash(_ parameters: [Double]) -> String {
    var hash = SHA256()
    let words = parameters.map { value in
      (value.isNaN ? Float.nan.bitPattern : Float(value).bitPattern).littleEndian
    }
    words.withUnsafeBytes { hash.update($0) }
    return hash.hexadecimalDigest()
  }
}
