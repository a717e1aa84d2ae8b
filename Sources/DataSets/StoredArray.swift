/// An array in a .npy or .safetensors file, of which parts are read.
package struct StoredArray {
  private enum Storage {
    case npy(ReadableFile, start: Int)
    case tensor(SafetensorsFile, name: String)
  }

  package let shape: [Int]
  package let elementType: ElementType
  /// The texts that a safetensors file carries.
  package let metadata: [String: String]
  private let storage: Storage

  /// Reads the header.
  ///
  /// - Throws: `FileError` for a file that cannot be read, whose size is not what its header says, or
  ///   whose elements do not lie as this program writes them.
  package init(_ argument: ArrayArgument) throws {
    switch argument.format {
    case .npy:
      let file = try ReadableFile(argument.path)
      let (header, start) = try NumpyFile.layout(ByteStream(file, range: 0..<file.size))
      let count = try NumericArray.byteCount(
        shape: header.shape, elementType: header.elementType, path: argument.path, field: "shape")
      guard !header.isFortranOrder, !header.isBigEndian, count == file.size - start else {
        throw FileError(
          path: argument.path, field: "header",
          problem: "the array lies otherwise than this program writes it, or is cut off",
          advice: "give a file that this program has written")
      }
      (shape, elementType, metadata) = (header.shape, header.elementType, [:])
      storage = .npy(file, start: start)
    case .safetensors:
      let file = try SafetensorsFile(argument.path)
      let name = argument.name ?? file.names.first ?? ""
      let info = try file.info(name)
      (shape, elementType, metadata) = (info.shape, info.elementType, file.metadata)
      storage = .tensor(file, name: name)
    case .npz:
      throw FileError(
        path: argument.path, problem: "archives are read as a whole only", advice: "unpack it")
    }
  }

  /// The number of bytes of all elements.
  package var byteCount: Int { shape.reduce(elementType.size, *) }

  /// Some bytes of the elements, counted from the first one's.
  package func bytes(_ range: Range<Int>) throws -> [UInt8] {
    switch storage {
    case .npy(let file, let start):
      try file.read(
        at: start + range.lowerBound, count: range.count, field: "bytes of the array")
    case .tensor(let file, let name): try file.bytes(range, of: name)
    }
  }

  /// What such a file begins with; the elements, little-endian and in C order, are all that follows.
  ///
  /// - Parameter metadata: kept in safetensors files only.
  package static func header(
    of argument: ArrayArgument, shape: [Int], elementType: ElementType,
    metadata: [String: String]
  ) throws -> [UInt8] {
    switch argument.format {
    case .npy:
      if let header = NumpyFile.header(shape: shape, elementType: elementType) { return header }
    case .safetensors:
      let entry = SafetensorsFile.Entry(argument.name ?? "array", elementType, shape: shape)
      return try SafetensorsFile.header([entry], metadata: metadata, path: argument.path)
    case .npz: break
    }
    throw FileError(
      path: argument.path, problem: "cannot be written so", advice: "name a .npy file")
  }
}
