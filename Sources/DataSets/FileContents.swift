/// Whole files in memory.
public enum FileContents {
  /// The bytes of a regular file.
  ///
  /// - Parameter limit: the largest size accepted, in bytes.
  /// - Throws: `FileError` when the file is missing, not regular, unreadable or above the limit.
  public static func read(_ path: String, limit: Int = Int.max) throws -> [UInt8] {
    let file = try ReadableFile(path)
    guard file.size <= limit else {
      throw FileError(
        path: path, problem: "has \(file.size) bytes, more than the \(limit) that are accepted",
        advice: "check that it is the right file")
    }
    return try file.read(at: 0, count: file.size, field: "")
  }

  /// The text of a regular file.
  ///
  /// - Throws: `FileError`, also when the bytes are not UTF-8.
  public static func readText(_ path: String, limit: Int = Int.max) throws -> String {
    let bytes = try read(path, limit: limit)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FileError(path: path, problem: "is not UTF-8 text", advice: "save it as UTF-8")
    }
    return text
  }

  /// The absolute path with every symbolic link followed; nil where nothing exists there.
  package static func resolvedPath(_ path: String) -> String? { POSIX.resolvedPath(path) }

  /// True when something exists at the path, whatever it is.
  static func exists(_ path: String) -> Bool {
    (try? POSIX.status(of: path)) != nil
  }

  /// True when the path is a folder.
  static func isFolder(_ path: String) -> Bool {
    (try? POSIX.status(of: path))?.kind == .directory
  }
}
