import Compute

/// The derivative at 0 of a polynomial from a few of its values: p′(0) = Σ_j w_j (p(ε_j) − p(−ε_j)),
/// exact for every p of degree ≤ 2m with m pairs of nodes.
///
/// The difference keeps the odd part q(ε) = (p(ε) − p(−ε))/2 = ε·r(ε²), r of degree < m, and
/// p′(0) = r(0). Interpolating r in the variable ε² at ε_1², …, ε_m² gives (Lagrange)
/// r(0) = Σ_j r(ε_j²) Π_{l≠j} ε_l²/(ε_l² − ε_j²), so that
///
///     w_j = 1/(2ε_j) · Π_{l≠j} ε_l²/(ε_l² − ε_j²).
///
/// Nodes are Chebyshev's, ε_j = cos(π(2j − 1)/4m): then Σ 2|w_j| = 2m − 1, the least that is possible,
/// because |p′(0)| ≤ n·max|p| for degree n is attained (Bernstein). They are rounded to float32, so
/// that they are the same numbers in both types, and the weights belong to the rounded ones.
struct CurvatureNodes {
  let nodes: [Double]
  let weights: [Double]

  /// - Parameter degree: of the polynomials, at least 1.
  init(degree: Int) {
    let pairs = (degree + 1) / 2
    let nodes = (1...pairs).map { j in
      pairs == 1
        ? 1 : Double(Float(HostMath.cosine(ofPiTimes: Double(2 * j - 1) / Double(4 * pairs))))
    }
    self.nodes = nodes
    weights = nodes.indices.map { j in
      let square = nodes[j] * nodes[j]
      return nodes.indices.reduce(1 / (2 * nodes[j])) { weight, l in
        let other = nodes[l] * nodes[l]
        return l == j ? weight : weight * (other / (other - square))
      }
    }
  }

  /// 2^round(log2 √(a/b)), at most 2^±limit; 1 where a or b is not a positive number.
  static func power(_ a: Double, over b: Double, limit: Int) -> Double {
    guard a > 0, b > 0, a.isFinite, b.isFinite else { return 1 }
    var exponent = Int(a.exponent) - Int(b.exponent)
    if a.significand < b.significand { exponent -= 1 }
    let rounded = max(-limit, min(limit, (exponent + 1) >> 1))
    return Double(sign: .plus, exponent: rounded, significand: 1)
  }
}
