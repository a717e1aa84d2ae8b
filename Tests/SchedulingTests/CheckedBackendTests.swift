import Compute
import OpenBLASBackend
import Scheduling
import TestSupport
import Testing

/// What a checked back end is besides its checks: the same back end, which waits for nothing more
/// and gives out nothing that is not checked.
@BackendActor @Suite struct CheckedBackendTests {
  private let cpu: OpenBLASBackend
  private let faulty: FaultyBackend

  init() throws {
    cpu = try OpenBLASBackend(threads: 1)
    faulty = FaultyBackend(try OpenBLASBackend(threads: 1))
  }

  private func checked(_ level: CheckLevel) throws -> CheckedBackend {
    try CheckedBackend(faulty, against: cpu, level: level)
  }

  /// A fill whose only element is spoilt: every sample has it.
  private func spoil(_ backend: CheckedBackend) throws -> Matrix {
    faulty.fault = .spoil(name: "fill", every: 1, bit: 0)
    let x = try backend.matrix(1, 1, .float32)
    try backend.run(.fill(Fill(x, value: 1)))
    return x
  }

  @Test(arguments: [CheckLevel.elements, .freivalds, .whole(every: 7), .whole(every: 1)])
  func resultsAreTheSame(_ level: CheckLevel) throws {
    for order in 0...2 {
      let run = try SmallRun(order: order)
      let backend = try checked(level)
      #expect(try run.hash(on: backend) == run.hash(on: cpu))
      #expect(backend.checks.operations > 0 && backend.checks.checkedOperations > 0)
    }
  }

  /// Around a scheduler, wherever that puts operations and samples.
  @Test(arguments: [CheckLevel.elements, .freivalds, .whole(every: 3)])
  func schedulersAreChecked(_ level: CheckLevel) throws {
    let device = faulty
    let scheduler = Scheduler(
      host: try OpenBLASBackend(threads: 1), hostProfile: nil,
      measureHost: { preconditionFailure("nothing is measured") },
      accelerators: [
        Accelerator(
          name: "device", profile: nil, open: { device },
          measure: { preconditionFailure("nothing is measured") })
      ], policy: .forced { $0 * 7 % 5 % 2 })
    let run = try SmallRun(order: 2)
    let backend = try CheckedBackend(scheduler, against: cpu, level: level)
    #expect(try run.hash(on: backend) == run.hash(on: cpu))
    #expect(backend.checks.checkedOperations > 0 && faulty.operations > 20)
    // Small enough that the run goes on until one of the operations that are checked meets it.
    faulty.fault = .spoil(name: "jet_contraction", every: 1, bit: 12)
    let long = try SmallRun(order: 2, steps: 12)
    #expect(throws: Disagreement.self) { try long.hash(on: backend) }
  }

  @Test func nothingWaitsForSamples() throws {
    let backend = try checked(.elements)
    let x = try backend.matrix(1, 100, .float32)
    for value in 0..<200 { try backend.run(.fill(Fill(x, value: Double(value)))) }
    #expect(faulty.downloads == 0)
    #expect(backend.checks.checkedOperations == 0)
    try backend.finish()
    #expect(faulty.downloads == 1)
    #expect(backend.checks.checkedOperations == 200)
    // Many wait no longer.
    for value in 0..<256 { try backend.run(.fill(Fill(x, value: Double(value)))) }
    #expect(backend.checks.checkedOperations == 456)
  }

  @Test func downloadsAreChecked() throws {
    let backend = try checked(.elements)
    let x = try spoil(backend)
    #expect(throws: Disagreement.self) { try backend.download(x) as [Double] }
  }

  @Test func startedDownloadsAreChecked() throws {
    let backend = try checked(.elements)
    let x = try spoil(backend)
    let download = try backend.startDownload(x)
    #expect(throws: Disagreement.self) { try download.wait() }
  }

