import Compute
import OpenBLASBackend
import Scheduling
import TestSupport
import Testing

/// Opening, measuring, moving and spreading: what the scheduler does, by counts.
@Suite struct SchedulerTests {
  static func profile(_ speed: Double, opening: Double = 0) -> DeviceProfile {
    DeviceProfile(
      launch: 1e-6, opening: opening, transferLatency: 1e-6, uploadRate: 1e11, downloadRate: 1e11,
      memoryRate: 1e9 * speed, elementwiseRate: 1e9 * speed, contractionRate: 1e9 * speed)
  }

  /// A scheduler whose accelerators are CPU paths with other profiles, and what it did to them.
  @BackendActor final class Bench {
    var opened: [Int] = []
    var measured: [Int] = []
    var notices: [String] = []
    private(set) var scheduler: Scheduler!

    init(
      host: DeviceProfile?, _ accelerators: [DeviceProfile?], patience: Double = 3,
      open: @escaping (Int) throws -> any Backend = { _ in try OpenBLASBackend(threads: 1) }
    ) throws {
      let made = accelerators.enumerated().map { index, profile in
        Accelerator(
          name: "accelerator \(index)", profile: profile,
          open: {
            self.opened.append(index)
            return try open(index)
          },
          measure: {
            self.measured.append(index)
            return SchedulerTests.profile(index == 0 ? 100 : 10)
          })
      }
      scheduler = Scheduler(
        host: try OpenBLASBackend(threads: 1), hostProfile: host,
        measureHost: {
          self.measured.append(-1)
          return SchedulerTests.profile(1)
        }, accelerators: made, patience: patience)
      scheduler.onNotice = { self.notices.append($0) }
    }

    /// y ← 2x, `times` times, on 1000 elements: 12 µs of the slowest profile each.
    func double(times: Int) throws -> [Double] {
      let x = try scheduler.matrix(1, 1000, .float32, sample(1000, seed: 3))
      let y = try scheduler.matrix(1, 1000, .float32)
      for _ in 0..<times { try scheduler.run(.linearCombination(LinearCombination(y, 2, x))) }
      return try scheduler.download(y)
    }

    var operations: [String: Int] {
      Dictionary(uniqueKeysWithValues: scheduler.report.map { ($0.name, $0.operations) })
    }
  }

  static let expected = sample(1000, seed: 3).map { 2 * $0 }

  @BackendActor @Test func aShortRunOpensNothing() throws {
    let bench = try Bench(host: Self.profile(1), [Self.profile(100, opening: 0.1)])
    #expect(try bench.double(times: 100) == Self.expected)
    #expect(bench.opened.isEmpty)
    #expect(bench.operations == ["openblas": 100])
  }

  @BackendActor @Test func aLongRunMovesToTheFasterDevice() throws {
    let bench = try Bench(host: Self.profile(1), [Self.profile(100, opening: 2e-3)])
    #expect(try bench.double(times: 1000) == Self.expected)
    #expect(bench.opened == [0])
    let host = try #require(bench.operations["openblas"])
    // 9 µs each against 1.1: 2 ms are made up for after some 250.
    #expect((200..<300).contains(host))
    #expect(bench.operations["accelerator 0"] == 1000 - host)
  }

  @BackendActor @Test func unknownDevicesAreMeasuredOnceTheHostHasWorkedLongEnough() throws {
    let patient = try Bench(host: nil, [nil, nil], patience: 1e9)
    #expect(try patient.double(times: 200) == Self.expected)
    #expect(patient.measured.isEmpty && patient.opened.isEmpty)

    let eager = try Bench(host: nil, [nil, nil], patience: 0)
    #expect(try eager.double(times: 2000) == Self.expected)
    #expect(eager.measured == [-1, 0, 1])
    // Looks are at most 63 operations apart, and the second one measures.
    #expect(eager.operations["accelerator 0"] ?? 0 > 1800)
    #expect(eager.operations["accelerator 1"] == nil)
  }

  @BackendActor @Test func aDeviceThatCannotBeOpenedIsGivenUp() throws {
    let bench = try Bench(host: Self.profile(1), [Self.profile(100), Self.profile(10)]) { index in
      if index == 0 {
        throw BackendError("opening accelerator 0 failed: CODE (-6)", cause: .launch)
      }
      return try OpenBLASBackend(threads: 1)
    }
    #expect(try bench.double(times: 300) == Self.expected)
    #expect(bench.opened == [0, 1])
    #expect(bench.notices.count == 1)
    #expect(bench.notices[0].contains("CODE (-6)"))
    #expect(bench.operations["accelerator 1"] ?? 0 > 200)
    #expect(bench.operations["accelerator 0"] == 0)
  }

  @BackendActor @Test func independentPartsAreSpreadByTheirEnds() throws {
    // Home is the faster device; the other accelerator and the host take their share.
    let bench = try Bench(
      host: Self.profile(1), [Self.profile(4), Self.profile(2)])
    let scheduler = bench.scheduler!
    let count = 70
    let x = try scheduler.matrix(count, 1000, .float32, sample(count * 1000, seed: 4))
    let y = try scheduler.matrix(count, 1000, .float32)
    var before: [String: Int] = [:]
    // Moves home to the fastest.
    _ = try bench.double(times: 500)
    before = bench.operations
    try scheduler.runIndependently(count) { index in
      let rows = index..<index + 1
      for _ in 0..<20 {
        try scheduler.run(
          .linearCombination(LinearCombination(y.rows(rows), 2, x.rows(rows))))
      }
    }
    let share = bench.operations.mapValues { $0 }
    let ran = ["openblas", "accelerator 0", "accelerator 1"].map {
      ((share[$0] ?? 0) - (before[$0] ?? 0)) / 20
    }
    // Speeds 1 : 4 : 2, launches aside.
    #expect(ran.reduce(0, +) == count)
    #expect((5...15).contains(ran[0]))
    #expect((33...45).contains(ran[1]))
    #expect((15...25).contains(ran[2]))
    #expect(try scheduler.download(y) == sample(count * 1000, seed: 4).map { 2 * $0 })
  }
}
