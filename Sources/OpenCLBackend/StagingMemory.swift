import COpenCL
import Glibc

/// Host memory through which transfers go, used again and again: blocks of powers of two, cut from
/// slabs that stay until the end.
///
/// Commands that hang may read or write it at any time, which is why transfers never touch memory
/// of a caller.
struct StagingMemory {
  struct Block {
    let pointer: UnsafeMutableRawPointer
    fileprivate let exponent: Int
    /// Whether the block is no part of a slab.
    fileprivate let isSingle: Bool
  }

  /// Host memory of a slab and, where it is pinned, the buffer that it belongs to.
  struct Slab {
    let pointer: UnsafeMutableRawPointer
    let memory: cl_mem?
  }

  /// The largest piece of a transfer, and the most that all slabs take.
  static let pieceLimit = 4 << 20
  static let limit = 33 << 20
  private static let smallest = 8
  private static let largest = pieceLimit.trailingZeroBitCount
  private static let slabBytes = 64 << 10

  private(set) var slabs: [Slab] = []
  private(set) var reservedBytes = 0
  private var free: [[UnsafeMutableRawPointer]]

  init() { free = Array(repeating: [], count: Self.largest + 1) }

  /// A block of at least `bytes`, at most `pieceLimit`, if one is free or `slab` gives memory.
  mutating func take(_ bytes: Int, slab: (Int) -> Slab?) -> Block? {
    precondition(bytes <= Self.pieceLimit, "larger than a piece")
    let exponent = max(Self.smallest, Int.bitWidth - max(0, bytes - 1).leadingZeroBitCount)
    if let pointer = free[exponent].popLast() {
      return Block(pointer: pointer, exponent: exponent, isSingle: false)
    }
    let size = 1 << exponent
    let slabSize = max(size, Self.slabBytes)
    if reservedBytes + slabSize <= Self.limit, let slab = slab(slabSize) {
      slabs.append(slab)
      reservedBytes += slabSize
      free[exponent] = stride(from: 0, to: slabSize, by: size).reversed().map { slab.pointer + $0 }
      return Block(pointer: free[exponent].removeLast(), exponent: exponent, isSingle: false)
    }
    for larger in free.indices[(exponent + 1)...] {
      guard let pointer = free[larger].popLast() else { continue }
      return Block(pointer: pointer, exponent: larger, isSingle: false)
    }
    return nil
  }

  /// A block beyond the limit, for one use; nil if the host has no memory.
  static func single(_ bytes: Int) -> Block? {
    hostMemory(bytes).map { Block(pointer: $0, exponent: 0, isSingle: true) }
  }

  mutating func give(_ block: Block) {
    if block.isSingle {
      Self.release(block.pointer)
    } else {
      free[block.exponent].append(block.pointer)
    }
  }

  static func release(_ pointer: UnsafeMutableRawPointer) { Glibc.free(pointer) }

  static func hostMemory(_ bytes: Int) -> UnsafeMutableRawPointer? {
    aligned_alloc(4096, (max(1, bytes) + 4095) / 4096 * 4096)
  }
}
