import Maclaurin

/// What computing a kernel in tiles may take, and what tiles of a size do.
struct KernelMemory {
  let limit: Int
  /// The program itself, its threads, an OpenCL driver, and the inputs.
  private let base: Int
  private let device: AvailableMemory
  /// Pages of the file that wait to be written.
  let touchedLimit: Int
  /// Whether everything is computed on the CPU path.
  private let isHost: Bool
  /// Tiles whose values may be on their way at once.
  private let mostPending: Int
  private let hostCopies: Int

  init(_ job: KernelJob, limit: Int, backend: BackendOptions) throws {
    self.limit = limit
    hostCopies = job.hostCopies
    let type = job.type
    let selection = try backend.selection()
    device = try MemoryCheck.availableMemory(
      selection, numerics: backend.numerics, needsDouble: type == .float64)
    isHost =
      switch selection {
      case .openblas: true
      case .opencl: false
      case .auto:
        BackendSelection.accelerators(numerics: backend.numerics, needsDouble: type == .float64)
          .isEmpty
      }
    // Measured: 27 MiB on the CPU path, 260 MiB with PoCL's compiler loaded.
    base = (isHost ? 64 << 20 : 320 << 20) + job.inputBytes + job.keptBytes
    touchedLimit = min(64 << 20, limit / 16)
    mostPending = isHost ? 1 : 32
  }

  /// Bytes of everything with tiles of this cost.
  func total(_ cost: KernelPlan.TileCost, pending: Int = 2) -> Int {
    // Pools round up, by at most an eighth. A tile and its mirror image lie on pages of the file, and
    // its values are copied on their way.
    let pages = 2 * cost.lines * 8192 + 2 * cost.bytes
    return base + cost.peakBytes / 8 * 9 + touchedLimit + pages + (2 * pending + 1 + hostCopies)
      * cost.bytes
  }

  func fits(_ cost: KernelPlan.TileCost) -> Bool {
    total(cost) <= limit && cost.peakBytes <= device.budget
      && cost.largestBuffer <= device.largestPiece
  }

  /// As many tiles on their way as the limit leaves room for.
  func pending(_ cost: KernelPlan.TileCost) -> Int {
    min(mostPending, max(1, (limit - total(cost, pending: 0)) / (2 * max(1, cost.bytes))))
  }

  /// The sentence for tiles that do not fit.
  func shortage(_ cost: KernelPlan.TileCost, largest: KernelPlan.TileCost?) -> KernelError {
    let what =
      largest == nil && cost.side == 1
      ? "even in tiles of one pair of examples this kernel needs"
      : "in tiles of \(cost.side) rows and columns this kernel needs"
    let room: String
    if total(cost) > limit {
      room = "\(bytesText(total(cost))) of memory, more than the limit of \(bytesText(limit))"
    } else if cost.peakBytes > device.budget {
      room =
        "\(bytesText(cost.peakBytes)) of memory, and \(device.name) has \(bytesText(device.bytes))"
    } else {
      room =
        "a piece of memory of \(bytesText(cost.largestBuffer)), and \(device.name) has "
        + "\(bytesText(device.largestPiece)) at most in one piece"
    }
    let advice =
      largest.map { "give --tile \($0.side)" }
      ?? "raise --memory-limit\(isHost ? " or" : ",") give fewer inputs"
      + (isHost ? "" : ", or leave OpenCL's drivers out with --backend openblas")
    return KernelError("\(what) \(room); \(advice)")
  }
}
