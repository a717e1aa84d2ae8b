/// The two 16-bit floating-point formats, widened exactly.
///
/// Written out in integer operations, because `Float16` does not exist on every platform.
enum HalfPrecision {
  /// bfloat16 is the upper half of a float32.
  static func float(bfloat16 bits: UInt16) -> Float {
    Float(bitPattern: UInt32(bits) << 16)
  }

  /// IEEE binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits.
  static func float(float16 bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10 & 0x1f)
    let fraction = UInt32(bits & 0x3ff)
    switch exponent {
    case 0:
      // Zero or subnormal: fraction · 2^-24, exact in float32.
      let magnitude = Float(fraction) * 0x1p-24
      return Float(bitPattern: magnitude.bitPattern | sign)
    case 31:
      return Float(bitPattern: sign | 0x7f80_0000 | fraction << 13)
    default:
      // The bias changes from 15 to 127.
      return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
  }
}
