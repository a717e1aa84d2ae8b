/// Files that are either the old one or the complete new one, whatever happens in between.
///
/// The bytes go to a temporary name in the same folder, which is synced and then renamed over the
/// destination; the folder is synced last. When anything fails before the rename (a full disk, a
/// read-only folder), the temporary file is removed and the old file is untouched. The
/// permissions of an existing destination are kept, and a symbolic link is followed. A destination
/// that exists and is no regular file (a device, a pipe) is written to directly.
public enum AtomicFile {
  /// Writes `bytes` to `path`.
  ///
  /// - Throws: `FileError` with the path and the system's reason.
  public static func write(_ path: String, _ bytes: [UInt8]) throws {
    try write(path) { try $0.write(bytes) }
  }

  /// Writes `text` as UTF-8 to `path`.
  public static func write(_ path: String, _ text: String) throws {
    try write(path, Array(text.utf8))
  }

  /// Writes the chunks one after the other to `path`.
  public static func write(_ path: String, chunks: some Sequence<[UInt8]>) throws {
    try write(path) { writer in
      for chunk in chunks { try writer.write(chunk) }
    }
  }

  /// Writes what `body` hands to the writer. An error that `body` throws leaves the old file.
  public static func write(_ path: String, _ body: (borrowing Writer) throws -> Void) throws {
    let destination = POSIX.resolvedPath(path) ?? path
    let old = try? POSIX.status(of: destination)
    switch old?.kind {
    case .directory:
      throw FileError(
        path: path, problem: "cannot be written: it is a folder", advice: "name a file in it")
    case .other:
      try writeDirectly(path, body)
    case .regular, nil:
      try writeAndRename(path, destination, mode: old?.mode, body)
    }
  }

  private static func writeDirectly(
    _ path: String, _ body: (borrowing Writer) throws -> Void
  ) throws {
    try naming(path) {
      let descriptor = try POSIX.openExisting(path)
      do {
        try body(Writer(descriptor))
      } catch {
        try? POSIX.closeFile(descriptor)
        throw error
      }
      try POSIX.closeFile(descriptor)
    }
  }

  private static func writeAndRename(
    _ path: String, _ destination: String, mode: POSIX.Mode?,
    _ body: (borrowing Writer) throws -> Void
  ) throws {
    let (folder, name) = split(destination)
    try naming(path) {
      let (temporary, descriptor) = try createTemporary(folder: folder, name: name)
      do {
        do {
          if let mode { try POSIX.setMode(descriptor, mode) }
          try body(Writer(descriptor))
          try POSIX.synchronize(descriptor)
        } catch {
          try? POSIX.closeFile(descriptor)
          throw error
        }
        // Some file systems report a full disk or a quota only here.
        try POSIX.closeFile(descriptor)
        try POSIX.renameFile(temporary, destination)
      } catch {
        POSIX.removeFile(temporary)
        throw error
      }
      try synchronizeFolder(folder)
    }
  }

  private static func createTemporary(
    folder: String, name: String
  ) throws -> (path: String, descriptor: Int32) {
    // A name may have 255 bytes; the temporary one must not be longer than that.
    let stem = String(decoding: name.utf8.prefix(200), as: UTF8.self)
    while true {
      let tag = String(UInt32.random(in: .min ... .max), radix: 36)
      let temporary = "\(folder)/.\(stem).\(POSIX.processIdentifier())-\(tag).tmp"
      do {
        return (temporary, try POSIX.createExclusively(temporary, mode: 0o666))
      } catch let failure as POSIX.Failure where failure.isExistingFile {
        continue
      }
    }
  }

  static func synchronizeFolder(_ folder: String) throws {
    // A folder that may be written but not read cannot be opened; the rename stands all the same.
    guard let descriptor = try? POSIX.openForReading(folder) else { return }
    defer { try? POSIX.closeFile(descriptor) }
    try POSIX.synchronize(descriptor)
  }

  static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return (".", path) }
    let folder = String(path[..<slash])
    return (folder.isEmpty ? "/" : folder, String(path[path.utf8.index(after: slash)...]))
  }

  private static func naming(_ path: String, _ body: () throws -> Void) throws {
    do {
      try body()
    } catch let failure as POSIX.Failure {
      throw FileError(
        path: path, problem: "cannot be written: \(failure.text)",
        advice: failure.isMissingFile
          ? "create the folder first" : "check the free space and your permissions there")
    }
  }

  /// Takes the bytes of a file that is being written.
  public struct Writer: ~Copyable {
    private let descriptor: Int32

    fileprivate init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Appends `bytes`.
    public func write(_ bytes: [UInt8]) throws {
      try bytes.withUnsafeBytes { try write($0) }
    }

    /// Appends raw memory, such as the elements of an array, without copying it.
    public func write(_ bytes: UnsafeRawBufferPointer) throws {
      try POSIX.writeAll(descriptor, bytes)
    }
  }
}
