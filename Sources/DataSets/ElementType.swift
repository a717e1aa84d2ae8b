/// The types of numbers that array files hold.
public enum ElementType: String, Hashable, Sendable, CaseIterable {
  case bool, uint8, int8, uint16, int16, uint32, int32, uint64, int64
  case float16, bfloat16, float32, float64

  /// Bytes per element.
  public var size: Int {
    switch self {
    case .bool, .uint8, .int8: 1
    case .uint16, .int16, .float16, .bfloat16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    }
  }

  /// True for everything but the floating-point types.
  public var isIntegral: Bool {
    switch self {
    case .float16, .bfloat16, .float32, .float64: false
    default: true
    }
  }

  /// The type code of numpy without the byte order; nil for bfloat16, which numpy does not have.
  var numpyCode: String? {
    switch self {
    case .bool: "b1"
    case .uint8: "u1"
    case .int8: "i1"
    case .uint16: "u2"
    case .int16: "i2"
    case .uint32: "u4"
    case .int32: "i4"
    case .uint64: "u8"
    case .int64: "i8"
    case .float16: "f2"
    case .bfloat16: nil
    case .float32: "f4"
    case .float64: "f8"
    }
  }

  /// The `dtype` of safetensors.
  var safetensorsCode: String {
    switch self {
    case .bool: "BOOL"
    case .uint8: "U8"
    case .int8: "I8"
    case .uint16: "U16"
    case .int16: "I16"
    case .uint32: "U32"
    case .int32: "I32"
    case .uint64: "U64"
    case .int64: "I64"
    case .float16: "F16"
    case .bfloat16: "BF16"
    case .float32: "F32"
    case .float64: "F64"
    }
  }
}
