/// Where a run's re-expansions stand: with the settings, it decides about the later ones.
struct ExpansionState: Sendable, Equatable {
  /// Re-expansions so far.
  private(set) var count = 0
  /// The step before which the last one was; 0 without one.
  private(set) var last = 0
  /// The present order.
  var order: Int
  /// The predicted error at the last look, for `.adaptiveOrder`.
  var predictedError: Double?
  private let relinearization: Relinearization
  /// The step before which a `.periodic` rule re-expands next.
  private var next: Int?

  /// At the start, or behind `count` re-expansions of which the last was before step `last`.
  init(_ settings: TrainingSettings, count: Int = 0, last: Int = 0) {
    self.count = count
    self.last = last
    order = settings.order
    relinearization = settings.relinearization
    schedule()
  }

  private mutating func schedule() {
    next = relinearization.period(after: count).flatMap { period in
      let (step, overflow) = last.addingReportingOverflow(period)
      return overflow ? nil : step
    }
  }

  /// Whether there is something to do, or to look at, before `step`.
  func isDue(_ step: Int) -> Bool {
    guard step > 0 else { return false }
    return relinearization.lookEvery.map { step % $0 == 0 } ?? (step == next)
  }

  /// Steps from `step` on, of a run of `steps`, through which the center is sure to stay; nil where
  /// looks decide.
  func remaining(from step: Int, of steps: Int) -> Int? {
    guard relinearization.lookEvery == nil else { return nil }
    return min(next ?? steps, steps) - step
  }

  /// Counts a re-expansion before `step`.
  mutating func expanded(before step: Int) {
    count += 1
    last = step
    schedule()
  }

  /// The state behind `steps` steps of a run whose checkpoint does not say it: only constant
  /// periods were known when such checkpoints were written.
  static func derived(_ settings: TrainingSettings, steps: Int) -> ExpansionState {
    guard case .periodic(let every, _) = settings.relinearization.rule, steps > 0 else {
      return ExpansionState(settings)
    }
    let count = (steps - 1) / every
    return ExpansionState(settings, count: count, last: count * every)
  }
}

extension ExpansionState {
  /// What a checkpoint says of it.
  var metadata: [String: String] {
    guard relinearization.rule != .never else { return [:] }
    var metadata = ["expansions": String(count), "last_expansion": String(last)]
    guard case .adaptiveOrder = relinearization.rule else { return metadata }
    metadata["order"] = String(order)
    metadata["predicted_error"] = predictedError.map { String($0) }
    return metadata
  }

  /// The state behind `steps` steps from a checkpoint's metadata.
  ///
  /// - Parameter counter: a member of the metadata that must be a number in a range.
  init(
    _ settings: TrainingSettings, steps: Int, _ metadata: [String: String],
    counter: (String, ClosedRange<Int>) throws -> Int
  ) throws {
    self.init(settings)
    guard relinearization.rule != .never else { return }
    guard metadata["expansions"] != nil else {
      self = .derived(settings, steps: steps)
      return
    }
    let range = 0...max(0, steps - 1)
    self.init(
      settings, count: try counter("expansions", range), last: try counter("last_expansion", range))
    guard case .adaptiveOrder(_, let largest, _) = relinearization.rule else { return }
    order = try counter("order", settings.order...max(settings.order, largest))
    predictedError = metadata["predicted_error"].flatMap { Double($0) }
  }
}
