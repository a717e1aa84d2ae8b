// Elements as words, so that they can be compared bit for bit.

extension ScalarType {
  /// The bits of `value` rounded to this type.
  package func word(_ value: Double) -> UInt64 {
    switch self {
    case .float32: UInt64(Float(value).bitPattern)
    case .float64: value.bitPattern
    case .int32: UInt64(UInt32(bitPattern: Int32(value)))
    }
  }

  /// The number that `word` stands for.
  package func value(of word: UInt64) -> Double {
    switch self {
    case .float32: Double(Float(bitPattern: UInt32(truncatingIfNeeded: word)))
    case .float64: Double(bitPattern: word)
    case .int32: Double(Int32(bitPattern: UInt32(truncatingIfNeeded: word)))
    }
  }

  /// The same word for every NaN, so that equal means equal bits or both NaN.
  package func canonical(_ word: UInt64) -> UInt64 {
    switch self {
    case .float32: word & 0x7FFF_FFFF > 0x7F80_0000 ? 0x7FC0_0000 : word
    case .float64: word & (1 << 63 - 1) > 0x7FF0_0000_0000_0000 ? 0x7FF8_0000_0000_0000 : word
    case .int32: word
    }
  }

  /// The smallest positive number.
  package var smallest: Double {
    switch self {
    case .float32: 0x1p-149
    case .float64: 0x1p-1074
    case .int32: 0
    }
  }

  /// The smallest positive number of full precision.
  package var smallestNormal: Double {
    switch self {
    case .float32: 0x1p-126
    case .float64: 0x1p-1022
    case .int32: 0
    }
  }
}
