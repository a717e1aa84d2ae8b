/// The IDX format of the MNIST family: a magic number, big-endian sizes, big-endian elements.
public enum IDXFile {
  /// Reads an array; files compressed by gzip are recognised by their first bytes.
  ///
  /// - Throws: `FileError` when the file is unreadable, truncated, too long or no IDX file.
  public static func read(_ path: String) throws -> NumericArray {
    let file = try ReadableFile(path)
    guard try Gzip.isCompressed(file) else { return try decode(ByteStream(file)) }
    return try decode(ByteStream(inflating: file, range: 0..<file.size, format: .gzip))
  }

  private static func decode(_ stream: ByteStream) throws -> NumericArray {
    let path = stream.path
    let magic = try stream.read(4, field: "magic number")
    guard magic[0] == 0, magic[1] == 0, let type = elementType(magic[2]), magic[3] > 0 else {
      throw FileError(
        path: path, field: "magic number", problem: "this is no IDX file",
        advice: "give a file such as train-images-idx3-ubyte")
    }
    let sizes = try stream.read(4 * Int(magic[3]), field: "sizes")
    let shape = stride(from: 0, to: sizes.count, by: 4).map { start in
      sizes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
    }
    let count = try NumericArray.byteCount(
      shape: shape, elementType: type, path: path, field: "sizes")
    var bytes = try stream.read(count, field: "elements")
    try stream.requireEnd(field: "elements")
    NumpyFile.swapBytes(&bytes, size: type.size)
    return NumericArray(checkedShape: shape, elementType: type, bytes: bytes)
  }

  private static func elementType(_ code: UInt8) -> ElementType? {
    switch code {
    case 0x08: .uint8
    case 0x09: .int8
    case 0x0b: .int16
    case 0x0c: .int32
    case 0x0d: .float32
    case 0x0e: .float64
    default: nil
    }
  }
}
