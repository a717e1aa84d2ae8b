import Compute
import Testing

@testable import OpenCLBackend

/// What a device ran, on the host's clock.
@Suite struct TimelineTests {
  @Test func recordsOperationsAndTransfers() throws {
    let backend = try makeBackend(.host)
    let a = try backend.matrix(64, 96, .float32, sample(64 * 96, seed: 1))
    let c = try backend.matrix(64, 64, .float32)
    let product = Operation.contraction(Contraction(a, a, into: c, transposeB: true))
    try backend.run(product)
    let timeline = Timeline()
    backend.timeline = timeline
    #expect(backend.timeline === timeline)
    var seen: [(begin: Double, end: Double)] = []
    func measured(_ body: () throws -> Void) rethrows {
      let begin = timeline.now
      try body()
      seen.append((begin, timeline.now))
    }
    try measured {
      try backend.run(product)
      try backend.finish()
    }
    try measured {
      try backend.upload([Float](repeating: 1, count: 64 * 96), to: a)
      try backend.finish()
    }
    try measured { _ = try backend.download(c) as [Double] }
    try measured { _ = try backend.startDownload(c.rows(0..<3)).wait() }
    backend.timeline = nil
    #expect(backend.timeline == nil)
    let count = timeline.events.count
    try backend.run(product)
    try backend.finish()
    #expect(timeline.events.count == count)

    let events = timeline.events.filter { $0.kind != .wait }
    #expect(events.map(\.name) == ["contraction", "upload", "download", "download"])
    #expect(events.map(\.kind) == [.operation, .upload, .download, .download])
    #expect(timeline.events.allSatisfy { $0.track == "opencl:0" && $0.seconds >= 0 })
    // Two flops per product and one matrix of 64×96, one of 64×64.
    #expect(events[0].flops == 786_432)
    #expect(events[0].bytes == product.cost.bytes && events[0].bytes > 0)
    #expect(events.dropFirst().map(\.bytes) == [24_576, 16_384, 768] as [Double])
    for (event, host) in zip(events, seen) {
      // The clocks agree to far better than this.
      #expect(event.start > host.begin - 2e-3, "\(event) in \(host)")
      #expect(event.start + event.seconds < host.end + 2e-3, "\(event) in \(host)")
      #expect(event.seconds > 0)
    }
    #expect(timeline.events.contains { $0.kind == .wait && $0.seconds > 0 })
  }

  /// Events come in batches, all of them, in order, and one per operation however many launches it
  /// has.
  @Test func recordsManyOperations() throws {
    let backend = try makeBackend(.host)
    let timeline = Timeline()
    backend.timeline = timeline
    let a = try backend.matrix(16, 16, .float32, sample(256, seed: 1))
    let c = try backend.matrix(16, 16, .float32)
    let begin = timeline.now
    for _ in 0..<1500 {
      try backend.run(.contraction(Contraction(a, a, into: c)))
      try backend.run(.fill(Fill(c, value: 0)))
    }
    try backend.finish()
    let wall = timeline.now - begin
    let operations = timeline.events.filter { $0.kind == .operation }
    #expect(operations.count == 3000)
    for (index, event) in operations.enumerated() {
      #expect(event.name == (index % 2 == 0 ? "contraction" : "fill"))
    }
    for (earlier, later) in zip(operations, operations.dropFirst()) {
      #expect(earlier.start + earlier.seconds <= later.start + 1e-7)
    }
    let busy = operations.reduce(0) { $0 + $1.seconds }
    #expect(busy > 0 && busy <= wall * 1.001 + 1e-3, "\(busy) s of \(wall) s")
    // Profiles by function work beside it.
    try backend.startProfiling()
    try backend.run(.fill(Fill(c, value: 0)))
    #expect(Set(try backend.profile().keys) == ["fill"])
    try backend.finish()
    #expect(timeline.events.count { $0.kind == .operation } == 3001)
  }
}
