import Compute
import Networks

/// The members of a study that share everything else: data, θ0, seed, settings.
///
/// They are trained in lock-step, each by its own `Trainer`: all of them reach an evaluation before
/// any goes on, so that they can be compared with the network itself, on the device. A member ends
/// with the bits that it would have alone. One whose loss or parameters become infinite or NaN is
/// marked and stops; the others go on.
public final class StudyGroup {
  public final class Member {
    public let variant: StudyVariant
    public let settings: TrainingSettings
    public let directory: RunDirectory?
    /// The steps after which it had diverged.
    public fileprivate(set) var divergedAfter: Int?
    /// At its end, unless it has diverged.
    public fileprivate(set) var result: Trainer.Result?
    /// Given up, with its memory, when it diverges.
    fileprivate var trainer: Trainer?

    init(
      _ variant: StudyVariant, _ settings: TrainingSettings, _ directory: RunDirectory?,
      _ trainer: Trainer
    ) {
      self.variant = variant
      self.settings = settings
      self.directory = directory
      self.trainer = trainer
    }

    fileprivate var name: String { variant.name }
  }

  public let members: [Member]
  /// Steps done, and the rows so far.
  public private(set) var progress = StudyProgress()
  /// Called with what must be kept once all members have written their checkpoints.
  public var onCheckpoint: (StudyProgress) throws -> Void = { _ in }
  /// Called with the rows of an evaluation.
  public var onRows: ([StudyRow]) throws -> Void = { _ in }
  /// Called every few steps.
  public var onProgress: (Int) -> Void = { _ in }
  /// Asked every few steps; true ends `run` after a checkpoint.
  public var shouldStop: () -> Bool = { false }

  private let backend: any Backend
  private let network: Network
  /// θ0, 1×P.
  private let start: Matrix
  private let test: ResidentExamples?
  private let probe: TangentProbe?
  /// The test set's outputs and the probe's kernel at θ0.
  private var outputsBefore: Matrix?
  private var kernelBefore: [Double] = []

  /// - Parameters:
  ///   - settings: what all members share.
  ///   - variants: what they differ in.
  ///   - start: θ0, which nobody else may write to.
  ///   - directories: one for each member, or none.
  ///   - probes: training examples on which tangent kernels are compared; 0 for none.
  public init(
    _ network: Network, _ settings: TrainingSettings, _ variants: [StudyVariant], start: Matrix,
    train: ResidentExamples,
    validation: ResidentExamples? = nil, test: ResidentExamples? = nil,
    directories: [RunDirectory] = [], probes: Int, on backend: any Backend
  ) throws {
    self.backend = backend
    self.network = network
    self.start = start
    self.test = test
    members = try variants.enumerated().map { index, variant in
      let settings = variant.settings(settings)
      var center = start
      if settings.movesCenter {
        center = try backend.matrix(1, network.parameterCount, settings.type)
        try backend.run(.linearCombination(LinearCombination(center, 1, start)))
      }
      let model = try Model(
        network, center: center, settings: settings, on: backend,
        start: settings.movesCenter ? start : nil)
      let directory = directories.isEmpty ? nil : directories[index]
      let trainer = try Trainer(
        model, settings, train: train, validation: validation, test: test, directory: directory)
      return Member(variant, settings, directory, trainer)
    }
    let count = min(probes, train.count)
    probe =
      count == 0
      ? nil
      : try TangentProbe(
        inputs: train.evaluationInputs(0..<count, on: backend), network, frozen: settings.frozen,
        on: backend)
  }

  /// What all members share.
  private var settings: TrainingSettings { members[0].settings }
  private var running: [(member: Member, trainer: Trainer)] {
    members.compactMap { member in member.trainer.map { (member, $0) } }
  }

  // MARK: The loop

  /// Trains all members to their end, from `saved` or from the start; false if `shouldStop` has
  /// ended that before.
  public func run(from saved: StudyProgress? = nil) throws -> Bool {
    try begin(saved ?? StudyProgress())
    if progress.step == 0, settings.isEvaluated(0) { try evaluate() }
    while progress.step < settings.steps, !running.isEmpty {
      let target = min(settings.nextEvent(after: progress.step), progress.step + 8)
      for (member, trainer) in running { try attempt(member) { try trainer.advance(to: target) } }
      progress.step = target
      onProgress(target)
      if target == settings.steps { break }
      let isInterrupted = shouldStop()
      if settings.isEvaluated(target) { try evaluate() }
      if settings.isCheckpoint(target) || isInterrupted { try checkpoint() }
      if isInterrupted { return false }
    }
    try evaluate(atEnd: true)
    progress.isFinished = true
    return true
  }

