import Compute

/// A back end whose results are checked against another one while it runs.
///
/// Buffers are those of the wrapped back end, and operations run there. Nothing waits for a check:
/// samples of what an operation reads and writes are collected on the device, and computed again on
/// the CPU path where the host waits anyhow, or when many have piled up. Nothing that was
/// downloaded is returned before everything that ran until then has been checked.
///
/// - Throws: from `run`, `upload`, `download`, `finish` and `Download.wait`: `Disagreement`.
public final class CheckedBackend: Backend {
  public let wrapped: any Backend
  public let level: CheckLevel
  /// Chooses samples and signs.
  public let seed: UInt64
  var judge: CheckJudge
  /// What is not yet resolved, in the order in which it ran.
  var samples: [PendingSample] = []
  var projections: [PendingProjection] = []
  var words = StagingArena(.float32)
  var doubles = StagingArena(.float64)
  var signs: ProjectionSigns?
  /// Operations so far.
  var number = 0
  /// The operation of this window of `whole(every:)` that is checked.
  private var chosen = 0
  var statisticsOfChecks = CheckStatistics()

  /// So many samples at most wait to be resolved.
  static let pendingLimit = 256

  /// - Parameters:
  ///   - against: the CPU path, whose operations run on the host.
  /// - Throws: `BackendError` where projections need double precision and the device has none.
  public init(
    _ wrapped: any Backend, against cpu: any Backend, level: CheckLevel, seed: UInt64 = 0
  ) throws {
    self.wrapped = wrapped
    self.level = level
    self.seed = seed
    judge = CheckJudge(
      cpu, device: wrapped.name, numerics: wrapped.numerics, level: level, seed: seed)
    if level == .freivalds { try requireDoublePrecision() }
  }

  /// What was checked so far.
  public var checks: CheckStatistics {
    var sum = judge.statistics
    sum.operations = number
    sum.projections = statisticsOfChecks.projections
    sum.falseTriggers = statisticsOfChecks.falseTriggers
    sum.unchecked = statisticsOfChecks.unchecked
    return sum
  }

  public var name: String { wrapped.name }
  public var numerics: Numerics { wrapped.numerics }
  public var statistics: BackendStatistics { wrapped.statistics }
  public var workspaceBytes: Int {
    get { wrapped.workspaceBytes }
    set { wrapped.workspaceBytes = newValue }
  }
  public var timeline: Timeline? {
    get { wrapped.timeline }
    set { wrapped.timeline = newValue }
  }

  public func allocate(_ count: Int, _ type: ScalarType) throws -> Buffer {
    try wrapped.allocate(count, type)
  }

  public func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) throws {
    try resolveBeforeOverwriting(matrix, Access(.write, matrix))
    try wrapped.upload(source, to: matrix)
  }

  public func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) throws {
    try wrapped.download(matrix, into: target)
    try resolve()
  }

  public func startDownload(_ matrix: Matrix) throws -> any Download {
    CheckedDownload(try wrapped.startDownload(matrix), self)
  }

  public func runIndependently(_ count: Int, _ body: (Int) throws -> Void) throws {
    try wrapped.runIndependently(count, body)
  }

  public func finish() throws {
    try wrapped.finish()
    try resolve()
  }

  public func run(_ operation: Operation) throws {
    // What is between the parts of an interpolated product lies nowhere that a projection reaches:
    // they run, and are checked, as operations of their own.
    if level == .freivalds, case .jetContraction(let product) = operation,
      product.plan.isInterpolated
    {
      for part in try product.lowered(workspace: wrapped.allocate) { try run(part) }
      return
    }
    if !projections.isEmpty {
      var operation = operation
      try operation.visitOperands { try resolveBeforeOverwriting($0, $1) }
    }
    number += 1
    switch level {
    case .elements: try runSampled(operation)
    case .freivalds:
      if let plan = ProjectionPlan(operation, numerics: numerics) {
        try runProjected(operation, plan)
      } else {
        try runSampled(operation)
      }
    case .whole(let every):
      if isChosen(every) { try runWhole(operation) } else { try wrapped.run(operation) }
    }
  }

  /// One operation of every window of `every`, drawn, so that no step of a loop is always met and
  /// none never.
  private func isChosen(_ every: Int) -> Bool {
    let window = (number - 1) / every
    if (number - 1) % every == 0 {
      var sampler = Sampler(seed: seed, operation: window)
      chosen = window * every + 1 + sampler.integer(below: every)
    }
    return number == chosen
  }

  // MARK: Resolving

  /// Computes again what is pending.
  func resolve() throws {
    guard !samples.isEmpty || !projections.isEmpty else {
      // What was collected for an operation that then failed.
      words.discard()
      return doubles.discard()
    }
    guard let timeline else { return try resolvePending() }
    try timeline.measure(name, "checks", .check) { try resolvePending() }
  }

  private func resolvePending() throws {
    let (samples, projections) = (samples, projections)
    // Whatever comes of it, these are done with.
    (self.samples, self.projections) = ([], [])
    heldBytes = 0
    let words = try words.collect(from: wrapped)
    let doubles = try doubles.collect(from: wrapped)
    for sample in samples { try resolve(sample, words, doubles) }
    for projection in projections { try resolve(projection, doubles) }
  }

  private var askedOracle = 0
  /// Bytes of operands that pending projections keep.
  var heldBytes = 0

  /// A projection that fails needs its operands as they were.
  private func resolveBeforeOverwriting(_ matrix: Matrix, _ access: Access) throws {
    guard access.writes, !projections.isEmpty else { return }
    let elements = access.elements(of: matrix)
    let isHeld = projections.contains { pending in
      pending.held.contains { $0.buffer === matrix.buffer && $0.elements.overlaps(elements) }
    }
    if isHeld { try resolve() }
  }

  /// Whether the next check goes to the definition as well: one of every ten, drawn so that no
  /// operation of a loop is always or never met.
  func asksOracle() -> Bool {
    defer { askedOracle += 1 }
    var sampler = Sampler(seed: ~seed, operation: askedOracle / 10)
    return askedOracle % 10 == sampler.integer(below: 10)
  }
}

/// A download that is given out when everything before it has been checked.
private final class CheckedDownload: Download {
  private let download: any Download
  private let backend: CheckedBackend

  init(_ download: any Download, _ backend: CheckedBackend) {
    self.download = download
    self.backend = backend
  }

  func wait() throws -> [UInt8] {
    let bytes = try download.wait()
    try backend.resolve()
    return bytes
  }
}
