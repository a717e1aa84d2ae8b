/// Arrays in numpy's .npy format.
///
/// Reading takes versions 1.0, 2.0 and 3.0, both byte orders, and C and Fortran order; the result
/// is always little-endian in C order. Writing makes version 1.0 files in C order, with the same
/// bytes as `numpy.save`.
public enum NumpyFile {
  static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  /// Far above any real header, which has about 100 bytes.
  static let largestHeader = 1 << 20

  /// Reads the array of a file.
  ///
  /// - Throws: `FileError` when the file is unreadable, is no .npy file, holds elements that are
  ///   not numbers, or has another size than its header promises.
  public static func read(_ path: String) throws -> NumericArray {
    try decode(ByteStream(try ReadableFile(path)))
  }

  /// Reads the array from a file's bytes; `name` stands for the path in messages.
  public static func decode(_ bytes: [UInt8], name: String) throws -> NumericArray {
    try decode(ByteStream(bytes, path: name))
  }

  static func decode(_ stream: ByteStream) throws -> NumericArray {
    let path = stream.path
    let (header, _) = try layout(stream)
    let count = try NumericArray.byteCount(
      shape: header.shape, elementType: header.elementType, path: path, field: "shape")
    var bytes = try stream.read(count, field: "array")
    try stream.requireEnd(field: "array")
    if header.isBigEndian { swapBytes(&bytes, size: header.elementType.size) }
    if header.isFortranOrder {
      bytes = cOrder(bytes, shape: header.shape, size: header.elementType.size)
    }
    return NumericArray(
      checkedShape: header.shape, elementType: header.elementType, bytes: bytes)
  }

  /// Reverses the bytes of every element.
  static func swapBytes(_ bytes: inout [UInt8], size: Int) {
    guard size > 1 else { return }
    bytes.withUnsafeMutableBufferPointer { buffer in
      for start in stride(from: 0, to: buffer.count, by: size) {
        for offset in 0..<size / 2 { buffer.swapAt(start + offset, start + size - 1 - offset) }
      }
    }
  }

  /// Turns an array whose first axis varies fastest into one whose last axis does.
  private static func cOrder(_ bytes: [UInt8], shape: [Int], size: Int) -> [UInt8] {
    let axes = shape.count
    guard axes > 1, !bytes.isEmpty else { return bytes }
    var strides = [Int](repeating: size, count: axes)
    for axis in 1..<axes { strides[axis] = strides[axis - 1] * shape[axis - 1] }
    var index = [Int](repeating: 0, count: axes)
    var source = 0
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    while true {
      result += bytes[source..<source + size]
      var axis = axes - 1
      while axis >= 0 {
        index[axis] += 1
        source += strides[axis]
        if index[axis] < shape[axis] { break }
        source -= strides[axis] * shape[axis]
        index[axis] = 0
        axis -= 1
      }
      if axis < 0 { return result }
    }
  }

  /// Writes an array atomically. bfloat16, which numpy does not have, becomes float32.
  ///
  /// - Throws: `FileError` with the path and the system's reason.
  public static func write(_ array: NumericArray, to path: String) throws {
    let (header, bytes) = parts(array)
    try AtomicFile.write(path) { writer in
      try writer.write(header)
      try writer.write(bytes)
    }
  }

  /// The bytes of a .npy file with this array.
  public static func encode(_ array: NumericArray) -> [UInt8] {
    let (header, bytes) = parts(array)
    return header + bytes
  }

  private static func parts(_ array: NumericArray) -> (header: [UInt8], bytes: [UInt8]) {
    guard let header = header(shape: array.shape, elementType: array.elementType) else {
      return parts(NumericArray(array.floats(), shape: array.shape))
    }
    return (header, array.bytes)
  }

  /// What a file begins with, a multiple of 64 bytes; the elements follow. Nil for a type that numpy
  /// does not have.
  static func header(shape: [Int], elementType: ElementType) -> [UInt8]? {
    guard let code = elementType.numpyCode else { return nil }
    let order = elementType.size == 1 ? "|" : "<"
    let sizes = shape.map(String.init)
    let tuple = sizes.count == 1 ? "(\(sizes[0]),)" : "(\(sizes.joined(separator: ", ")))"
    var text = "{'descr': '\(order)\(code)', 'fortran_order': False, 'shape': \(tuple), }"
    // Like numpy: room for the first axis to grow to 21 digits in place.
    if let first = sizes.first {
      text += String(repeating: " ", count: max(0, 21 - first.utf8.count))
    }
    // Magic number, version, length, text and a newline fill a multiple of 64 bytes.
    let padding = (64 - (text.utf8.count + 11) % 64) % 64
    text += String(repeating: " ", count: padding) + "\n"
    let length = text.utf8.count
    let start = magic + [1, 0, UInt8(length & 0xff), UInt8(length >> 8)]
    return start + Array(text.utf8)
  }

  /// Element type and shape of a file, and where its elements begin, from its header alone.
  static func layout(_ stream: ByteStream) throws -> (header: NumpyHeader, start: Int) {
    let path = stream.path
    guard stream.remaining >= 10 else {
      throw FileError(
        path: path, problem: "is too short for a .npy file", advice: "write it with numpy.save")
    }
    let start = try stream.read(8, field: "magic number")
    guard start.prefix(6).elementsEqual(magic) else {
      throw FileError(
        path: path, field: "magic number", problem: "this is no .npy file",
        advice: "write it with numpy.save")
    }
    guard (1...3).contains(start[6]), start[7] == 0 else {
      throw FileError(
        path: path, field: "version", problem: "version \(start[6]).\(start[7]) is not known",
        advice: "write version 1.0, 2.0 or 3.0")
    }
    let lengthBytes = try stream.read(start[6] == 1 ? 2 : 4, field: "header length")
    let length = lengthBytes.reversed().reduce(0) { $0 << 8 | Int($1) }
    guard length <= largestHeader else {
      throw FileError(
        path: path, field: "header length",
        problem: "\(length) bytes are more than the \(largestHeader) accepted",
        advice: "the file is corrupt: write it again")
    }
    let header = try NumpyHeader(
      parsing: try stream.read(length, field: "header"), path: path)
    return (header, 8 + lengthBytes.count + length)
  }
}
