import Maclaurin

/// Memory for a run at the place where it is to be computed.
struct AvailableMemory {
  /// The device or the machine, for people.
  var name: String
  var bytes: Int
  /// The most that one piece may have.
  var largestPiece = Int.max
  /// Whether it is the host's, through which parameters pass on their way out.
  var isHost: Bool

  /// What `--batch-size auto` and advice plan with. Pools round sizes up, by at most an eighth, and
  /// the program or the driver needs some memory too.
  var budget: Int { bytes / 8 * 7 }
}

/// Whether a run fits into memory, asked before anything is allocated, and what would fit.
struct MemoryCheck {
  var memory: AvailableMemory
  var network: Network
  /// Training, validation and test examples.
  var examples: [Int]
  /// What is done to images on their way into the network.
  var images: ImagePreparation?
  /// Elements of the backend's pool that a contraction takes besides its operands.
  var workspace: Workspace
  /// Of a study: what trains at once.
  var study: TrainingPlan.Study?

  /// The memory of the device, or of the machine where the run is computed on its processor. Under
  /// `auto` a run may need either: the smaller one counts.
  static func availableMemory(
    _ selection: BackendSelection, numerics: Numerics, needsDouble: Bool
  ) throws -> AvailableMemory {
    let host = AvailableMemory(name: "this machine", bytes: HostMachine.memory, isHost: true)
    let device: OpenCLDevice?
    switch selection {
    case .openblas: device = nil
    case .opencl(let index): device = try OpenCLDevices.device(index)
    case .auto:
      device = BackendSelection.accelerators(numerics: numerics, needsDouble: needsDouble)
        .first { $0.kind != .cpu }
    }
    guard let device else { return host }
    if selection == .auto, host.bytes < device.globalMemory {
      var smaller = host
      smaller.largestPiece = device.maximumAllocation
      return smaller
    }
    return AvailableMemory(
      name: device.name, bytes: device.globalMemory, largestPiece: device.maximumAllocation,
      isHost: false)
  }

  /// Bytes of the copies that the host makes of parameters: in double precision, and in their own
  /// type for a file.
  private func copies(_ settings: TrainingSettings) -> Int {
    memory.isHost ? network.parameterCount * (8 + settings.type.byteCount) : 0
  }

  private func largestBatch(_ settings: TrainingSettings, within bytes: Int) throws -> Int? {
    try TrainingPlan.largestBatch(
      network, settings, examples: examples, within: bytes, piece: memory.largestPiece,
      images: images, workspace: workspace, study: study)
  }

  /// The largest batch, at most that of `settings`, that fits.
  ///
  /// - Throws: `TrainingError` if none does.
  func largestBatch(_ settings: TrainingSettings) throws -> Int {
    let copies = copies(settings)
    if let largest = try largestBatch(settings, within: memory.budget - copies) { return largest }
    var single = settings
    single.batchSize = 1
    let plan = try TrainingPlan(
      network, single, examples: examples, images: images, workspace: workspace, study: study)
    throw TrainingError(
      "even with --batch-size 1 this run needs \(bytesText(plan.peakBytes + copies)) of memory, "
        + "\(bytesText(plan.largestBuffer)) of it in one piece, and \(room); take a narrower "
        + "network or less data")
  }

  /// "NAME has so much", and how much at most in one piece.
  private var room: String {
    "\(memory.name) has \(bytesText(memory.bytes))"
      + (memory.largestPiece < memory.bytes
        ? ", \(bytesText(memory.largestPiece)) at most in one piece" : "")
  }

  /// - Throws: `TrainingError` that says what is needed, what there is, and the largest batch that
  ///   fits.
  func check(_ plan: TrainingPlan, _ settings: TrainingSettings) throws {
    let copies = copies(settings)
    let needed: String
    if plan.peakBytes + copies > memory.bytes {
      needed = "\(bytesText(plan.peakBytes + copies)) of memory"
    } else if plan.largestBuffer > memory.largestPiece {
      needed = "a piece of memory of \(bytesText(plan.largestBuffer))"
    } else {
      return
    }
    let largest = try largestBatch(settings, within: memory.budget - copies)
    throw TrainingError(
      "this run needs \(needed), and \(room); "
        + (largest.map { "the largest --batch-size that fits is \($0)" }
          ?? "no --batch-size makes it fit, so take a narrower network or less data"))
  }

  /// The error for a run that has found less memory than the plan counted on.
  ///
  /// - Parameter held: the most bytes that the backend could hand out.
  func shortage(_ error: BackendError, _ settings: TrainingSettings, held: Int) throws
    -> BackendError
  {
    // What has just failed does not fit, whatever the plan says.
    var smaller = settings
    smaller.batchSize -= 1
    let largest = try largestBatch(smaller, within: held)
    let advice =
      largest.map { "is \($0)" } ?? "does not exist, so take a narrower network or less data"
    // In place of the backend's own advice: it knows nothing of batches.
    let text = error.description
    let end = text.indices.last { text[$0...].hasPrefix("; ") } ?? text.endIndex
    let cause = text[..<end]
    return BackendError(
      "\(cause); the largest --batch-size that fits into the \(bytesText(held)) that could be "
        + "allocated \(advice)", cause: .memory)
  }
}
