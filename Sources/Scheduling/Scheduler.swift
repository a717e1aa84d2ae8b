import Compute

/// Runs each operation on the host or on an accelerator, wherever it ends sooner (`--backend auto`).
///
/// Every buffer is mirrored: it has a copy at each place that has needed one, and the scheduler
/// knows by ranges of elements which copies are current (`Validity`). Data move when an operation
/// needs them elsewhere, and only then. All places compute the same bits, so that placing
/// operations never changes a result. See `Placement` for the rule.
///
/// Accelerators are opened when operations are to run there. Until it is worth that the host is
/// alone: everything runs there, at next to no cost for being scheduled, and a short command never
/// waits for a driver. Where no profile is known, the host works for `patience` seconds before time
/// is spent on measuring.
///
/// An accelerator that fails is retired: its data are brought home if it still answers, and the
/// host goes on. What only a lost device held cannot be brought back; then `run` or `download`
/// throws an error of cause `device`, and the caller repeats from what it has saved.
public final class Scheduler: Backend {
  /// Who chooses the places.
  public enum Policy {
    /// `Placement`, by cost, residency and profile.
    case automatic
    /// A place for the n-th decision, for tests: results may not depend on it.
    case forced((Int) -> Int)
  }

  public let name = "auto"
  public var numerics: Numerics { host.numerics }
  public let policy: Policy
  /// Receives a sentence about every accelerator that is given up.
  public var onNotice: (String) -> Void = { _ in }
  /// Called before profiles are measured, which takes seconds.
  public var onMeasure: (_ device: String) -> Void = { _ in }

  /// Unless it was set, what suits the place where most operations run.
  public var workspaceBytes: Int {
    get { chosenWorkspace ?? places[residency.home].backend?.workspaceBytes ?? host.workspaceBytes }
    set { chosenWorkspace = newValue }
  }
  private var chosenWorkspace: Int?

  let host: any Backend
  let places: [Place]
  let memory: MirroredMemory
  let measureHost: () throws -> DeviceProfile
  let patience: Double
  var residency: Placement.Residency
  var decisions = 0
  /// Where the current part of `runIndependently` runs.
  var pinned: Int?
  var survey: Survey?
  /// Those of the operation at hand.
  var operands: [Operand] = []
  /// As long as no accelerator has been opened: what has content is current on the host.
  var isAlone: Bool
  /// Until the next operation is looked at while the host is alone.
  var sampling = Sampling()

  struct Operand {
    var buffer: MirroredBuffer
    var elements: Range<Int>
    var access: Access
    /// Whether its content must be there before the operation runs.
    var needsContent: Bool { access.reads || !access.isDense }
  }

  /// - Parameters:
  ///   - host: where everything can run. Its `hostPointer` makes transfers one copy each.
  ///   - hostProfile: nil if it has not been measured.
  ///   - measureHost: measures the host.
  ///   - accelerators: places 1, 2, …
  ///   - patience: seconds of work on the host before unknown profiles are measured.
  public init(
    host: any Backend, hostProfile: DeviceProfile?,
    measureHost: @escaping () throws -> DeviceProfile, accelerators: [Accelerator],
    policy: Policy = .automatic, patience: Double = 3
  ) {
    precondition(accelerators.count < 32, "at most 31 accelerators")
    self.host = host
    self.policy = policy
    self.measureHost = measureHost
    self.patience = patience
    places = [Place(host: host, profile: hostProfile)] + accelerators.map(Place.init)
    memory = MirroredMemory(places: places.count)
    residency = Placement.Residency(places: places.count)
    for index in places.indices.dropFirst() {
      residency.isOpen[index] = false
      residency.sharesProcessors[index] = places[index].sharesProcessors
    }
    if case .automatic = policy { isAlone = true } else { isAlone = false }
  }

  public var statistics: BackendStatistics {
    var statistics = memory.statistics
    for place in places {
      guard let backend = place.backend else { continue }
      statistics.launches.merge(backend.statistics.launches) { $0 + $1 }
    }
    return statistics
  }

  public var timeline: Timeline? {
    didSet { for place in places { place.backend?.timeline = timeline } }
  }

  // MARK: Operations

  public var runsSequencesAtOnce: Bool { isAlone && host.runsSequencesAtOnce }

  public func run(sequence: [Operation]) throws {
    if isAlone, survey == nil, pinned == nil,
      try ranAlone(
        { profile in sequence.reduce(0) { $0 + profile.seconds($1) } },
        flops: { sequence.reduce(0) { $0 + $1.cost.flops } }, { try $0.run(sequence: sequence) })
    {
      return
    }
    for operation in sequence { try run(operation) }
  }

  public func run(_ operation: Operation) throws {
    if isAlone, survey == nil, pinned == nil,
      try ranAlone(
        { $0.seconds(operation) }, flops: { operation.cost.flops }, { try $0.run(operation) })
    {
      return
    }
    operands.removeAll(keepingCapacity: true)
    var operation = operation
    operation.visitOperands { matrix, access in
      operands.append(
        Operand(buffer: mirrored(matrix), elements: access.elements(of: matrix), access: access))
    }
    let place = try choose(moves: true) { $0.seconds(operation) }
    try perform(at: place) { place in
      let flops = operation.cost.flops
      if place == 0 {
        // The host finds its copies through the buffers themselves.
        for operand in operands { _ = try copy(of: operand.buffer, at: 0) }
        let start = MonotonicClock.seconds
        try at(0) { try $0.run(operation) }
        let seconds = MonotonicClock.seconds - start
        places[0].ran(flops, seconds: seconds)
        places[0].calibration.took(seconds)
      } else {
        var own = operation
        try own.visitOperands { matrix, _ in matrix = try self.matrix(matrix, at: place) }
        places[place].began()
        try at(place) { try $0.run(own) }
        places[place].ran(flops, seconds: 0)
      }
    }
  }

  /// Does `body` at `place`, with the operands there; on the host if the accelerator fails.
  func perform(at place: Int, _ body: (Int) throws -> Void) throws {
    try surface {
      do {
        try attempt(at: place, body)
      } catch let failure as Failure where place != 0 {
        // Nothing has changed, or what has changed is lost, which fetching will show.
        try retire(failure)
        try attempt(at: 0, body)
      }
    }
  }

  private func attempt(at place: Int, _ body: (Int) throws -> Void) throws {
    for operand in operands where operand.needsContent {
      try fetch(operand.buffer, operand.elements, to: place)
    }
    try body(place)
    for operand in operands where operand.access.writes {
      operand.buffer.validity.write(operand.elements, at: place)
      operand.buffer.dropStaleCopies()
    }
  }
}
