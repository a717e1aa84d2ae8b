import Compute
import Glibc
import Testing

@testable import OpenCLBackend

/// Transfers that do not wait, and what they leave behind.
@Suite struct TransferTests {
  /// How transfers may go on a device: as it is here, with the driver's memory as on a GPU, and
  /// with downloads beside the queue.
  enum Way: CaseIterable { case plain, pinned, separate }

  private func makeBackend(_ way: Way) throws -> OpenCLBackend {
    let backend = try OpenCLBackendTests.makeBackend()
    if way != .plain { backend.session.pinsStaging = true }
    if way == .separate { backend.session.separateDownloadBytes = 0 }
    return backend
  }

  private func values(_ bytes: [UInt8]) -> [Int32] {
    bytes.withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
  }

  /// Each sees the matrix as it was when it began, whatever came later and in whatever order they
  /// are waited for.
  @Test(arguments: Way.allCases) func deferredDownloadsSeeTheirTime(_ way: Way) throws {
    let backend = try makeBackend(way)
    for (rows, columns, stride) in [(1, 1, 1), (3, 5, 5), (7, 13, 20), (3, 400_000, 400_001)] {
      let buffer = try backend.allocate(rows * stride + 2, .int32)
      let matrix = Matrix(buffer, offset: 2, rows: rows, columns: columns, stride: stride)
      let base = (0..<rows * columns).map { Int32($0 % 1000) }
      func content(_ number: Int) -> [Int32] { base.map { $0 + Int32(1000 * number) } }
      let order = rows * columns < 1000 ? [8, 0, 4, 3, 7, 1, 2] : [1, 0]
      var downloads: [any Download] = []
      for number in 0...order.max()! {
        try backend.upload(content(number), to: matrix)
        downloads.append(try backend.startDownload(matrix))
      }
      for number in order {
        #expect(values(try downloads[number].wait()) == content(number))
      }
      #expect(values(try downloads[0].wait()) == content(0), "a second time")
    }
    #expect(
      try backend.startDownload(Matrix(backend.allocate(1, .int32), rows: 0, columns: 3)).wait()
        == [])
  }

  @Test(arguments: Way.allCases) func manyDownloadsMayBePending(_ way: Way) throws {
    let backend = try makeBackend(way)
    let counter = try backend.matrix(1, 1, .float32, [0])
    let one = try backend.matrix(1, 1, .float32, [1])
    var downloads: [any Download] = []
    for _ in 0..<3000 {
      try backend.run(.linearCombination(LinearCombination(counter, 1, counter, 1, one)))
      downloads.append(try backend.startDownload(counter))
    }
    for (number, download) in downloads.enumerated() {
      let value = try download.wait().withUnsafeBytes { $0.loadUnaligned(as: Float.self) }
      #expect(value == Float(number + 1))
    }
    // Every other one is dropped unseen; its memory comes back all the same.
    let reserved = backend.session.staging.reservedBytes
    for round in 0..<3000 {
      let download = try backend.startDownload(counter)
      if round % 2 == 0 { _ = try download.wait() }
    }
    try backend.finish()
    #expect(backend.session.abandoned.isEmpty)
    #expect(backend.session.staging.reservedBytes == reserved)
    #expect(reserved <= StagingMemory.limit)
  }

  /// Nothing below waits for the queue, which stands still.
  @Test(arguments: Way.allCases) func transfersDoNotWait(_ way: Way) throws {
    let backend = try makeBackend(way)
    let large = try backend.matrix(1, 2 << 20, .int32)
    let small = try backend.matrix(1, 4, .float32, [1, 2, 3, 4])
    try backend.finish()
    let gate = try Gate(backend.session)
    var downloads: [any Download] = []
    // 8 MiB each, 32 MiB in all.
    for number in 0..<4 {
      try backend.upload([Int32](repeating: Int32(number), count: 2 << 20), to: large)
      try backend.run(.linearCombination(LinearCombination(small, 2, small)))
      downloads.append(try backend.startDownload(small))
    }
    #expect(backend.session.progress.completed == 0 || backend.session.progress.pending >= 12)
    gate.open()
    for (number, download) in downloads.enumerated() {
      let bytes = try download.wait()
      let floats = bytes.withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
      #expect(floats == [1, 2, 3, 4].map { $0 * Float(2 << number) })
    }
    #expect(try backend.elements(of: large, as: Int32.self).allSatisfy { $0 == 3 })
    #expect(backend.session.staging.reservedBytes <= StagingMemory.limit)
  }

  /// With a queue of their own downloads do not hold up what comes later, nor the other way round.
  @Test func separateDownloadsHoldNothingUp() throws {
    let backend = try makeBackend(.separate)
    let x = try backend.matrix(1, 4, .float32, [1, 2, 3, 4])
    _ = try backend.startDownload(x).wait()
    let gate = try Gate(backend.session, queue: backend.session.queue(for: .downloads))
    let download = try backend.startDownload(x)
    try backend.run(.fill(Fill(x, value: 9)))
    #expect(try backend.download(x) == [9, 9, 9, 9])
    gate.open()
    let floats = try download.wait().withUnsafeBytes { Array($0.bindMemory(to: Float.self)) }
    #expect(floats == [1, 2, 3, 4])
  }

  /// An upload beyond what may pile up waits for the older ones, not for all.
  @Test(arguments: Way.allCases) func largeUploadsArriveWhole(_ way: Way) throws {
    let backend = try makeBackend(way)
    for count in [1 << 20, 3 << 20 + 7] {
      let matrix = try backend.matrix(1, count, .int32)
      let content = (0..<count).map { Int32($0) }
      try backend.upload(content, to: matrix)
      #expect(try backend.elements(of: matrix, as: Int32.self) == content)
    }
    // Rows longer than a piece, and rows of which a piece takes some.
    for (rows, columns, stride) in [(3, 3 << 19, 3 << 19 + 5), (900, 1999, 2003)] {
      let buffer = try backend.allocate(rows * stride, .int32)
      let view = Matrix(buffer, rows: rows, columns: columns, stride: stride)
      let content = (0..<rows * columns).map { Int32($0) }
      try backend.upload(content, to: view)
      #expect(try backend.elements(of: view, as: Int32.self) == content)
    }
    #expect(backend.session.staging.reservedBytes <= StagingMemory.limit)
  }

  /// Launches that pile up wait for the older half of them; the younger half stays in the queue.
  @Test func throttlingKeepsTheQueueFull() throws {
    let backend = try makeBackend(.plain)
    let x = try backend.matrix(1, 1, .float32, [0])
    let one = try backend.matrix(1, 1, .float32, [1])
    try backend.finish()
    let gate = try Gate(backend.session)
    func enqueue(_ count: Int) throws {
      for _ in 0..<count {
        try backend.run(.linearCombination(LinearCombination(x, 1, x, 1, one)))
      }
    }
    try enqueue(8191)
    #expect(backend.session.progress.pending == 8191)
    gate.open(after: 0.1)
    try enqueue(1)
    let pending = backend.session.progress.pending
    #expect(pending > 3800 && pending <= 4096, "\(pending)")
    try enqueue(20_000)
    #expect(try backend.download(x) == [28_192])
  }
}
