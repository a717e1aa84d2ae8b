import CZlib

/// Inflates a range of a file, piece by piece.
final class InflateSource: ByteSource {
  /// Raw deflate (zip members) or gzip, where several members may follow each other.
  enum Format { case raw, gzip }

  private let path: String
  private let format: Format
  private var input: FileSource
  private let stream: UnsafeMutablePointer<z_stream>
  private let buffer: UnsafeMutableRawBufferPointer
  private var isFinished = false

  init(_ file: ReadableFile, range: Range<Int>, format: Format) throws {
    path = file.path
    self.format = format
    input = FileSource(file: file, range: range)
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    buffer = .allocate(byteCount: 1 << 16, alignment: 16)
    let windowBits: Int32 = format == .gzip ? 15 + 16 : -15
    let status = inflateInit2_(
      stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      throw FileError(path: path, problem: "zlib cannot start (code \(status))")
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deinitialize(count: 1)
    stream.deallocate()
    buffer.deallocate()
  }

  func read(into output: UnsafeMutableRawBufferPointer) throws -> Int {
    guard !isFinished, output.count > 0 else { return 0 }
    let wanted = min(output.count, 1 << 30)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(wanted)
    while stream.pointee.avail_out > 0 {
      if stream.pointee.avail_in == 0 { try refill() }
      let hadInput = stream.pointee.avail_in > 0
      let status = inflate(stream, Z_NO_FLUSH)
      switch status {
      case Z_OK:
        continue
      case Z_STREAM_END:
        if try !startsNextMember() { return wanted - Int(stream.pointee.avail_out) }
      case Z_BUF_ERROR where !hadInput:
        throw FileError(
          path: path, field: "compressed data", problem: "ends too early",
          advice: "the file is truncated: get or write it again")
      default:
        let detail = stream.pointee.msg.map { String(cString: $0) } ?? "code \(status)"
        throw FileError(
          path: path, field: "compressed data", problem: "is corrupt (\(detail))",
          advice: "get or write the file again")
      }
    }
    return wanted
  }

  private func refill() throws {
    let count = try input.read(into: buffer)
    stream.pointee.next_in = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = UInt32(count)
  }

  /// At the end of a member: true when another one follows.
  private func startsNextMember() throws -> Bool {
    if stream.pointee.avail_in == 0 { try refill() }
    if stream.pointee.avail_in == 0 {
      isFinished = true
      return false
    }
    guard format == .gzip, inflateReset(stream) == Z_OK else {
      throw FileError(
        path: path, field: "compressed data", problem: "is followed by other bytes",
        advice: "the file is corrupt: get or write it again")
    }
    return true
  }
}
