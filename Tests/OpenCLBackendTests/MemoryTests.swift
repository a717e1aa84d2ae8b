import Compute
import Testing

@testable import OpenCLBackend

@Suite struct MemoryTests {
  @Test func sizeClassesWasteLittle() {
    var previous = 0
    for bytes in [1, 4, 255, 256, 257, 4095, 4096, 4097, 65_535, 65_537, 1 << 20, 1 << 30 + 1] {
      let capacity = MemoryPool.capacity(for: bytes)
      #expect(capacity >= bytes && capacity % 256 == 0)
      #expect(capacity <= max(256, bytes + max(256, bytes / 8)))
      #expect(MemoryPool.capacity(for: capacity) == capacity)
      #expect(capacity >= previous)
      previous = capacity
    }
  }

  @Test func countsBytesHandedOut() throws {
    let backend = try makeBackend()
    var first: Buffer? = try backend.allocate(1000, .float32)
    let second = try backend.allocate(10, .float64)
    #expect(backend.statistics.liveBytes == 4080)
    #expect(first?.count == 1000 && second.byteCount == 80)
    first = nil
    #expect(backend.statistics.liveBytes == 80)
    #expect(backend.statistics.peakBytes == 4080)
  }

  @Test func aLoopMakesNoNewBlocks() throws {
    let backend = try makeBackend()
    let x = try backend.matrix(1, 70_000, .float32, sample(70_000, seed: 1))
    let sum = try backend.matrix(1, 1, .float32)
    func step() throws {
      let y = try backend.matrix(1, 70_000, .float32)
      try backend.run(.linearCombination(LinearCombination(y, 2, x)))
      let z = try backend.matrix(1, 70_000, .float32)
      try backend.run(.linearCombination(LinearCombination(z, 1, y)))
      try backend.run(.reduction(Reduction(.sum, of: y, into: sum)))
    }
    for _ in 0..<2 { try step() }
    let made = backend.reservedMemory.blocksMade
    for _ in 0..<50 { try step() }
    #expect(backend.reservedMemory.blocksMade == made)
    #expect(backend.statistics.liveBytes == 70_001 * 4)
    try backend.releaseUnusedMemory()
    #expect(backend.reservedMemory.bytes < 80_000 * 4)
  }

  @Test func stridedTransfersTouchOnlyTheirElements() throws {
    let backend = try makeBackend()
    let buffer = try backend.allocate(100, .float32)
    let all = Matrix(buffer, rows: 1, columns: 100)
    try backend.upload([Double](repeating: -7, count: 100), to: all)
    let view = Matrix(buffer, offset: 13, rows: 5, columns: 7, stride: 11)
    let values = sample(35, seed: 2)
    try backend.upload(values, to: view)
    #expect(try backend.download(view) == values)
    let whole = try backend.download(all)
    var expected = [Double](repeating: -7, count: 100)
    for row in 0..<5 {
      for column in 0..<7 { expected[13 + 11 * row + column] = values[7 * row + column] }
    }
    #expect(whole == expected)
    #expect(backend.statistics.uploadedBytes == 135 * 4)
    #expect(backend.statistics.downloadedBytes == 135 * 4)
  }

  @Test func transfersOfEverySize() throws {
    let backend = try makeBackend()
    // Past the sizes that are copied first, and past what may pile up.
    for count in [0, 1, 300_000, 5_000_000] {
      let matrix = try backend.matrix(1, count, .float32)
      let values = (0..<count).map { Float($0 % 1024) }
      try backend.upload(values, to: matrix)
      #expect(try backend.elements(of: matrix, as: Float.self) == values)
    }
    let matrix = try backend.matrix(1, 200_000, .int32)
    for round in 0..<40 {
      try backend.upload([Int32](repeating: Int32(round), count: 200_000), to: matrix)
    }
    #expect(try backend.elements(of: matrix, as: Int32.self).allSatisfy { $0 == 39 })
  }

  @Test func shortageSaysHowMuch() throws {
    let backend = try makeBackend()
    let error = #expect(throws: BackendError.self) { try backend.allocate(1 << 45, .float32) }
    #expect(error?.description.contains("out of memory") == true)
    #expect(error?.description.contains("134217728 MiB asked for") == true)
    #expect(backend.statistics.liveBytes == 0)
    #expect(try backend.allocate(16, .float32).count == 16)
  }
}
