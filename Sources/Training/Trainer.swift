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
  let evaluator: Evaluator
  /// θ at the run's start, where it is not the model's center throughout.
  let initial: Matrix?
  let initialSquares: [Double]
  /// Loss sums and squared gradient norms of the steps since the last download.
  let interval: Matrix
  private(set) var intervalStart = 0
  /// Called after every logging interval and evaluation.
  public var onProgress: (Progress) -> Void = { _ in }
  /// Asked after every step; true ends the run after a checkpoint.
  public var shouldStop: () -> Bool = { false }

  public struct Progress {
    public var step: Int
    public var steps: Int
    public var loss: Double?
    public var record: MetricsRecord?
  }

  public struct Result: Sendable {
    public var steps: Int
    /// At the end of the run; of an interrupted one, which is not evaluated, not a number.
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

  var stepsPerEpoch: Int { (train.count + settings.batchSize - 1) / settings.batchSize }

  /// One step and one evaluation of every set, with the memory and the work of a run but without
  /// its downloads of whole parameter vectors.
  func rehearse() throws {
    let order = try shuffle(0)
    try runStep(0, epoch: 0, position: 0, order: order)
    for examples in [train, validation, test] {
      if let examples { try evaluator.rehearse(model, on: examples) }
    }
    _ = try movement()
  }

  // MARK: The loop

  /// Runs from the last checkpoint of the run directory, if it holds one, or from the start.
  public func run() throws -> Result {
    var state = try restore() ?? RunState()
    var order: Matrix?
    var interrupted = false
    var early = settings.earlyStop > 0 && state.evaluationsSinceBest >= settings.earlyStop
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
      }
      interrupted = !isLast && shouldStop()
      if evaluates && !isLast {
        early = try record(&state, learningRate: rate(state.step - 1, epoch))
      }
      if (checkpoints || interrupted) && !isLast { try saveCheckpoint(state) }
    }
    return try finish(&state, interrupted: interrupted, early: early)
  }

  private func isDue(_ every: Int, _ step: Int) -> Bool { every > 0 && step % every == 0 }

  func rate(_ step: Int, _ epoch: Int) -> Double {
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

  /// Examples in the first `steps` steps: an epoch's last batch may be smaller than the others.
  public func examples(inFirst steps: Int) -> Int {
    steps / stepsPerEpoch * train.count
      + min(steps % stepsPerEpoch * settings.batchSize, train.count)
  }

  /// The step that `run` will begin at.
  public var lastCheckpointStep: Int { directory?.checkpointSteps().last ?? 0 }

  /// Puts back an interval that began at `step` and has had as many steps as there are loss sums.
  func resumeInterval(at step: Int, lossSums: [Double]) throws {
    intervalStart = step
    guard !lossSums.isEmpty else { return }
    let part = interval.slice(at: 0, rows: 1, columns: lossSums.count)
    try model.backend.upload(lossSums, to: part)
  }

  /// The sums of the per-example losses of the interval's steps before `end`, all finite.
  func intervalLossSums(_ end: Int) throws -> [Double] {
    let part = interval.slice(at: 0, rows: 1, columns: end - intervalStart)
    let sums = try model.backend.download(part)
    if let bad = sums.firstIndex(where: { !$0.isFinite }) {
      throw divergence("the loss became \(sums[bad])", intervalStart + bad + 1)
    }
    return sums
  }

  private func divergence(_ what: String, _ step: Int) -> TrainingError {
    TrainingError(
      "\(what) at step \(step); the run stopped there"
        + (lastCheckpointStep == 0 ? "" : " and its last checkpoint stands")
        + " (lower --lr, clip with --clip-norm, or lower --order)")
  }

  /// An update may overflow though its loss was finite: such a state is neither kept nor given out.
  func requireFinite(_ state: [Double], after step: Int) throws {
    guard let value = state.first(where: { !$0.isFinite }) else { return }
    throw divergence("a parameter became \(value)", step)
  }

  /// Downloads what the steps since the last call left, checks and logs it; returns the last loss.
  private func closeInterval(_ end: Int) throws -> Double? {
    guard end > intervalStart else { return nil }
    let sums = try intervalLossSums(end)
    let slot = sums.count - 1
    let square = try model.backend.download(interval.rows(1..<2).element(slot))[0]
    intervalStart = end
    let position = (end - 1) % stepsPerEpoch
    let count = min(settings.batchSize, train.count - position * settings.batchSize)
    let factor = Objective(settings.loss).factor(
      examples: count, outputs: train.targets.columns)
    try directory?.append(
      MetricsRecord(
        step: end, epoch: Double(end) / Double(stepsPerEpoch),
        learningRate: rate(end - 1, (end - 1) / stepsPerEpoch), loss: sums[slot] * factor,
        gradientNorm: square.squareRoot()), network: model.network)
    return sums[slot] * factor
  }
}
