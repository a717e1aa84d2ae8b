import Networks

/// One message `tensorflow.Event` of TensorBoard, with what a scalar needs of it:
///
///     message Event { double wall_time = 1; int64 step = 2;
///                     oneof what { string file_version = 3; Summary summary = 5; } }
///     message Summary { message Value { string tag = 1; float simple_value = 2; }
///                       repeated Value value = 1; }
struct Event {
  /// Seconds since 1970.
  var wallTime: Double
  var step = 0
  var content: Content

  enum Content {
    /// The first event of a file: `brain.Event:2`.
    case version
    case scalars([(tag: String, value: Double)])
  }

  var encoded: [UInt8] {
    var bytes = Self.key(1, .fixed64) + RecordFile.bytes(wallTime.bitPattern)
    if step != 0 { bytes += Self.key(2, .varint) + Self.varint(UInt64(bitPattern: Int64(step))) }
    switch content {
    case .version: bytes += Self.field(3, Array("brain.Event:2".utf8))
    case .scalars(let scalars):
      let values = scalars.flatMap { tag, value in
        Self.field(
          1,
          Self.field(1, Array(tag.utf8)) + Self.key(2, .fixed32)
            + RecordFile.bytes(Float(value).bitPattern))
      }
      bytes += Self.field(5, values)
    }
    return bytes
  }

  /// `wall_time` of an encoded event as `encoded` makes it.
  static func wallTime(of bytes: ArraySlice<UInt8>) -> Double? {
    guard bytes.count >= 9, bytes.first == key(1, .fixed64)[0] else { return nil }
    let bits = bytes.dropFirst().prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Double(bitPattern: bits)
  }

  private enum WireType: UInt64 {
    case varint = 0
    case fixed64 = 1
    case bytes = 2
    case fixed32 = 5
  }

  private static func key(_ field: UInt64, _ type: WireType) -> [UInt8] {
    varint(field << 3 | type.rawValue)
  }

  private static func field(_ number: UInt64, _ content: [UInt8]) -> [UInt8] {
    key(number, .bytes) + varint(UInt64(content.count)) + content
  }

  private static func varint(_ value: UInt64) -> [UInt8] {
    var (rest, bytes) = (value, [UInt8]())
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}

extension Event {
  /// A record of metrics.jsonl under TensorBoard's tags; values that are not finite are left out.
  init(_ record: [String: JSONValue], wallTime: Double) {
    let scalars = record.sorted { $0.key < $1.key }.compactMap { name, value in
      if case .number(let number) = value, let tag = Self.tag(name) {
        (tag: tag, value: number)
      } else {
        nil
      }
    }
    self.init(wallTime: wallTime, content: .scalars(scalars))
    if case .number(let number)? = record["step"] { step = Int(exactly: number) ?? 0 }
  }

  private static let tags = [
    "loss": "loss/train", "gradient_norm": "grad_norm", "learning_rate": "learning_rate",
    "train_loss": "loss/train_set", "train_accuracy": "accuracy/train",
    "validation_loss": "loss/validation", "validation_accuracy": "accuracy/validation",
    "test_loss": "loss/test", "test_accuracy": "accuracy/test",
    "kernel_distance": "kernel/distance", "kernel_alignment": "kernel/alignment",
    "parameter_movement": "dist/relative_of_all", "expansions": "expansions", "order": "order",
    "predicted_error": "predicted_error",
  ]

  /// The tag of a member of a record; nil for those that are no curve.
  static func tag(_ member: String) -> String? {
    if let tag = tags[member] { return tag }
    for (prefix, tag) in [
      ("movement.", "dist/absolute/"), ("relative_movement.", "dist/relative/"),
    ]
    where member.hasPrefix(prefix) {
      return tag + member.dropFirst(prefix.count)
    }
    return nil
  }
}
