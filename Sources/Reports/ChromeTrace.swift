import Compute
import DataSets
import Glibc
import Networks
import Training

/// A timeline in Chrome's trace event format, which ui.perfetto.dev and chrome://tracing show.
///
/// One JSON object: `displayTimeUnit`, `traceEvents`, and under `otherData` how many events did not
/// fit the timeline. Each event of the timeline is a complete event ("ph": "X") whose `ts` and `dur`
/// are microseconds since the timeline began; events are sorted by `ts`. Process 1 is the program.
/// Every track is one of its threads, with threads of their own for transfers, waits and checks,
/// because those overlap a device's operations. Metadata events ("ph": "M") name them.
/// Source: Google, "Trace Event Format".
public struct ChromeTrace {
  private let events: [Timeline.Event]
  private let dropped: Int
  /// A thread's number is its place here, from 1.
  private let threads: [Thread]
  private let numbers: [Thread: Int]
  /// Names as JSON strings: they are few, and the events many.
  private var names: [String: String] = [:]
  private var text = ""

  /// Writes `timeline` to `path`, or leaves the file that is there if it cannot.
  ///
  /// - Throws: `FileError` with the path and the system's reason.
  public static func write(_ timeline: Timeline, to path: String) throws {
    try AtomicFile.write(path) { file in
      var trace = ChromeTrace(timeline)
      try trace.write { try file.write(Array($0.utf8)) }
    }
  }

  private static let beginning = "{\"displayTimeUnit\":\"ms\",\"traceEvents\":["

  /// Whether a file begins as `write` begins it.
  public static func isTrace(_ path: String) -> Bool {
    guard let file = fopen(path, "rb") else { return false }
    defer { fclose(file) }
    var start = [UInt8](repeating: 0, count: beginning.utf8.count)
    return fread(&start, 1, start.count, file) == start.count && start.elementsEqual(beginning.utf8)
  }

  private init(_ timeline: Timeline) {
    events = timeline.events
    dropped = timeline.dropped
    threads = Set(events.map(Thread.init)).sorted { ($0.track, $0.part) < ($1.track, $1.part) }
    numbers = Dictionary(uniqueKeysWithValues: threads.enumerated().map { ($1, $0 + 1) })
  }

  private struct Thread: Hashable {
    var track: String
    var part: String

    init(_ event: Timeline.Event) {
      track = event.track
      part =
        switch event.kind {
        case .operation: ""
        case .check: " checks"
        case .upload, .download: " transfers"
        case .wait: " waits"
        }
    }
  }

  /// Hands the text over in pieces of about 64 KiB.
  private mutating func write(_ output: (String) throws -> Void) throws {
    text = Self.beginning + "\n"
    text += metadata("process_name", thread: 0, "\"name\":\"maclaurin\"")
    for (index, thread) in threads.enumerated() {
      let name = json(thread.track + thread.part)
      text += ",\n" + metadata("thread_name", thread: index + 1, "\"name\":\(name)")
      text += ",\n" + metadata("thread_sort_index", thread: index + 1, "\"sort_index\":\(index)")
    }
    for index in events.indices.sorted(by: { events[$0].start < events[$1].start }) {
      text += ",\n"
      add(events[index])
      if text.utf8.count >= 1 << 16 {
        try output(text)
        text = ""
      }
    }
    text += "\n],\"otherData\":{\"dropped_events\":\(dropped)}}\n"
    try output(text)
  }

  private func metadata(_ name: String, thread: Int, _ arguments: String) -> String {
    "{\"name\":\"\(name)\",\"ph\":\"M\",\"pid\":1,\"tid\":\(thread),\"args\":{\(arguments)}}"
  }

  private mutating func add(_ event: Timeline.Event) {
    let thread = numbers[Thread(event)] ?? 0
    text += "{\"name\":\(json(event.name)),\"cat\":\"\(event.kind.rawValue)\",\"ph\":\"X\""
    text += ",\"ts\":\(Self.microseconds(event.start)),\"dur\":\(Self.microseconds(event.seconds))"
    text += ",\"pid\":1,\"tid\":\(thread),\"args\":{"
    var arguments: [String] = []
    if event.flops > 0 { arguments.append("\"flops\":\(Self.number(event.flops))") }
    if event.bytes > 0 { arguments.append("\"bytes\":\(Self.number(event.bytes))") }
    if event.flops > 0, event.seconds > 0 {
      arguments.append("\"GFLOP/s\":\(Self.number(event.flops / event.seconds / 1e9))")
    }
    if event.kind != .operation, event.bytes > 0, event.seconds > 0 {
      arguments.append("\"GB/s\":\(Self.number(event.bytes / event.seconds / 1e9))")
    }
    text += arguments.joined(separator: ",") + "}}"
  }

  private mutating func json(_ name: String) -> String {
    if let known = names[name] { return known }
    let text = JSONValue.string(name).line
    names[name] = text
    return text
  }

  /// Seconds as microseconds with three decimals, never negative.
  private static func microseconds(_ seconds: Double) -> String {
    let nanoseconds = Int64(exactly: (max(0, seconds) * 1e9).rounded()) ?? 0
    let decimals = String(nanoseconds % 1000)
    return "\(nanoseconds / 1000)." + String(repeating: "0", count: 3 - decimals.count) + decimals
  }

  private static func number(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    return Int64(exactly: value).map(String.init) ?? "\(value)"
  }
}
