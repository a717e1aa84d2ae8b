import Compute

/// Runs each operation on the host or on an accelerator, wherever it ends sooner (`--backend auto`).
///
/// Every buffer is mirrored: it has a copy at each place that has needed one, and the scheduler
/// knows by ranges of elements which copies are current (`Validity`). Data move when an operation
/// needs them elsewhere, and only then. All places compute the same bits, so that placing
/// operations never changes a result. See `Placement` for the rule.
///
/// Accelerators are opened when operations are to run there: until it is worth that, everything
/// runs on the host, and a short command never waits for a driver. Where no profile is known, the
/// host works for `patience` seconds before time is spent on measuring.
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

  let host: any Backend
  let places: [Place]
  let memory: MirroredMemory
  let measureHost: (any Backend) throws -> DeviceProfile
  let patience: Double
  var residency: Placement.Residency
  var decisions = 0
  /// Where the current part of `runIndependently` runs.
  var pinned: Int?
  var survey: Survey?
  /// Those of the operation at hand.
  private(set) var operands: [Operand] = []

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
    measureHost: @escaping (any Backend) throws -> DeviceProfile, accelerators: [Accelerator],
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
    for index in places.indices.dropFirst() { residency.isOpen[index] = false }
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

  // MARK: Memory and transfers

  public func allocate(_ count: Int, _ type: ScalarType) throws -> Buffer {
    MirroredBuffer(count: count, type: type, places: places.count, memory: memory)
  }

  private func mirrored(_ matrix: Matrix) -> MirroredBuffer {
    guard let buffer = matrix.buffer as? MirroredBuffer, buffer.memory === memory else {
      preconditionFailure("a matrix of another backend")
    }
    return buffer
  }

  /// `matrix` in the copy of its buffer at `place`, which is made if there is none.
  private func matrix(_ matrix: Matrix, at place: Int) throws -> Matrix {
    let buffer = mirrored(matrix)
    return Matrix(
      try copy(of: buffer, at: place), offset: matrix.offset, rows: matrix.rows,
      columns: matrix.columns, stride: matrix.stride)
  }

  private func copy(of buffer: MirroredBuffer, at place: Int) throws -> Buffer {
    if let copy = buffer.copies[place] { return copy }
    let copy = try at(place) { try $0.allocate(buffer.count, buffer.type) }
    buffer.copies[place] = copy
    memory.resident[place] += buffer.byteCount
    return copy
  }

  /// Brings what has content in `range` to `place`.
  private func fetch(_ buffer: MirroredBuffer, _ range: Range<Int>, to place: Int) throws {
    guard !buffer.validity.isValid(range, at: place) else { return }
    var parts: [(Range<Int>, source: Int)] = []
    buffer.validity.forEach(in: range) { part, valid in
      guard valid != 0, valid & (1 << place) == 0 else { return }
      parts.append((part, source(valid)))
    }
    for (part, source) in parts {
      if source != 0, place != 0 {
        try transfer(buffer, part, from: source, to: 0)
        try transfer(buffer, part, from: 0, to: place)
      } else {
        try transfer(buffer, part, from: source, to: place)
      }
    }
  }

  /// The host if it has the content, else the first device that still answers.
  private func source(_ valid: Validity.Places) -> Int {
    if valid & 1 != 0 { return 0 }
    let answering = places.indices.first { valid & (1 << $0) != 0 && places[$0].state != .lost }
    return answering ?? valid.trailingZeroBitCount
  }

  /// One of the two places is the host.
  private func transfer(
    _ buffer: MirroredBuffer, _ range: Range<Int>, from source: Int, to target: Int
  ) throws {
    func part(_ place: Int) throws -> Matrix {
      Matrix(
        try copy(of: buffer, at: place), offset: range.lowerBound, rows: 1, columns: range.count)
    }
    let bytes = range.count * buffer.type.byteCount
    let (from, to) = (try part(source), try part(target))
    if target == 0, let pointer = host.hostPointer(to) {
      try at(source) {
        try $0.download(from, into: UnsafeMutableRawBufferPointer(start: pointer, count: bytes))
      }
    } else if source == 0, let pointer = host.hostPointer(from) {
      try at(target) {
        try $0.upload(UnsafeRawBufferPointer(start: pointer, count: bytes), to: to)
      }
    } else {
      let content = try at(source) { try $0.bytes(of: from) }
      try content.withUnsafeBytes { content in try at(target) { try $0.upload(content, to: to) } }
    }
    if source != 0 { places[source].ended() }
    places[target].incoming += Placement.Traffic(bytes: bytes, pieces: 1)
    buffer.validity.copied(range, to: target)
  }

  public func upload(_ source: UnsafeRawBufferPointer, to matrix: Matrix) throws {
    guard matrix.count > 0 else { return }
    let access = Access(.write, matrix)
    let bytes = matrix.count * matrix.type.byteCount
    memory.statistics.uploadedBytes += bytes
    operands = [
      Operand(buffer: mirrored(matrix), elements: access.elements(of: matrix), access: access)
    ]
    let place = try choose(moves: false) { profile, isHost in
      isHost ? Double(bytes) / profile.memoryRate : profile.uploadSeconds(bytes, pieces: 1)
    }
    try perform(at: place) { place in
      let own = try self.matrix(matrix, at: place)
      try at(place) { try $0.upload(source, to: own) }
    }
  }

  public func download(_ matrix: Matrix, into target: UnsafeMutableRawBufferPointer) throws {
    guard matrix.count > 0 else { return }
    memory.statistics.downloadedBytes += matrix.count * matrix.type.byteCount
    try surface {
      let place = try holder(of: matrix)
      let own = try self.matrix(matrix, at: place)
      try at(place) { try $0.download(own, into: target) }
      places[place].ended()
    }
  }

  public func startDownload(_ matrix: Matrix) throws -> any Download {
    guard matrix.count > 0 else { return FinishedDownload([]) }
    memory.statistics.downloadedBytes += matrix.count * matrix.type.byteCount
    return try surface {
      let place = try holder(of: matrix)
      let own = try self.matrix(matrix, at: place)
      return try at(place) { try $0.startDownload(own) }
    }
  }

  /// A place that has all of `matrix`: the host if it does, else a device that does, else the host
  /// after fetching.
  private func holder(of matrix: Matrix) throws -> Int {
    let buffer = mirrored(matrix)
    let range = Access(.read, matrix).elements(of: matrix)
    for place in places.indices where places[place].state != .lost {
      if buffer.copies[place] != nil, buffer.validity.isValid(range, at: place) { return place }
    }
    try fetch(buffer, range, to: 0)
    return 0
  }

  public func finish() throws {
    try surface {
      for (index, place) in places.enumerated() where place.state == .open {
        try at(index) { try $0.finish() }
        place.ended()
      }
    }
  }

  // MARK: Operations

  public func run(_ operation: Operation) throws {
    var operation = operation
    operands.removeAll(keepingCapacity: true)
    operation.visitOperands { matrix, access in
      operands.append(
        Operand(buffer: mirrored(matrix), elements: access.elements(of: matrix), access: access))
    }
    let place = try choose(moves: true) { profile, _ in profile.seconds(operation) }
    try perform(at: place) { place in
      var own = operation
      try own.visitOperands { matrix, _ in matrix = try self.matrix(matrix, at: place) }
      places[place].began()
      try at(place) { try $0.run(own) }
      if place == 0 { places[0].ended() }
      places[place].operations += 1
      places[place].flops += operation.cost.flops
    }
  }

  /// Does `body` at `place`, with the operands there; on the host if the accelerator fails.
  private func perform(at place: Int, _ body: (Int) throws -> Void) throws {
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
