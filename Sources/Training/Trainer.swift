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
  /// What `--diagnostics` measures.
  let diagnostics: DiagnosticProbe?
  /// θ at the run's start, where it is not the model's center throughout.
  let initial: Matrix?
  /// Where the run stands.
  var state = RunState()
  /// The order of the examples in this epoch and the next.
  private var orders: [Int: Matrix] = [:]
  let initialSquares: [Double]
  let probe: TangentProbe?
  /// Θ_0 on the probes.
  var kernelBefore: [Double] = []
  /// Loss sums and squared gradient norms on their way to the metrics.
  var log: StepLog
  /// Called when a logging interval or an evaluation has been read, in the order of the metrics. The
  /// numbers of an interval are read at the latest when the next one ends.
  public var onProgress: (Progress) -> Void = { _ in }
  /// Asked after every step but the last; true ends `run` after a checkpoint.
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
    /// The last evaluation, as it stands in the metrics.
    var record: MetricsRecord?
  }

  /// - Parameter orderZero: what may be kept of the training set's coefficients 0.
  public init(
    _ model: Model, _ settings: TrainingSettings, train: ResidentExamples,
    validation: ResidentExamples? = nil, test: ResidentExamples? = nil,
    directory: RunDirectory? = nil, orderZero: OrderZeroLayout.Limits = .none
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
    step.orderZeroCache = OrderZeroCache(
      model, settings, train,
      layout: OrderZeroLayout(
        model.network, settings, examples: train.count, isAugmented: train.isAugmented,
        within: orderZero))
    evaluator = Evaluator(Objective(settings.loss))
    diagnostics = try settings.diagnostics.map {
      try DiagnosticProbe($0, settings, model.network, train: train)
    }
    log = try StepLog(model.backend, capacity: max(1, settings.logEvery), type: model.type)
    initial = settings.movesCenter ? try model.keptStart() : nil
    probe = try settings.kernelProbes.map { count in
      try TangentProbe(
        inputs: train.evaluationInputs(0..<min(count, train.count), on: model.backend),
        model.network, frozen: settings.frozen, on: model.backend)
    }
    initialSquares = try Self.startSquares(initial ?? model.center, model).values(model.type)
  }

  var stepsPerEpoch: Int { (train.count + settings.batchSize - 1) / settings.batchSize }

  /// One step and one evaluation of every set, with the memory and the work of a run but without
  /// its downloads of whole parameter vectors.
  func rehearse() throws {
    let orders = [
      try shuffle(0),
      settings.steps > stepsPerEpoch ? try model.backend.matrix(1, train.count, .int32) : nil,
    ]
    step.rehearse()
    try withExtendedLifetime(orders) {
      try runStep(0, epoch: 0, position: 0, order: orders[0]!)
      for examples in [train, validation, test] {
        if let examples { try evaluator.rehearse(model, on: examples) }
      }
      try measureStart()
      _ = try startKernel()
      _ = try diagnostics?.measure(model, rate: 1)
      _ = try Self.startSquares(displacement(), model)
    }
  }

  // MARK: The loop

  /// Runs from the last checkpoint of the run directory, if it holds one, or from the start.
  ///
  /// A run that ended in an error can be gone on with by another trainer, on this or on another
  /// back end, with the same run directory: it ends with the bits and files of an unbroken one.
  /// Whoever wants to do something of their own between steps writes this loop again, as
  /// `StudyGroup` does.
  public func run() throws -> Result {
    try begin()
    if stepsDone == 0, settings.isEvaluated(0) { try finish(startEvaluation()) }
    var interrupted = false
    while !isDone, !interrupted {
      interrupted = try advance(to: settings.nextEvent(after: stepsDone))
      if stepsDone == settings.steps { break }
      if settings.isEvaluated(stepsDone) { try finish(startEvaluation()) }
      if settings.isCheckpoint(stepsDone) || interrupted { try saveCheckpoint() }
    }
    return interrupted ? try interruptedResult() : try end(startEvaluation(atEnd: true))
  }

  /// Steps done.
  public var stepsDone: Int { state.step }

  /// Whether nothing but the end is left: all steps done, or stopped early.
  public var isDone: Bool {
    state.step == settings.steps
      || settings.earlyStop > 0 && state.evaluationsSinceBest >= settings.earlyStop
  }

  /// Goes to the newest checkpoint of the run directory, if it holds one, or to the start.
  public func begin() throws {
    orders = [:]
    try log.restart(at: 0)
    state = try restore() ?? RunState()
    step.orderZeroCache?.invalidate()
    try measureStart()
  }

  /// Takes steps until `target` of them are done; true if `shouldStop` has ended that before.
  ///
  /// - Throws: `TrainingError`, with `divergedAfter`, once a loss is known not to be finite.
  @discardableResult
  public func advance(to target: Int) throws -> Bool {
    while state.step < target {
      let epoch = state.step / stepsPerEpoch
      let order = try orders[epoch] ?? shuffle(epoch)
      try runStep(
        state.step, epoch: epoch, position: state.step % stepsPerEpoch, order: order)
      // While the device is at work: what the next epoch begins with.
      if orders[epoch + 1] == nil, (epoch + 1) * stepsPerEpoch < settings.steps {
        orders = [epoch: order, epoch + 1: try shuffle(epoch + 1)]
      }
      state.step += 1
      if closes(state.step) { try closeInterval(state.step) }
      if state.step < settings.steps, shouldStop() { return true }
    }
    return false
  }

  /// Whether a logging interval ends after `step` steps.
  private func closes(_ step: Int) -> Bool {
    step - log.start == log.capacity || step == settings.steps || settings.isEvaluated(step)
      || settings.isCheckpoint(step)
  }

  func rate(_ step: Int, _ epoch: Int) -> Double {
    settings.learningRate * schedule.factor(step: step, of: settings.steps, epoch: epoch)
  }

  /// Uploads are copied and do not wait up to a size that this stays below.
  private static let uploadPiece = 1 << 17

  /// The order of the examples in an epoch.
  private func shuffle(_ epoch: Int) throws -> Matrix {
    let order = Philox.permutation(of: train.count, seed: settings.seed, epoch: epoch)
    let matrix = try model.backend.matrix(1, train.count, .int32)
    for first in stride(from: 0, to: order.count, by: Self.uploadPiece) {
      let piece = Array(order[first..<min(order.count, first + Self.uploadPiece)])
      try model.backend.upload(piece, to: matrix.slice(at: first, rows: 1, columns: piece.count))
    }
    return matrix
  }

  private func runStep(_ number: Int, epoch: Int, position: Int, order: Matrix) throws {
    let first = position * settings.batchSize
    let count = min(settings.batchSize, train.count - first)
    let rows = order.slice(at: first, rows: 1, columns: count)
    let (inputs, targets) = try train.batch(
      rows, seed: settings.seed, step: number, on: model.backend)
    // The norm is logged for the last step of an interval.
    try step.run(
      step: number, rate: rate(number, epoch), inputs: inputs, targets: targets,
      lossSum: log.lossSum(number), squares: closes(number + 1) ? log.squares(number) : nil,
      rows: rows)
  }

  /// Examples in the first `steps` steps: an epoch's last batch may be smaller than the others.
  public func examples(inFirst steps: Int) -> Int {
    steps / stepsPerEpoch * train.count
      + min(steps % stepsPerEpoch * settings.batchSize, train.count)
  }

  /// The step that `run` will begin at.
  public var lastCheckpointStep: Int { directory?.checkpointSteps().last ?? 0 }

  /// The sums of the per-example losses of the open interval's steps before `end`, all finite.
  func openLossSums(_ end: Int) throws -> [Double] {
    let sums = try log.lossSums(before: end)
    try requireFinite(sums, from: log.start)
    return sums
  }

  private func requireFinite(_ lossSums: [Double], from start: Int) throws {
    guard let bad = lossSums.firstIndex(where: { !$0.isFinite }) else { return }
    throw divergence("the loss became \(lossSums[bad])", start + bad + 1)
  }

  private func divergence(_ what: String, _ step: Int) -> TrainingError {
    var error = TrainingError(
      "\(what) at step \(step); the run stopped there"
        + (lastCheckpointStep == 0 ? "" : " and its last checkpoint stands")
        + " (lower --lr, clip with --clip-norm, or lower --order)")
    error.divergedAfter = step
    return error
  }

  /// An update may overflow though its loss was finite: such a state is neither kept nor given out.
  func requireFinite(_ state: [Double], after step: Int) throws {
    guard let value = state.first(where: { !$0.isFinite }) else { return }
    throw divergence("a parameter became \(value)", step)
  }

  /// Begins the download of what the steps since the last call left, and reports the interval
  /// before.
  private func closeInterval(_ end: Int) throws {
    if let before = try log.close(at: end) { try report(before) }
  }

  /// Reports the last closed interval, unless that has been done. Metrics, checkpoints and results
  /// come after it.
  func settle() throws {
    if let last = try log.take() { try report(last) }
  }

  /// Checks and logs the numbers of an interval.
  private func report(_ interval: StepLog.Interval) throws {
    try requireFinite(interval.lossSums, from: interval.start)
    let step = interval.end - 1
    let position = step % stepsPerEpoch
    let count = min(settings.batchSize, train.count - position * settings.batchSize)
    let factor = Objective(settings.loss).factor(
      examples: count, outputs: train.targets.columns)
    let loss = interval.lossSums[interval.lossSums.count - 1] * factor
    try directory?.append(
      MetricsRecord(
        step: interval.end, epoch: Double(interval.end) / Double(stepsPerEpoch),
        learningRate: rate(step, step / stepsPerEpoch), loss: loss,
        gradientNorm: interval.squares.squareRoot()), network: model.network,
      measures: settings.measures)
    onProgress(Progress(step: interval.end, steps: settings.steps, loss: loss))
  }
}
