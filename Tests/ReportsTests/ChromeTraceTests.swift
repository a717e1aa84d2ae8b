import Compute
import DataSets
import FoundationEssentials
import Testing

@testable import Reports

@Suite("Chrome traces")
struct ChromeTraceTests {
  /// The format's own members.
  private struct Trace: Decodable {
    struct Event: Decodable {
      struct Arguments: Decodable {
        var name: String?
        var flops: Double?
        var bytes: Double?
        var rate: Double?

        enum CodingKeys: String, CodingKey {
          case name, flops, bytes
          case rate = "GFLOP/s"
        }
      }
      var name: String
      var ph: String
      var cat: String?
      var ts: Double?
      var dur: Double?
      var pid: Int
      var tid: Int
      var args: Arguments
    }
    var displayTimeUnit: String
    var traceEvents: [Event]
    var otherData: [String: Int]
  }

  private func written(_ timeline: Timeline) throws -> Trace {
    let path = FileManager.default.temporaryDirectory.path + "/trace-\(UUID().uuidString).json"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try ChromeTrace.write(timeline, to: path)
    return try JSONDecoder().decode(Trace.self, from: Data(contentsOf: URL(filePath: path)))
  }

  @Test func everythingIsThere() throws {
    let timeline = Timeline()
    let device = "opencl:0"
    timeline.add(
      .init(
        track: device, name: "contraction", kind: .operation, start: 2e-3, seconds: 1e-3,
        flops: 3e6, bytes: 1e5))
    timeline.add(
      .init(
        track: "openblas", name: "loss \"a\"\n\\é", kind: .operation, start: 1e-3, seconds: 5e-7))
    timeline.add(
      .init(track: device, name: "upload", kind: .upload, start: 0, seconds: 1e-4, bytes: 4096))
    timeline.add(
      .init(track: device, name: "download", kind: .download, start: 1.5, seconds: 0, bytes: 4))
    timeline.add(.init(track: device, name: "finishing", kind: .wait, start: 1.4, seconds: 0.25))
    timeline.add(.init(track: device, name: "check", kind: .check, start: 2, seconds: 1))
    let trace = try written(timeline)
    #expect(trace.displayTimeUnit == "ms" && trace.otherData == ["dropped_events": 0])
    let events = trace.traceEvents.filter { $0.ph == "X" }
    #expect(
      events.map(\.name) == [
        "upload", "loss \"a\"\n\\é", "contraction", "finishing", "download", "check",
      ])
    #expect(events.map(\.ts) == [0, 1000, 2000, 1_400_000, 1_500_000, 2_000_000])
    #expect(events.map(\.dur) == [100, 0.5, 1000, 250_000, 0, 1_000_000])
    #expect(events.map(\.cat) == ["upload", "operation", "operation", "wait", "download", "check"])
    #expect(events.map(\.args.flops) == [nil, nil, 3e6, nil, nil, nil])
    #expect(events.map(\.args.bytes) == [4096, nil, 1e5, nil, 4, nil])
    // 3·10⁶ flops in 10⁻³ s.
    #expect(events.map(\.args.rate) == [nil, nil, 3, nil, nil, nil])
    // Threads by name: operations, transfers and waits of a device apart.
    let names = Dictionary(
      uniqueKeysWithValues: trace.traceEvents.filter { $0.name == "thread_name" && $0.ph == "M" }
        .map { ($0.tid, $0.args.name) })
    #expect(
      events.map { names[$0.tid] } == [
        "opencl:0 transfers", "openblas", "opencl:0", "opencl:0 waits", "opencl:0 transfers",
        "opencl:0 checks",
      ])
    #expect(trace.traceEvents.allSatisfy { $0.pid == 1 })
    let process = trace.traceEvents.first { $0.name == "process_name" }
    #expect(process?.args.name == "maclaurin")
  }

  /// More than one piece of text, more events than are kept, and events that came out of order.
  @Test func manyEvents() throws {
    let timeline = Timeline(limit: 5000)
    for number in 0..<5100 {
      timeline.add(
        .init(
          track: "track \(number % 3)", name: "operation", kind: .operation,
          start: Double((number * 2017) % 5003) * 1e-6, seconds: 1e-7, flops: 1.5))
    }
    let trace = try written(timeline)
    #expect(trace.otherData == ["dropped_events": 100])
    let times = trace.traceEvents.compactMap(\.ts)
    #expect(times.count == 5000 && times.allSatisfy { $0 >= 0 })
    #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(Set(trace.traceEvents.filter { $0.ph == "X" }.map(\.tid)).count == 3)
  }

  @Test func nothingToShow() throws {
    let trace = try written(Timeline())
    #expect(trace.traceEvents.map(\.name) == ["process_name"])
  }

  @Test func unwritableFilesAreErrors() {
    #expect(throws: FileError.self) {
      try ChromeTrace.write(Timeline(), to: "/nowhere/at/all/trace.json")
    }
  }
}
