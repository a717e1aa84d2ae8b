/// Scalars that the host computes for the device, by + − × ÷ and √ only, so that they have the
/// same bits with every C library.
public enum HostMath {
  /// x^n for n ≥ 0 by repeated squaring.
  public static func power(_ x: Double, _ n: Int) -> Double {
    var (result, square, rest) = (1.0, x, n)
    while rest > 0 {
      if rest & 1 == 1 { result *= square }
      square *= square
      rest >>= 1
    }
    return result
  }

  /// x^{1/n} for x > 0 by Newton's iteration y ← y − (y − x/y^{n−1})/n.
  public static func root(_ x: Double, _ n: Int) -> Double {
    precondition(x > 0 && n >= 1, "a root of a positive number")
    if n == 1 { return x }
    if n == 2 { return x.squareRoot() }
    // From above Newton's iteration decreases until rounding stops it.
    var y = max(1, x)
    if x > 1 { y = Double(sign: .plus, exponent: Int(x.exponent) / n + 1, significand: 1) }
    for _ in 0..<1000 {
      let next = y - (y - x / power(y, n - 1)) / Double(n)
      if !(next < y) { break }
      y = next
    }
    return y
  }

  /// cos(πt) for 0 ≤ t ≤ 1, within a few units in the last place.
  public static func cosine(ofPiTimes t: Double) -> Double {
    if t > 0.5 { return -cosine(ofPiTimes: 1 - t) }
    let x = Double.pi * t
    let square = x * x
    // The Taylor series: |x| ≤ π/2, so that 14 terms reach rounding.
    var (sum, term) = (0.0, 1.0)
    for n in stride(from: 0, to: 28, by: 2) {
      sum += term
      term = -term * square / Double((n + 1) * (n + 2))
    }
    return sum
  }
}
