/// A large file that is filled through memory, piece by piece and over several runs if need be.
///
/// Until it is whole it is called `path.partial`, so that nobody takes it for a finished one. All its
/// space is taken at the start: a full disk is an error then and no fault later. One process at a time
/// has it open.
package final class PartialFile {
  /// The finished file's.
  package let path: String
  package var partialPath: String { path + ".partial" }
  private let descriptor: Int32
  /// All of the file; empty before `allocate` or `map`.
  package private(set) var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)

  /// Opens the unfinished file, empty where there is none, and keeps others out.
  ///
  /// - Throws: `FileError` when another process has it, or it cannot be made.
  package init(_ path: String) throws {
    let destination = Self.destination(of: path)
    self.path = destination
    let partial = destination + ".partial"
    if let old = try? POSIX.status(of: destination), old.kind != .regular {
      throw FileError(
        path: path, problem: "is no regular file, and only such a one is filled in parts",
        advice: "name another file")
    }
    descriptor = try Self.naming(partial) {
      while true {
        let descriptor = try POSIX.openForUpdate(partial, mode: 0o666)
        guard POSIX.lock(descriptor) else {
          try? POSIX.closeFile(descriptor)
          throw FileError(
            path: partial, problem: "another process is working on it",
            advice: "wait for it, or name another file")
        }
        // Whoever had it before may just have finished it: it has its own name then.
        if POSIX.isFile(descriptor, at: partial) { return descriptor }
        try? POSIX.closeFile(descriptor)
      }
    }
  }

  /// Where a file of that name lies: symbolic links are followed.
  package static func destination(of path: String) -> String { POSIX.resolvedPath(path) ?? path }

  deinit {
    if memory.baseAddress != nil { POSIX.unmap(memory) }
    // A process that is being started has a copy of the descriptor for a moment.
    POSIX.unlock(descriptor)
    try? POSIX.closeFile(descriptor)
  }

  /// Bytes of the unfinished file.
  package var size: Int { (try? POSIX.status(of: descriptor).size) ?? 0 }

  /// Makes it anew: `header`, and behind it zeros up to `size` bytes, whose space is taken.
  ///
  /// - Throws: `FileError` when there is no space for it; nothing is left then.
  package func allocate(_ header: [UInt8], size: Int) throws {
    do {
      try Self.naming(partialPath) {
        try POSIX.setSize(descriptor, 0)
        if let old = try? POSIX.status(of: path) { try POSIX.setMode(descriptor, old.mode) }
        try POSIX.allocate(descriptor, size)
        try POSIX.writeAll(descriptor, header, at: 0)
        try POSIX.synchronize(descriptor)
      }
    } catch {
      remove()
      throw error
    }
    try map()
  }

  /// Goes on with what is there.
  package func map() throws {
    precondition(memory.baseAddress == nil, "mapped once")
    let size = size
    memory = try Self.naming(partialPath) { try POSIX.map(descriptor, size) }
  }

  /// Brings everything written so far to the disk, and gives its memory back.
  package func synchronize() throws {
    try Self.naming(partialPath) { try POSIX.synchronize(memory) }
  }

  /// Gives the whole file its name.
  package func finish() throws {
    try synchronize()
    try Self.naming(path) {
      try POSIX.synchronize(descriptor)
      try POSIX.renameFile(partialPath, path)
      try POSIX.synchronizeFolder(of: path)
    }
  }

  /// Removes the unfinished file.
  package func remove() { POSIX.removeFile(partialPath) }

  private static func naming<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let failure as POSIX.Failure {
      throw FileError(
        path: path, problem: "cannot be written: \(failure.text)",
        advice: failure.isMissingFile
          ? "create the folder first" : "check the free space and your permissions there")
    }
  }
}
