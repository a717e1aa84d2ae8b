/// A safetensors file: named tensors and text metadata.
///
/// Opening reads and checks the header only; `tensor` reads one tensor's bytes, so that a single
/// tensor of a large file costs no more than itself.
public struct SafetensorsFile: Sendable {
  /// What is known of a tensor without reading it.
  public struct Info: Hashable, Sendable {
    public let elementType: ElementType
    public let shape: [Int]
    /// The bytes the tensor takes.
    public let byteCount: Int
  }

  private enum Storage: Sendable {
    case file(ReadableFile)
    case memory([UInt8])
  }

  /// The path, or the name given for bytes in memory.
  public let path: String
  private let header: SafetensorsHeader
  private let dataStart: Int
  private let storage: Storage

  /// The tensors' names in the order of their data.
  public var names: [String] { header.names }
  /// The strings under `__metadata__`.
  public var metadata: [String: String] { header.metadata }

  /// Opens a file and checks its header: at most 100 MB and within the file, every tensor in
  /// range, as large as its shape says, without overlaps or gaps.
  ///
  /// - Throws: `FileError`.
  public init(_ path: String) throws {
    let file = try ReadableFile(path)
    try self.init(path: path, size: file.size, storage: .file(file))
  }

  /// The same for bytes in memory; `name` stands for the path in messages.
  public init(bytes: [UInt8], name: String) throws {
    try self.init(path: name, size: bytes.count, storage: .memory(bytes))
  }

  private init(path: String, size: Int, storage: Storage) throws {
    self.path = path
    self.storage = storage
    guard size >= 8 else {
      throw FileError(
        path: path, problem: "is too short for a safetensors file", advice: "write it again")
    }
    let start = try Self.read(storage, path: path, offset: 0, count: 8, field: "header length")
    let length = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= min(size - 8, SafetensorsHeader.largest) else {
      throw SafetensorsHeader.failure(
        path, "header length",
        "\(length) bytes do not fit into the file or are above \(SafetensorsHeader.largest)")
    }
    dataStart = 8 + Int(length)
    let text = try Self.read(
      storage, path: path, offset: 8, count: Int(length), field: "header")
    header = try SafetensorsHeader(parsing: text, dataSize: size - dataStart, path: path)
  }

  /// True when there is a tensor of that name.
  public func contains(_ name: String) -> Bool { header.entries[name] != nil }

  /// The type and shape of a tensor.
  ///
  /// - Throws: `FileError` when there is none of that name.
  public func info(_ name: String) throws -> Info {
    let entry = try entry(name)
    return Info(
      elementType: entry.elementType, shape: entry.shape, byteCount: entry.range.count)
  }

  /// Reads one tensor.
  ///
  /// - Throws: `FileError` when there is none of that name or the file cannot be read.
  public func tensor(_ name: String) throws -> NumericArray {
    let entry = try entry(name)
    let bytes = try Self.read(
      storage, path: path, offset: dataStart + entry.range.lowerBound, count: entry.range.count,
      field: "tensor \(FileError.quote(name))")
    return NumericArray(
      checkedShape: entry.shape, elementType: entry.elementType, bytes: bytes)
  }

  /// Reads a part of a tensor's bytes.
  package func bytes(_ range: Range<Int>, of name: String) throws -> [UInt8] {
    let whole = try entry(name).range
    precondition(range.lowerBound >= 0 && range.upperBound <= whole.count, "bytes of the tensor")
    return try Self.read(
      storage, path: path, offset: dataStart + whole.lowerBound + range.lowerBound,
      count: range.count, field: "tensor \(FileError.quote(name))")
  }

  /// Reads all tensors.
  ///
  /// - Parameter prefix: only names that start so, and the result has them without it.
  public func tensors(prefix: String = "") throws -> [String: NumericArray] {
    var tensors: [String: NumericArray] = [:]
    for name in names where name.hasPrefix(prefix) {
      tensors[String(name.dropFirst(prefix.count))] = try tensor(name)
    }
    return tensors
  }

  private func entry(_ name: String) throws -> SafetensorsHeader.Entry {
    guard let entry = header.entries[name] else {
      throw FileError(
        path: path, problem: "holds no tensor named \(FileError.quote(name))",
        advice: "it holds \(FileError.list(names))")
    }
    return entry
  }

  private static func read(
    _ storage: Storage, path: String, offset: Int, count: Int, field: String
  ) throws -> [UInt8] {
    switch storage {
    case .file(let file): try file.read(at: offset, count: count, field: field)
    case .memory(let bytes): Array(bytes[offset..<offset + count])
    }
  }
}
