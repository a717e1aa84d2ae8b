import FoundationEssentials

/// The JSON header of a safetensors file, checked in itself and against the size of the data.
struct SafetensorsHeader: Sendable {
  /// What the header says about one tensor.
  struct Entry: Sendable {
    let elementType: ElementType
    let shape: [Int]
    /// Relative to the start of the data.
    let range: Range<Int>
  }

  /// Like the reference implementation.
  static let largest = 100_000_000

  /// In the order of their data.
  let names: [String]
  let entries: [String: Entry]
  let metadata: [String: String]

  /// - Parameter dataSize: the bytes of the file behind the header.
  init(parsing text: [UInt8], dataSize: Int, path: String) throws {
    // JSONDecoder would also take UTF-16 and UTF-32.
    guard text.first == UInt8(ascii: "{"), String(validating: text, as: UTF8.self) != nil else {
      throw Self.failure(path, "header", "is not a JSON object in UTF-8")
    }
    let raw: RawHeader
    do {
      raw = try JSONDecoder().decode(RawHeader.self, from: Data(text))
    } catch {
      throw Self.failure(
        path, "header", "is not what safetensors describes (\(Self.explain(error)))")
    }
    var entries: [String: Entry] = [:]
    for (name, tensor) in raw.tensors {
      entries[name] = try Self.entry(name, tensor, dataSize: dataSize, path: path)
    }
    names = entries.sorted {
      let (a, b) = ($0.value.range, $1.value.range)
      return (a.lowerBound, a.upperBound, $0.key) < (b.lowerBound, b.upperBound, $1.key)
    }.map(\.key)
    self.entries = entries
    metadata = raw.metadata

    // As the format demands: no tensor overlaps another, and no byte belongs to none.
    var end = 0
    for name in names {
      guard let range = entries[name]?.range else { continue }
      guard range.lowerBound == end else {
        let problem = range.lowerBound < end ? "overlaps the one before" : "leaves a gap before it"
        throw Self.failure(path, "data_offsets of \(FileError.quote(name))", problem)
      }
      end = range.upperBound
    }
    guard end == dataSize else {
      throw Self.failure(
        path, "data", "the tensors end at byte \(end) of the data, the file at byte \(dataSize)")
    }
  }

  private static func entry(
    _ name: String, _ tensor: RawTensor, dataSize: Int, path: String
  ) throws -> Entry {
    let label = FileError.quote(name)
    guard let type = ElementType.allCases.first(where: { $0.safetensorsCode == tensor.dtype })
    else {
      throw FileError(
        path: path, field: "dtype of \(label)",
        problem: "\(FileError.quote(tensor.dtype)) is not supported",
        advice: "write BOOL, integers, F16, BF16, F32 or F64")
    }
    guard tensor.shape.count <= 64 else {
      throw failure(path, "shape of \(label)", "has more than 64 axes")
    }
    let size = try NumericArray.byteCount(
      shape: tensor.shape, elementType: type, path: path, field: "shape of \(label)")
    let offsets = tensor.dataOffsets
    guard offsets.count == 2, 0 <= offsets[0], offsets[0] <= offsets[1], offsets[1] <= dataSize
    else {
      throw failure(
        path, "data_offsets of \(label)",
        "\(FileError.clean("\(offsets)")) is no range within the \(dataSize) bytes of data")
    }
    guard offsets[1] - offsets[0] == size else {
      throw failure(
        path, "data_offsets of \(label)",
        "\(offsets[1] - offsets[0]) bytes where the shape needs \(size)")
    }
    return Entry(elementType: type, shape: tensor.shape, range: offsets[0]..<offsets[1])
  }

  static func failure(_ path: String, _ field: String, _ problem: String) -> FileError {
    FileError(
      path: path, field: field, problem: problem,
      advice: "the file is truncated, corrupt or no safetensors file: get or write it again")
  }

  private static func explain(_ error: any Error) -> String {
    func place(_ path: [any CodingKey]) -> String {
      FileError.clean(path.map(\.stringValue).joined(separator: "."))
    }
    return switch error as? DecodingError {
    case .keyNotFound(let key, let context):
      "\(place(context.codingPath)) lacks \(FileError.quote(key.stringValue))"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "\(place(context.codingPath)) has the wrong type"
    case .dataCorrupted(let context) where !context.codingPath.isEmpty:
      "\(place(context.codingPath)) cannot be read"
    default: "invalid JSON"
    }
  }

  private struct RawTensor: Decodable {
    let dtype: String
    let shape: [Int]
    let dataOffsets: [Int]

    enum CodingKeys: String, CodingKey {
      case dtype, shape
      case dataOffsets = "data_offsets"
    }
  }

  private struct RawHeader: Decodable {
    var tensors: [String: RawTensor] = [:]
    var metadata: [String: String] = [:]

    struct Key: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: Key.self)
      for key in container.allKeys {
        if key.stringValue == "__metadata__" {
          metadata = try container.decodeIfPresent([String: String].self, forKey: key) ?? [:]
        } else {
          tensors[key.stringValue] = try container.decode(RawTensor.self, forKey: key)
        }
      }
    }
  }
}