  private func begin(_ saved: StudyProgress) throws {
    progress = saved
    for member in members {
      member.divergedAfter = saved.divergedAfter[member.name]
      if member.divergedAfter != nil { member.trainer = nil }
    }
    for (member, trainer) in running {
      member.directory?.dropCheckpoints(after: saved.step)
      try trainer.begin()
      guard trainer.stepsDone == saved.step else {
        throw TrainingError(
          "\(member.directory?.path ?? "a member") has no checkpoint of step \(saved.step), where "
            + "the study stands; remove the folder of its seed to train it again")
      }
    }
    try measureStart()
  }

  /// f_0 and Θ_0, of the network itself at θ0.
  private func measureStart() throws {
    let model = try Model(
      network, center: start, order: 0, on: backend, outputScale: settings.outputScale,
      start: start)
    if let test {
      outputsBefore = try Evaluator(Objective(settings.loss)).start(model, on: test).outputs
    }
    kernelBefore = try probe?.start(model).wait() ?? []
  }

  /// Runs `body`; a member that is found to have diverged is given up.
  private func attempt(_ member: Member, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as TrainingError {
      guard let step = error.divergedAfter else { throw error }
      diverged(member, after: step)
    }
  }

  private func diverged(_ member: Member, after step: Int) {
    member.divergedAfter = step
    member.trainer = nil
    progress.divergedAfter[member.name] = step
  }

  private func checkpoint() throws {
    for (member, trainer) in running where member.directory != nil {
      try attempt(member) { try trainer.saveCheckpoint() }
    }
    try onCheckpoint(progress)
  }

  // MARK: Evaluation

  /// What one member's evaluation has enqueued.
  private struct Pending {
    var measurements: Trainer.Measurements
    var kernel: TangentProbe.Pending?
    var comparison: StudyComparison?
  }

  private func evaluate(atEnd: Bool = false) throws {
    // Who has diverged on the way here must not be compared with.
    for (member, trainer) in running { try attempt(member) { try trainer.settle() } }
    var pending: [String: Pending] = [:]
    for (member, trainer) in running {
      pending[member.name] = Pending(
        measurements: try trainer.startEvaluation(atEnd: atEnd),
        kernel: try probe?.start(trainer.model))
    }
    if let full = pending["full"]?.measurements {
      for (member, _) in running where member.variant != .full {
        guard let own = pending[member.name]?.measurements else { continue }
        pending[member.name]?.comparison = try StudyComparison(
          own, with: full, before: outputsBefore, network, on: backend)
      }
    }
    // Full first: whether it is finite decides about the others' comparisons.
    var rows: [String: StudyRow] = [:]
    for (member, trainer) in running.filter({ $0.member.variant == .full })
      + running.filter({ $0.member.variant != .full })
    {
      guard let pending = pending[member.name] else { continue }
      try attempt(member) {
        rows[member.name] = try finish(pending, member, trainer, atEnd: atEnd)
      }
    }
    let new = members.compactMap { member -> StudyRow? in
      guard let step = member.divergedAfter else { return rows[member.name] }
      guard !progress.rows.contains(where: { $0.variant == member.variant && $0.isDiverged }) else {
        return nil
      }
      return StudyRow(member.variant, step: step, isDiverged: true)
    }
    progress.rows += new
    try onRows(new)
  }

  private func finish(
    _ pending: Pending, _ member: Member, _ trainer: Trainer, atEnd: Bool
  ) throws -> StudyRow {
    let record: MetricsRecord
    if atEnd {
      let result = try trainer.end(pending.measurements)
      member.result = result
      record = result.record ?? MetricsRecord(step: progress.step, epoch: 0, learningRate: 0)
    } else {
      record = try trainer.finish(pending.measurements)
    }
    var values = Dictionary(uniqueKeysWithValues: record.fields.map { ($0.name, $0.value) })
    if member.variant.period == 0 { values["expansions"] = 0 }
    if let kernel = try pending.kernel?.wait() {
      values["kernel_distance"] = TangentProbe.distance(kernel, from: kernelBefore)
      values["kernel_alignment"] = TangentProbe.alignment(kernel, with: kernelBefore)
    }
    if let comparison = try pending.comparison?.values(),
      members.contains(where: { $0.variant == .full && $0.divergedAfter == nil })
    {
      values.merge(comparison) { $1 }
    }
    if [record.train, record.test].contains(where: { $0.map { !$0.loss.isFinite } ?? false }) {
      diverged(member, after: progress.step)
    }
    return StudyRow(member.variant, step: progress.step, values: values)
  }

  // MARK: Planning

  /// One step and one evaluation of every member, with the memory of a run.
  func rehearse() throws {
    try measureStart()
    for (_, trainer) in running { try trainer.rehearse() }
    try evaluate()
  }
}
