/// TFRecord framing: length (8 bytes, little-endian), masked CRC-32C of these (4), data, masked
/// CRC-32C of the data (4).
enum RecordFile {
  static func framed(_ data: [UInt8]) -> [UInt8] {
    let length = bytes(UInt64(data.count))
    return length + bytes(CRC32C.masked(length)) + data + bytes(CRC32C.masked(data))
  }

  /// The data of each record from the beginning up to the first that is cut off or damaged, and
  /// where each ends.
  static func records(_ file: [UInt8]) -> [(data: ArraySlice<UInt8>, end: Int)] {
    var records: [(data: ArraySlice<UInt8>, end: Int)] = []
    var start = 0
    while file.count - start >= 16 {
      let length = number(file[start..<(start + 8)])
      guard
        number(file[(start + 8)..<(start + 12)])
          == UInt64(CRC32C.masked(file[start..<(start + 8)])),
        length <= UInt64(file.count - start - 16)
      else { break }
      let data = file[(start + 12)..<(start + 12 + Int(length))]
      let end = data.endIndex + 4
      guard number(file[data.endIndex..<end]) == UInt64(CRC32C.masked(data)) else { break }
      records.append((data, end))
      start = end
    }
    return records
  }

  static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
    bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }
}
