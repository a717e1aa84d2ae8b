/// Elementary functions in Double by + − × ÷ and √ only, so that data have the same bits with every
/// C library. Errors are a few units in the last place of 1, or of the result where it is larger.
package enum PortableMath {
  /// e^x.
  package static func exponential(_ x: Double) -> Double {
    if x.isNaN { return x }
    if x > 709.7 { return .infinity }
    if x < -745 { return 0 }
    let n = (x / ln2).rounded()
    // ln 2 in two parts, the first with so few bits that n times it is exact.
    let r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33
    // |r| ≤ 0.35: 16 terms reach rounding.
    var sum = 1.0
    for k in stride(from: 16, through: 1, by: -1) { sum = 1 + sum * r / Double(k) }
    // In two steps, so that results below the smallest normal number are rounded once.
    let half = Int(n) / 2
    return sum * Double(sign: .plus, exponent: half, significand: 1)
      * Double(sign: .plus, exponent: Int(n) - half, significand: 1)
  }

  static func tanh(_ x: Double) -> Double {
    let e = exponential(-2 * abs(x))
    let value = (1 - e) / (1 + e)
    return x < 0 ? -value : value
  }

  /// sin x for |x| up to 10⁶; the error grows as |x|.
  static func sine(_ x: Double) -> Double {
    // To [−π/2, π/2].
    let n = (x / .pi).rounded()
    let r = (x - n * .pi) - n * 1.2246467991473532e-16
    let square = r * r
    var sum = 1.0
    for k in stride(from: 26, through: 2, by: -2) {
      sum = 1 - sum * square / Double(k * (k + 1))
    }
    let isOdd = n.truncatingRemainder(dividingBy: 2) != 0
    return isOdd ? -r * sum : r * sum
  }

  static func cosine(_ x: Double) -> Double { sine(x + .pi / 2) }

  private static let ln2 = 0.6931471805599453

  /// The Hermite polynomial of degree p that has mean 0 (p ≥ 1) and mean square 1 under a standard
  /// normal number: He_p(x)/√p!, by He_{n+1} = x·He_n − n·He_{n−1}.
  static func hermite(_ p: Int, _ x: Double) -> Double {
    var (before, value, factorial) = (0.0, 1.0, 1.0)
    for n in 0..<p {
      (before, value) = (value, x * value - Double(n) * before)
      factorial *= Double(n + 1)
    }
    return value / factorial.squareRoot()
  }
}
