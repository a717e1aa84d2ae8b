/// Files compressed by gzip.
public enum Gzip {
  /// The inflated bytes of a gzip file; several members are concatenated, checksums verified.
  ///
  /// - Parameter limit: the largest inflated size accepted, in bytes.
  /// - Throws: `FileError` when the file is unreadable, truncated, corrupt or above the limit.
  public static func read(_ path: String, limit: Int) throws -> [UInt8] {
    let file = try ReadableFile(path)
    let stream = try ByteStream(inflating: file, range: 0..<file.size, format: .gzip)
    return try stream.readToEnd(limit: min(limit, POSIX.physicalMemory), field: "inflated data")
  }

  /// True when the file starts with gzip's magic number.
  static func isCompressed(_ file: ReadableFile) throws -> Bool {
    guard file.size >= 2 else { return false }
    return try file.read(at: 0, count: 2, field: "magic number") == [0x1f, 0x8b]
  }
}
