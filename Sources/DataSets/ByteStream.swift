import CZlib

/// Bytes that are read once from front to back, under a bound that is known beforehand.
///
/// For files and memory the bound is the exact size; for compressed data it is the size that the
/// container promises, or the most that deflate can make of the input (1032 to 1).
final class ByteStream {
  /// Deflate's largest expansion.
  static let deflateRatio = 1032

  /// For messages.
  let path: String
  /// At most so many bytes are left.
  private(set) var remaining: Int
  /// The CRC-32 of what was read so far.
  private(set) var checksum: UInt = crc32(0, nil, 0)
  private let isExact: Bool
  private let sumsUp: Bool
  private var source: any ByteSource

  private init(path: String, bound: Int, isExact: Bool, sumsUp: Bool, source: any ByteSource) {
    self.path = path
    self.remaining = bound
    self.isExact = isExact
    self.sumsUp = sumsUp
    self.source = source
  }

  convenience init(_ file: ReadableFile, range: Range<Int>, sumsUp: Bool = false) {
    self.init(
      path: file.path, bound: range.count, isExact: true, sumsUp: sumsUp,
      source: FileSource(file: file, range: range))
  }

  convenience init(_ file: ReadableFile) {
    self.init(file, range: 0..<file.size)
  }

  convenience init(_ bytes: [UInt8], path: String) {
    self.init(
      path: path, bound: bytes.count, isExact: true, sumsUp: false,
      source: MemorySource(bytes: bytes[...]))
  }

  /// Inflated data; `promised` is the size that the container states, if it does.
  convenience init(
    inflating file: ReadableFile, range: Range<Int>, format: InflateSource.Format,
    promised: Int? = nil
  ) throws {
    let (product, overflow) = range.count.multipliedReportingOverflow(by: Self.deflateRatio)
    let most = overflow ? Int.max : product
    if let promised, promised > most {
      throw FileError(
        path: file.path, field: "compressed data",
        problem: "\(range.count) bytes cannot inflate to the promised \(promised)",
        advice: "the file is corrupt: get or write it again")
    }
    self.init(
      path: file.path, bound: promised ?? most, isExact: false, sumsUp: true,
      source: try InflateSource(file, range: range, format: format))
  }

  /// Reads exactly `count` bytes. What a compressed stream does not hold is never allocated.
  func read(_ count: Int, field: String) throws -> [UInt8] {
    guard count >= 0, count <= remaining else {
      throw truncated(field: field, count: count, left: remaining)
    }
    try ReadableFile.checkMemory(count, path: path, field: field)
    let chunk = isExact ? count : min(count, 1 << 20)
    var bytes: [UInt8] = []
    while bytes.count < count {
      let part = try readPart(min(chunk, count - bytes.count))
      guard !part.isEmpty else {
        throw truncated(field: field, count: count, left: bytes.count)
      }
      if bytes.isEmpty && part.count == count { return part }
      if bytes.isEmpty && isExact { bytes.reserveCapacity(count) }
      bytes += part
    }
    return bytes
  }

  /// Reads all that is left, at most `limit` bytes.
  func readToEnd(limit: Int, field: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let part = try readPart(1 << 20)
      if part.isEmpty { return bytes }
      guard part.count <= limit - bytes.count else {
        throw FileError(
          path: path, field: field, problem: "holds more than the \(limit) bytes accepted",
          advice: "check that it is the right file")
      }
      bytes += part
    }
  }

  /// Fails unless everything has been read.
  func requireEnd(field: String) throws {
    var extra = 0
    if isExact {
      extra = remaining
    } else {
      extra = try readPart(1).count
    }
    guard extra == 0 else {
      throw FileError(
        path: path, field: field, problem: "has more bytes than its header promises",
        advice: "the file is corrupt or holds something else: write it again")
    }
  }

  private func readPart(_ count: Int) throws -> [UInt8] {
    let part = try [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      let raw = UnsafeMutableRawBufferPointer(buffer)
      while initialized < count {
        let rest = UnsafeMutableRawBufferPointer(rebasing: raw[initialized..<count])
        let step = try source.read(into: rest)
        if step == 0 { break }
        initialized += step
      }
    }
    remaining = max(0, remaining - part.count)
    // An empty part may have no address, and zlib answers the initial value to that.
    if sumsUp && !part.isEmpty {
      checksum = part.withUnsafeBufferPointer { crc32_z(checksum, $0.baseAddress, $0.count) }
    }
    return part
  }

  private func truncated(field: String, count: Int, left: Int) -> FileError {
    FileError(
      path: path, field: field, problem: "needs \(count) bytes, but only \(left) are there",
      advice: "the file is truncated or corrupt: get or write it again")
  }
}
