/// Where a function is singular, from coefficients of its series, by common denominators of all
/// outputs.
///
/// Poles: a simultaneous Padé approximant. q_0…q_m with Σ_j q_j c_{n−j} ≈ 0 for all outputs and all n
/// from `first` on; the poles are the roots of Σ q_j tʲ. Branch points: a differential approximant
/// Q_1 t f′ + Q_0 f ≈ 0, that is Σ_j (q_j + q′_j (n − j)) c_{n−j} ≈ 0, singular at the roots of Q_1
/// with exponents of any kind (Guttmann and Joyce, J. Phys. A 5, 1972). Both are solved by the least
/// singular vector, with coefficients scaled so that they neither grow nor fall.
struct SingularityFit {
  var degree: Int
  /// The first coefficient that a recurrence must give.
  var first: Int
  var hasBranchPoints: Bool

  /// The same with the degree lowered until no more than one direction is null to rounding, which is
  /// what makes Padé approximants robust (Gonnet, Güttel and Trefethen, SIAM Review 55, 2013).
  ///
  /// - Parameter scale: about the radius of convergence.
  func reduced(_ series: VectorSeries, scale: Double) -> SingularityFit {
    let scaled = Self.scaled(series, by: scale)
    var fit = self
    while fit.degree > 1 {
      let values = fit.solve(scaled).values
      let null = values.filter { $0 <= 0x1p-43 * values[0] }.count
      let excess = hasBranchPoints ? null / 2 : null - 1
      guard excess >= 1 else { break }
      fit.degree = max(1, fit.degree - excess)
    }
    return fit
  }

  /// Places t in the plane, in no order; spurious ones are among them.
  func places(_ series: VectorSeries, scale: Double) -> [Complex] {
    let vector = solve(Self.scaled(series, by: scale)).vector
    return PolynomialRoots.find(Array(vector.suffix(degree + 1))).map { scale * $0 }
  }

  /// c_n sⁿ over the largest of them.
  private static func scaled(_ series: VectorSeries, by scale: Double) -> [[Double]] {
    var power = 1.0
    let scaled = series.coefficients.map { coefficient in
      defer { power *= scale }
      return coefficient.map { $0 * power }
    }
    let largest = scaled.reduce(0) { $1.reduce($0) { max($0, abs($1)) } }
    return largest > 0 ? scaled.map { $0.map { $0 / largest } } : scaled
  }

  private func solve(_ c: [[Double]]) -> (vector: [Double], values: [Double]) {
    let m = degree
    var problem = NullVector(columns: (m + 1) * (hasBranchPoints ? 2 : 1))
    let last = c.count - 1
    for n in max(first, m)...last {
      for output in c[0].indices {
        var row = (0...m).map { c[n - $0][output] }
        if hasBranchPoints { row += (0...m).map { row[$0] * Double(n - $0) / Double(last) } }
        problem.add(row)
      }
    }
    return problem.solve()
  }
}