  /// A sample that waits keeps none of the operation's buffers.
  @Test func samplesKeepNoMemory() throws {
    let backend = try checked(.elements)
    try backend.run(.fill(Fill(backend.matrix(1, 1, .float32), value: 0)))
    let before = backend.statistics.liveBytes
    for _ in 0..<10 {
      let a = try backend.matrix(100, 100, .float32, sample(10_000, seed: 1))
      let c = try backend.matrix(100, 100, .float32)
      try backend.run(.contraction(Contraction(a, a, into: c)))
    }
    #expect(backend.statistics.liveBytes == before)
    try backend.finish()
  }

  /// A projection that waits keeps its operands, until they would be written.
  @Test func projectionsAreResolvedBeforeTheirOperandsChange() throws {
    let backend = try checked(.freivalds)
    let a = try backend.matrix(10, 10, .float32, sample(100, seed: 1))
    let c = try backend.matrix(10, 10, .float32)
    func multiply() throws { try backend.run(.contraction(Contraction(a, a, into: c))) }
    try multiply()
    let downloads = faulty.downloads
    try backend.run(.fill(Fill(backend.matrix(1, 10, .float32), value: 0)))
    #expect(faulty.downloads == downloads)
    try backend.upload(sample(100, seed: 2), to: a)
    #expect(faulty.downloads > downloads)
    // The old product is checked with the old factors, whatever happens to them afterwards.
    faulty.fault = .add(operation: faulty.operations, element: 57, 1)
    try multiply()
    #expect {
      try backend.run(.fill(Fill(a, value: 0)))
    } throws: { error in
      guard let error = error as? Disagreement else { return false }
      return (error.worst.row, error.worst.column) == (5, 7) && error.wrongCount == 1
    }
  }

  /// An operation that fails leaves nothing behind that would be checked.
  @Test func failedOperationsAreNotChecked() throws {
    let backend = try checked(.elements)
    let x = try backend.matrix(1, 4, .float32, [1, 2, 3, 4])
    let y = try backend.matrix(1, 4, .float32)
    try backend.finish()
    // The extraction of what is read runs first.
    faulty.fault = .launch(operation: faulty.operations + 1)
    #expect(throws: BackendError.self) {
      try backend.run(.linearCombination(LinearCombination(y, 2, x)))
    }
    try backend.run(.linearCombination(LinearCombination(y, 2, x)))
    #expect(try backend.download(y) == [2, 4, 6, 8])
    #expect(backend.checks.checkedOperations == 1)
  }

  @Test func checksAreOnTheTimeline() throws {
    for level in [CheckLevel.elements, .whole(every: 1)] {
      let backend = try checked(level)
      backend.timeline = Timeline()
      #expect(faulty.timeline === backend.timeline)
      let x = try backend.matrix(1, 10, .float32)
      try backend.run(.fill(Fill(x, value: 1)))
      try backend.finish()
      #expect(backend.timeline?.events.contains { $0.kind == .check } == true)
    }
  }

  @Test func disagreementsSayWhatTheyAre() throws {
    let backend = try checked(.whole(every: 1))
    let a = try backend.matrix(3, 5, .float32, sample(15, seed: 1))
    let b = try backend.matrix(7, 5, .float32, sample(35, seed: 2))
    let c = try backend.matrix(3, 7, .float32, sample(21, seed: 3))
    faulty.fault = .flip(operation: 0, element: 16, bit: 31)
    var found: Disagreement?
    do {
      try backend.run(
        .contraction(Contraction(a, b, into: c, transposeB: true, alpha: 0.5, beta: 2)))
    } catch let error as Disagreement {
      found = error
    }
    let error = try #require(found)
    #expect((error.worst.row, error.worst.column, error.worst.operand) == (2, 2, "c"))
    #expect(error.worst.computed == -error.worst.expected)
    #expect(error.operands.map(\.name) == ["a", "b", "c"])
    #expect(error.operands[0].before?.count == 60 && error.operands[0].computed == nil)
    #expect(error.operands[2].before?.count == 84 && error.operands[2].expected?.count == 84)
    let text = "\(error)"
    for part in [
      "contraction number 1", "a 3×5 float32", "transposeB true", "alpha 0.5", "beta 2.0",
      "element (2, 2) of c", "1 of 21 checked elements",
    ] {
      #expect(text.contains(part), "\(part) in: \(text)")
    }
  }
}
