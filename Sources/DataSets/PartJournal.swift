/// Which parts of a file are finished: one line of text for each, behind a first line that says of
/// what.
///
/// Lines are appended, and on the disk when `append` returns. What a crash leaves of a line does not
/// count.
package final class PartJournal {
  package let path: String
  /// What the parts belong to.
  package let header: String
  package private(set) var finished: Set<Int> = []
  private let descriptor: Int32

  /// Begins a journal in place of what is there.
  ///
  /// - Parameter header: without line breaks.
  package init(_ path: String, header: String) throws {
    precondition(!header.contains("\n"), "one line")
    try AtomicFile.write(path, header + "\n")
    (self.path, self.header) = (path, header)
    descriptor = try Self.open(path)
  }

  /// Goes on with a journal; nil where there is none.
  ///
  /// - Parameter count: parts are numbered below it.
  /// - Throws: `FileError` when it cannot be read.
  package init?(resuming path: String, count: (_ header: String) throws -> Int) throws {
    guard let text = try Self.text(path) else { return nil }
    guard let end = text.firstIndex(of: Self.newline) else {
      throw FileError(
        path: path, problem: "has no first line", advice: "remove it, to begin anew")
    }
    self.path = path
    header = String(decoding: text[..<end], as: UTF8.self)
    let count = try count(header)
    // Up to the first line that is torn or strange; what follows it is computed again.
    var kept = end + 1
    while let next = text[kept...].firstIndex(of: Self.newline),
      let part = Int(String(decoding: text[kept..<next], as: UTF8.self)), (0..<count).contains(part)
    {
      finished.insert(part)
      kept = next + 1
    }
    descriptor = try Self.open(path)
    try Self.naming(path) { try POSIX.setSize(descriptor, kept) }
  }

  deinit { try? POSIX.closeFile(descriptor) }

  /// The first line of a journal; nil where there is none.
  package static func header(of path: String) throws -> String? {
    try text(path).map { String(decoding: $0.prefix { $0 != newline }, as: UTF8.self) }
  }

  /// Notes that parts are finished, which must be on the disk by now.
  package func append(_ parts: [Int]) throws {
    let text = parts.map { "\($0)\n" }.joined()
    try Self.naming(path) {
      let end = try POSIX.status(of: descriptor).size
      try POSIX.writeAll(descriptor, Array(text.utf8), at: end)
      try POSIX.synchronize(descriptor)
    }
    finished.formUnion(parts)
  }

  package func remove() { Self.remove(path) }
  /// Removes what there is of that name.
  package static func remove(_ path: String) { POSIX.removeFile(path) }

  private static let newline = UInt8(ascii: "\n")

  private static func text(_ path: String) throws -> [UInt8]? {
    guard (try? POSIX.status(of: path)) != nil else { return nil }
    let file = try ReadableFile(path)
    return try file.read(at: 0, count: file.size, field: "journal")
  }

  private static func open(_ path: String) throws -> Int32 {
    try naming(path) { try POSIX.openForUpdate(path, mode: 0o666) }
  }

  private static func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let failure as POSIX.Failure {
      throw FileError(
        path: path, problem: "cannot be written: \(failure.text)",
        advice: "check the free space and your permissions there")
    }
  }
}
