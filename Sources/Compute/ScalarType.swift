import Kernels

/// The type of a matrix's elements.
public enum ScalarType: String, Sendable, Codable, CaseIterable {
  case float32
  case float64
  /// Row indices and class labels.
  case int32

  /// Bytes of one element.
  public var byteCount: Int { self == .float64 ? 8 : 4 }

  /// u, half the distance from 1 to the next larger number; 0 for integers.
  public var unitRoundoff: Double {
    switch self {
    case .float32: 0x1p-24
    case .float64: 0x1p-53
    case .int32: 0
    }
  }

  /// The largest order of power series of this type: 8, and 64 in float64, whose coefficients have
  /// room for as many powers of a scale; 0 for integers.
  public var maximumOrder: Int {
    switch self {
    case .float32: Int(MACLAURIN_ORDER)
    case .float64: Int(MACLAURIN_LONG_ORDER)
    case .int32: 0
    }
  }

  /// The bits in which a real scalar reaches a kernel function's parameter block.
  public func encode(_ value: Double) -> Int {
    switch self {
    case .float32: Int(Float(value).bitPattern)
    case .float64: Int(bitPattern: UInt(value.bitPattern))
    case .int32: Int(value)
    }
  }

  /// `value` rounded once to this type.
  public func round(_ value: Double) -> Double { self == .float32 ? Double(Float(value)) : value }
}
