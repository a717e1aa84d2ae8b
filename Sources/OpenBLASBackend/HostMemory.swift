import Compute
import Glibc

/// Host memory for buffers.
///
/// As many addresses as the machine has memory are reserved once; the system gives them memory
/// where they are first written, and they keep it for reuse, because fresh pages cost more than most
/// operations. Buffers are parts of this one piece (`FreeRanges`), so that what one layer used serves
/// the next, whatever their sizes.
final class HostMemory {
  private let base: UnsafeMutableRawPointer
  private var free: FreeRanges
  private let size: Int
  /// The end of what was ever in use: about as much as the process takes.
  private(set) var highWater = 0
  var statistics = BackendStatistics()

  private static let hugePage = 2 << 20
  /// MADV_HUGEPAGE and MAP_NORESERVE of Linux, which Glibc's module does not export.
  private static let adviseHugePages: Int32 = 14
  private static let reserveNothing: Int32 = 0x4000

  /// - Throws: `BackendError` if the system gives no addresses.
  init() throws {
    var size = HostMachine.memory / Self.hugePage * Self.hugePage
    while size > Self.hugePage {
      // Less where a limit is set on the process.
      let memory = mmap(
        nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | Self.reserveNothing, -1, 0)
      if let memory, memory != MAP_FAILED {
        base = memory
        self.size = size
        free = FreeRanges(0..<size)
        madvise(memory, size, Self.adviseHugePages)
        return
      }
      size = size / 2 / Self.hugePage * Self.hugePage
    }
    throw BackendError("the system gives this process no memory; raise its limits", cause: .memory)
  }

  deinit { munmap(base, size) }

  /// Where `bytes` bytes begin, and what to give back.
  func take(_ bytes: Int) throws -> (pointer: UnsafeMutableRawPointer, range: Range<Int>) {
    // Cache lines; from 64 KiB whole pages.
    let alignment = bytes < 1 << 16 ? 64 : 4096
    let count = (max(bytes, 1) + alignment - 1) / alignment * alignment
    guard let range = free.take(count, alignment: alignment) else {
      throw BackendError(
        "out of memory: \(bytes) bytes more were asked for while \(statistics.liveBytes) of the "
          + "machine's \(HostMachine.memory) were in use; lower --batch-size or the network's width",
        cause: .memory)
    }
    highWater = max(highWater, range.upperBound)
    statistics.allocated(bytes)
    return (base + range.lowerBound, range)
  }

  func give(_ range: Range<Int>, _ bytes: Int) {
    statistics.released(bytes)
    free.give(range)
  }
}

/// A buffer of the CPU path.
final class HostBuffer: Buffer {
  private let memory: HostMemory
  private let range: Range<Int>
  /// Packed copies of matrices in this buffer.
  var panels: [KeptPanels.Key: KeptPanels.Copy] = [:]

  init(count: Int, type: ScalarType, memory: HostMemory) throws {
    self.memory = memory
    let (pointer, range) = try memory.take(count * type.byteCount)
    self.range = range
    super.init(count: count, type: type, hostPointer: pointer)
  }

  deinit { memory.give(range, byteCount) }
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
