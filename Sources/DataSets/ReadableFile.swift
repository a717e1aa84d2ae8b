/// A regular file, open for reading at any offset from any task.
///
/// Only regular files are accepted, so that the size is known before anything is allocated.
package final class ReadableFile: Sendable {
  let path: String
  package let size: Int
  private let descriptor: Int32

  package init(_ path: String) throws {
    self.path = path
    do {
      descriptor = try POSIX.openForReading(path)
    } catch let failure as POSIX.Failure {
      throw FileError(
        path: path, problem: "cannot be opened: \(failure.text)",
        advice: failure.isMissingFile
          ? "check the path" : "check that you may read the file")
    }
    let status: POSIX.Status
    do {
      status = try POSIX.status(of: descriptor)
    } catch let failure as POSIX.Failure {
      try? POSIX.closeFile(descriptor)
      throw FileError(path: path, problem: "cannot be inspected: \(failure.text)")
    }
    guard status.kind == .regular else {
      try? POSIX.closeFile(descriptor)
      let kind = status.kind == .directory ? "a folder" : "a pipe or a device"
      throw FileError(
        path: path, problem: "is \(kind), not a regular file", advice: "give a file on disk")
    }
    size = status.size
  }

  package static func exists(_ path: String) -> Bool { (try? POSIX.status(of: path)) != nil }

  deinit { try? POSIX.closeFile(descriptor) }

  /// Reads up to `buffer.count` bytes at `offset`; 0 at the end of the file.
  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    do {
      return try POSIX.read(descriptor, at: offset, into: buffer)
    } catch let failure as POSIX.Failure {
      throw FileError(path: path, problem: "cannot be read at byte \(offset): \(failure.text)")
    }
  }

  /// Reads exactly `count` bytes at `offset`.
  package func read(at offset: Int, count: Int, field: String) throws -> [UInt8] {
    guard offset >= 0, count >= 0, offset <= size, count <= size - offset else {
      throw FileError(
        path: path, field: field,
        problem: "needs bytes \(offset) to \(offset) + \(count), but the file has \(size) bytes",
        advice: "the file is truncated or corrupt: get or write it again")
    }
    try Self.checkMemory(count, path: path, field: field)
    return try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      while initialized < count {
        let rest = UnsafeMutableRawBufferPointer(rebasing: raw[initialized..<count])
        let step = try read(at: offset + initialized, into: rest)
        guard step > 0 else {
          throw FileError(
            path: path, field: field, problem: "the file became shorter while it was read",
            advice: "run again when nothing writes to it")
        }
        initialized += step
      }
    }
  }

  /// Refuses what cannot fit into this machine's memory.
  static func checkMemory(
    _ count: Int, path: String, field: String,
    advice: String = "use a smaller file or a larger machine"
  ) throws {
    guard count <= POSIX.physicalMemory else {
      throw FileError(
        path: path, field: field,
        problem: "needs \(count) bytes of memory, more than this machine has",
        advice: advice)
    }
  }
}
