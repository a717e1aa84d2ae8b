import DataSets
import FoundationEssentials
import Glibc
import Networks
import Training

/// The event file of a run directory, `events.out.tfevents.SECONDS.maclaurin`: metrics.jsonl for
/// TensorBoard.
///
/// Its event n, counted from 1 behind the one with the version, is line n of metrics.jsonl. So it is
/// right after anything that happened to the run: the first `update` keeps the events that still
/// are those of their lines, with their times, drops what follows (a resumed run goes on from its
/// checkpoint's lines; a killed one may have left half an event), and appends the rest; later ones
/// append what metrics.jsonl has gained.
public final class EventFile {
  private let metrics: String
  private let path: String
  /// Bytes of metrics.jsonl that stand in the file; nil before the first update.
  private var position: Int?
  private var failure: (any Error)?

  private static let prefix = "events.out.tfevents."
  private static let suffix = ".maclaurin"

  /// - Parameter folder: a run's, which must exist by the first update.
  public init(_ folder: String) {
    metrics = folder + "/metrics.jsonl"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let known = names.filter { $0.hasPrefix(Self.prefix) && $0.hasSuffix(Self.suffix) }.sorted()
    path = folder + "/" + (known.first ?? Self.prefix + String(time(nil)) + Self.suffix)
  }

  /// Brings the file up to date. An error is kept for `finish`, so that the run goes on.
  public func update() {
    guard failure == nil else { return }
    do {
      try synchronize()
    } catch {
      failure = error
    }
  }

  /// Brings the file up to date.
  ///
  /// - Throws: what kept this call or an earlier `update` from it.
  public func finish() throws {
    if let failure { throw failure }
    try synchronize()
  }

  private func synchronize() throws {
    let size = FileManager.default.fileExists(atPath: metrics) ? try ReadableFile(metrics).size : 0
    if let position, size >= position {
      let (lines, end) = try lines(from: position, to: size)
      try append(lines.map { Self.framed($0) })
      self.position = position + end
      return
    }
    let (lines, end) = try lines(from: 0, to: size)
    try rewrite(lines)
    position = end
  }

  /// Whole lines of metrics.jsonl, and how many bytes they are.
  private func lines(
    from start: Int, to end: Int
  ) throws -> (lines: [[String: JSONValue]], bytes: Int) {
    guard end > start else { return ([], 0) }
    let bytes = try ReadableFile(metrics).read(at: start, count: end - start, field: "")
    guard let last = bytes.lastIndex(of: 0x0a) else { return ([], 0) }
    let lines = try bytes[...last].split(separator: 0x0a).map { line in
      guard case .object(let record) = try JSONValue(text: Array(line), named: metrics) else {
        throw TrainingError("\(metrics) is damaged: every line must hold one JSON object")
      }
      return record
    }
    return (lines, last + 1)
  }

  /// Keeps the events that are those of the lines and appends the others.
  private func rewrite(_ lines: [[String: JSONValue]]) throws {
    let old = FileManager.default.fileExists(atPath: path) ? try FileContents.read(path) : []
    let records = RecordFile.records(old)
    var kept = 0
    while kept < records.count, kept <= lines.count {
      let data = records[kept].data
      guard let time = Event.wallTime(of: data) else { break }
      let event =
        kept == 0
        ? Event(wallTime: time, content: .version) : Event(lines[kept - 1], wallTime: time)
      guard event.encoded.elementsEqual(data) else { break }
      kept += 1
    }
    let end = kept == 0 ? 0 : records[kept - 1].end
    if end < old.count, truncate(path, off_t(end)) != 0 { throw unwritable() }
    var new = lines.dropFirst(max(0, kept - 1)).map { Self.framed($0) }
    if kept == 0 {
      let version = Event(wallTime: Self.now, content: .version)
      new.insert(RecordFile.framed(version.encoded), at: 0)
    }
    try append(new)
  }

  private static func framed(_ record: [String: JSONValue]) -> [UInt8] {
    RecordFile.framed(Event(record, wallTime: now).encoded)
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  private func append(_ records: [[UInt8]]) throws {
    guard !records.isEmpty else { return }
    guard let file = AppendingFile(path), file.write(Array(records.joined())) else {
      throw unwritable()
    }
  }

  private func unwritable() -> FileError {
    FileError(
      path: path, problem: "cannot be written: \(String(cString: strerror(errno)))",
      advice: "check the free space and your permissions there")
  }
}
