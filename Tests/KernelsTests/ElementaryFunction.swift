import ElementaryFunctions
import Glibc

/// The functions of one argument in functions.cl, by the numbers of elementary.c.
enum ElementaryFunction: Int32, CaseIterable, Sendable {
  case exp, expm1, log, log1p, tanh, erf, erfc, sin, cos, sigmoid, softplus

  /// The bound on its error in units in the last place.
  var bound: Double { self == .sigmoid ? 3 : 2 }

  /// Our float32 function on the host.
  func callAsFunction(_ x: [Float]) -> [Float] {
    [Float](unsafeUninitializedCapacity: x.count) { target, count in
      elementary_apply(rawValue, x, target.baseAddress, x.count)
      count = x.count
    }
  }

  /// The same function in Double, by the C library.
  func reference(_ x: Double) -> Double {
    switch self {
    case .exp: Glibc.exp(x)
    case .expm1: Glibc.expm1(x)
    case .log: Glibc.log(x)
    case .log1p: Glibc.log1p(x)
    case .tanh: Glibc.tanh(x)
    case .erf: Glibc.erf(x)
    case .erfc: Glibc.erfc(x)
    case .sin: Glibc.sin(x)
    case .cos: Glibc.cos(x)
    case .sigmoid: x < 0 ? Glibc.exp(x) / (1 + Glibc.exp(x)) : 1 / (1 + Glibc.exp(-x))
    case .softplus: max(x, 0) + Glibc.log1p(Glibc.exp(-abs(x)))
    }
  }
}

/// Our atan2 on the host.
func hostArcTangent(_ y: [Float], _ x: [Float]) -> [Float] {
  [Float](unsafeUninitializedCapacity: x.count) { target, count in
    elementary_atan2(y, x, target.baseAddress, x.count)
    count = x.count
  }
}

/// |computed − exact| in units in the last place of the correctly rounded result; infinite where
/// one is NaN or infinite and the other is not.
func ulps(_ computed: Float, _ exact: Double) -> Double {
  let rounded = Float(exact)
  if rounded.isNaN || computed.isNaN { return rounded.isNaN && computed.isNaN ? 0 : .infinity }
  if rounded.isInfinite || computed.isInfinite { return rounded == computed ? 0 : .infinity }
  return abs(Double(computed) - exact) / Double(rounded.ulp)
}

/// The inputs of a sweep: every 9973rd of all 2³² bit patterns, so every exponent about 1680
/// times, and the ends of every range.
enum Sweep {
  static let specials: [Float] = [
    0, -0.0, 0x1p-149, -0x1p-149, Float(bitPattern: 0x007f_ffff), -Float(bitPattern: 0x007f_ffff),
    0x1p-126, -0x1p-126, .greatestFiniteMagnitude, -.greatestFiniteMagnitude, .infinity,
    -.infinity, .nan,
  ]

  static let inputs: [Float] =
    stride(from: UInt64(0), to: 1 << 32, by: 9973).map { Float(bitPattern: UInt32($0)) } + specials
}
