/// Bytes in order, from wherever they come.
protocol ByteSource {
  /// Fills the front of `buffer` and returns how much; 0 only at the end.
  mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// A range of a file.
struct FileSource: ByteSource {
  let file: ReadableFile
  var range: Range<Int>

  mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = min(buffer.count, range.count)
    guard count > 0 else { return 0 }
    let step = try file.read(
      at: range.lowerBound, into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]))
    range = range.lowerBound + step..<range.upperBound
    return step
  }
}

/// Bytes in memory.
struct MemorySource: ByteSource {
  var bytes: ArraySlice<UInt8>

  mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = min(buffer.count, bytes.count)
    guard count > 0 else { return 0 }
    buffer.copyBytes(from: bytes.prefix(count))
    bytes = bytes.dropFirst(count)
    return count
  }
}
