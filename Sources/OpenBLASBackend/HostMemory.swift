import Compute
import Glibc

/// Host memory for buffers, kept for reuse: fresh pages cost more than most operations.
final class HostMemory {
  /// Blocks by capacity, ready for reuse.
  private var free: [Int: [UnsafeMutableRawPointer]] = [:]
  var statistics = BackendStatistics()

  private static let hugePage = 2 << 20
  /// MADV_HUGEPAGE of Linux, which Glibc's module does not export.
  private static let adviseHugePages: Int32 = 14

  deinit { trim() }

  /// Gives the blocks that nobody uses back to the system.
  private func trim() {
    for blocks in free.values { for block in blocks { Glibc.free(block) } }
    free = [:]
  }

  /// The capacity in which `bytes` are kept: eight sizes between powers of two.
  static func capacity(_ bytes: Int) -> Int {
    let bytes = max(bytes, 256)
    let step = (1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)) >> 3
    return (bytes + step - 1) / step * step
  }

  func take(_ bytes: Int) throws -> UnsafeMutableRawPointer {
    let capacity = Self.capacity(bytes)
    if let block = free[capacity]?.popLast() {
      statistics.allocated(bytes)
      return block
    }
    var block: UnsafeMutableRawPointer?
    let alignment = capacity >= Self.hugePage ? Self.hugePage : 64
    // The system promises more than there is; using it would end the program.
    func attempt() -> Bool {
      statistics.liveBytes + capacity <= HostMachine.memory
        && posix_memalign(&block, alignment, capacity) == 0
    }
    var isThere = attempt()
    if !isThere, !free.isEmpty {
      trim()
      isThere = attempt()
    }
    guard isThere, let block else {
      throw BackendError(
        "out of memory: \(bytes) bytes more were asked for while \(statistics.liveBytes) of the "
          + "machine's \(HostMachine.memory) were in use; lower --batch-size or the network's width",
        cause: .memory)
    }
    if capacity >= Self.hugePage { madvise(block, capacity, Self.adviseHugePages) }
    statistics.allocated(bytes)
    return block
  }

  func give(_ block: UnsafeMutableRawPointer, _ bytes: Int) {
    statistics.released(bytes)
    free[Self.capacity(bytes), default: []].append(block)
  }
}

/// A buffer of the CPU path.
final class HostBuffer: Buffer {
  private let memory: HostMemory

  init(count: Int, type: ScalarType, memory: HostMemory) throws {
    self.memory = memory
    super.init(
      count: count, type: type, hostPointer: try memory.take(count * type.byteCount))
  }

  deinit { memory.give(hostPointer!, byteCount) }
}

extension Matrix {
  /// The first element on the host.
  var pointer: UnsafeMutableRawPointer {
    guard let start = buffer.hostPointer else {
      preconditionFailure("a matrix of a device, or of nothing")
    }
    return start + offset * type.byteCount
  }
}
