import Compute
import TestSupport
import Testing

@testable import OpenBLASBackend

/// Taking and giving against a map with one entry for every byte.
@Suite struct FreeRangesTests {
  @Test func randomRequests() throws {
    var random = SeededGenerator(seed: 5)
    let size = 1000
    var free = FreeRanges(0..<size)
    var used = [Bool](repeating: false, count: size)
    var held: [Range<Int>] = []
    for _ in 0..<5000 {
      if held.isEmpty || Bool.random(using: &random) {
        let (count, alignment) = (
          Int.random(in: 1...200, using: &random), [1, 8, 64].randomElement(using: &random)!
        )
        guard let range = free.take(count, alignment: alignment) else {
          // Nowhere are so many free bytes behind one another.
          let starts = stride(from: 0, through: size - count, by: alignment)
          #expect(!starts.contains { start in !used[start..<(start + count)].contains(true) })
          continue
        }
        #expect(range.count == count && range.lowerBound % alignment == 0)
        #expect(!used[range].contains(true))
        for byte in range { used[byte] = true }
        held.append(range)
      } else {
        let range = held.remove(at: Int.random(in: held.indices, using: &random))
        free.give(range)
        for byte in range { used[byte] = false }
      }
      #expect(free.ranges.reduce(0) { $0 + $1.count } == used.filter { !$0 }.count)
      for (one, next) in zip(free.ranges, free.ranges.dropFirst()) {
        #expect(one.upperBound < next.lowerBound)
      }
    }
    for range in held { free.give(range) }
    #expect(free.ranges == [0..<size])
  }

  /// Layers of falling sizes, as in a convolutional network: a pool by sizes would keep each size.
  @Test func memoryOfOneSizeServesAnother() throws {
    let backend = try OpenBLASBackend(threads: 1)
    var kept: [Buffer] = []
    for round in 0..<20 {
      kept = []
      for layer in 0..<8 {
        kept.append(try backend.allocate((1 << 20) - 90_001 * layer - 1009 * round, .float32))
      }
    }
    let peak = backend.statistics.peakBytes
    #expect(backend.reservedBytes <= peak + peak / 4, "\(backend.reservedBytes) of \(peak)")
  }

  @Test func moreThanTheMachineHasIsAnError() throws {
    let backend = try OpenBLASBackend(threads: 1)
    let error = #expect(throws: BackendError.self) {
      _ = try backend.allocate(HostMachine.memory, .float32)
    }
    #expect(error?.cause == .memory)
    _ = try backend.allocate(1000, .float32)
  }
}
