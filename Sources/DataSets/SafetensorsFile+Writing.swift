extension SafetensorsFile {
  /// Writes tensors atomically, their data in the order given.
  ///
  /// The header is padded with spaces to a multiple of 8 bytes; metadata are sorted by key, so
  /// that equal contents give equal bytes.
  ///
  /// - Throws: `FileError` for a name that occurs twice or is `__metadata__`, a header above
  ///   100 MB, or with the system's reason when the file cannot be written.
  public static func write(
    _ tensors: [(name: String, array: NumericArray)], metadata: [String: String] = [:],
    to path: String
  ) throws {
    let header = try header(tensors.map(Entry.init), metadata: metadata, path: path)
    try AtomicFile.write(path) { writer in
      try writer.write(header)
      for tensor in tensors { try writer.write(tensor.array.bytes) }
    }
  }

  /// The bytes of such a file.
  public static func encode(
    _ tensors: [(name: String, array: NumericArray)], metadata: [String: String] = [:]
  ) throws -> [UInt8] {
    try tensors.reduce(
      into: header(tensors.map(Entry.init), metadata: metadata, path: "safetensors")
    ) { $0 += $1.array.bytes }
  }

  /// What a header says of a tensor, but for where it lies.
  struct Entry {
    let name: String
    let elementType: ElementType
    let shape: [Int]
    let byteCount: Int

    init(_ name: String, _ elementType: ElementType, shape: [Int]) {
      self.name = name
      self.elementType = elementType
      self.shape = shape
      byteCount = shape.reduce(elementType.size, *)
    }

    init(_ tensor: (name: String, array: NumericArray)) {
      self.init(tensor.name, tensor.array.elementType, shape: tensor.array.shape)
    }
  }

  /// What a file begins with, a multiple of 8 bytes; the data follow.
  static func header(
    _ tensors: [Entry], metadata: [String: String], path: String
  ) throws -> [UInt8] {
    var seen: Set<String> = ["__metadata__"]
    var items: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }
        .map { "\(quoted($0.key)):\(quoted($0.value))" }
      items.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var offset = 0
    for tensor in tensors {
      guard seen.insert(tensor.name).inserted else {
        throw FileError(
          path: path,
          problem: "the tensor name \(FileError.quote(tensor.name)) cannot be used (again)",
          advice: "give every tensor its own name")
      }
      let sizes = tensor.shape.map(String.init).joined(separator: ",")
      let end = offset + tensor.byteCount
      items.append(
        "\(quoted(tensor.name)):{\"dtype\":\"\(tensor.elementType.safetensorsCode)\","
          + "\"shape\":[\(sizes)],\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var text = Array("{\(items.joined(separator: ","))}".utf8)
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    guard text.count <= SafetensorsHeader.largest else {
      throw FileError(
        path: path, problem: "the header would have \(text.count) bytes",
        advice: "write fewer tensors into one file")
    }
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
  }

  /// A JSON string.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\u{0}"..."\u{1f}":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
