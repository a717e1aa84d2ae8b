import COpenCL

/// Blocks of device memory that nobody uses now, by size.
///
/// Sizes are rounded up to an eighth of an octave (from 64 MiB a sixty-fourth), and the smallest
/// free block that fits, up to one and a half times the request, serves it. A loop that asks for
/// the same sizes again and again therefore makes no new blocks after its first rounds.
struct MemoryPool {
  private var free: [Int: [cl_mem]] = [:]
  /// Bytes of all blocks, free or in use.
  private(set) var reservedBytes = 0
  /// How many blocks were ever made.
  private(set) var blocksMade = 0

  /// The size of the block for a request: at least 256 bytes, at most 12.5 % more than asked.
  static func capacity(for bytes: Int) -> Int {
    guard bytes > 256 else { return 256 }
    let octave = 1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)
    let step = max(256, octave >= 64 << 20 ? octave / 64 : octave / 8)
    return (bytes + step - 1) / step * step
  }

  /// A free block for `capacity` bytes, and its size.
  mutating func take(_ capacity: Int) -> (memory: cl_mem, capacity: Int)? {
    if let memory = pop(capacity) { return (memory, capacity) }
    let limit = capacity + capacity / 2
    guard let best = free.keys.filter({ $0 > capacity && $0 <= limit }).min(),
      let memory = pop(best)
    else { return nil }
    return (memory, best)
  }

  private mutating func pop(_ capacity: Int) -> cl_mem? {
    guard let memory = free[capacity]?.popLast() else { return nil }
    if free[capacity]!.isEmpty { free[capacity] = nil }
    return memory
  }

  /// Notes a block that was made for the pool and is in use.
  mutating func made(_ capacity: Int) {
    reservedBytes += capacity
    blocksMade += 1
  }

  mutating func give(_ memory: cl_mem, capacity: Int) { free[capacity, default: []].append(memory) }

  /// Bytes of free blocks.
  var freeBytes: Int { free.reduce(0) { $0 + $1.key * $1.value.count } }

  /// Forgets free blocks, the largest first, until at most `limit` bytes of them are left, and
  /// returns them for their release.
  mutating func drain(to limit: Int = 0) -> [cl_mem] {
    var blocks: [cl_mem] = []
    var left = freeBytes
    while left > limit, let largest = free.keys.max(), let block = pop(largest) {
      blocks.append(block)
      left -= largest
      reservedBytes -= largest
    }
    return blocks
  }
}
