/// Roots of real polynomials, all at once.
enum PolynomialRoots {
  /// The roots of q_0 + q_1 t + … + q_m tᵐ, by the iteration of Aberth (Math. Comp. 27, 1973) and
  /// Ehrlich: t_i ← t_i − N_i/(1 − N_i Σ_{j≠i} 1/(t_i − t_j)), N = q/q′.
  ///
  /// Made of + − × ÷ and √ alone. Leading coefficients that are zero to rounding have their roots at
  /// infinity and are left out, as are roots at 0. Roots are good to the polynomial's condition.
  static func find(_ coefficients: [Double]) -> [Complex] {
    let largest = coefficients.reduce(0) { max($0, abs($1)) }
    guard largest > 0, largest.isFinite else { return [] }
    var q = coefficients.map { $0 / largest }
    while let last = q.last, abs(last) <= 0x1p-52 { q.removeLast() }
    while let first = q.first, first == 0 { q.removeFirst() }
    let degree = q.count - 1
    guard degree >= 1 else { return [] }
    // Powers of 3/5 + 4i/5, which are nowhere symmetric, on a circle of about the roots' mean size.
    let size = root(abs(q[0] / q[degree]), degree)
    var roots: [Complex] = []
    var direction = Complex(0.6, 0.8)
    for _ in 0..<degree {
      roots.append(size * direction)
      direction = direction * Complex(0.6, 0.8)
    }
    for _ in 0..<200 {
      var moved = 0.0
      for i in 0..<degree {
        let t = roots[i]
        let newton = newtonStep(q, at: t)
        guard newton.isFinite else { continue }
        var sum = Complex(0)
        var j = 0
        while j < degree {
          if j != i { sum = sum + Complex(1) / (t - roots[j]) }
          j += 1
        }
        let step = newton / (Complex(1) - newton * sum)
        guard step.isFinite else { continue }
        roots[i] = t - step
        moved = max(moved, step.modulus / max(roots[i].modulus, .leastNormalMagnitude))
      }
      if moved <= 0x1p-50 { break }
    }
    return roots
  }

  /// q(t)/q′(t); beyond the unit circle through the reversed polynomial, whose powers stay small.
  private static func newtonStep(_ q: [Double], at t: Complex) -> Complex {
    let isInside = t.modulus <= 1
    // q(t) = tᵐ r(1/t): q/q′ = t r/(m r − u r′), u = 1/t.
    let u = isInside ? t : Complex(1) / t
    var (value, slope) = (Complex(0), Complex(0))
    var i = 0
    while i < q.count {
      slope = slope * u + value
      value = value * u
      value.real += q[isInside ? q.count - 1 - i : i]
      i += 1
    }
    return isInside
      ? value / slope : t * value / (Double(q.count - 1) * value - u * slope)
  }

  /// x^{1/n} for x > 0, to a few per cent: where to begin.
  private static func root(_ x: Double, _ n: Int) -> Double {
    let power = Double(x.exponent) / Double(n)
    let whole = power.rounded(.down)
    return Double(sign: .plus, exponent: Int(whole), significand: 1 + (power - whole))
  }
}
