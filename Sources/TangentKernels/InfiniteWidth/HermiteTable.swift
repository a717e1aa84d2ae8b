import DataSets
import Synchronization

/// Normalised Hermite polynomials times the normal density at the nodes z = k·step, k ≥ 0, of the
/// trapezoidal rule on [−14, 14]:
///
///     weights[n, k] = step·h_n(z_k)·e^{−z_k²/2}/√(2π), twice for k > 0, once for k = 0
///
/// so that E[f(z) h_n(z)] = Σ_k weights[n, k] f(z_k) for f of h_n's parity. For f analytic in a strip of
/// half width s the error is about 2e^{−2πs/step} (Trefethen and Weideman, SIAM Review 56, 2014).
final class HermiteTable: Sendable {
  let nodes: [Double]
  /// [degree, nodes]
  let weights: [Double]
  let degree: Int

  private init(step: Double, degree: Int) {
    let count = Int(14 / step) + 1
    let nodes = (0..<count).map { Double($0) * step }
    var weights = [Double](repeating: 0, count: degree * count)
    for (k, z) in nodes.enumerated() {
      // h_{n+1} = (z h_n − √n h_{n−1})/√(n+1), with the factor carried along: it keeps large h_n at
      // large z in range.
      let density = step * PortableMath.exponential(-z * z / 2) / (2 * Double.pi).squareRoot()
      var (previous, current) = (0.0, k == 0 ? density : 2 * density)
      for n in 0..<degree {
        weights[n * count + k] = current
        let next =
          (z * current - Double(n).squareRoot() * previous) / Double(n + 1).squareRoot()
        (previous, current) = (current, next)
      }
    }
    (self.nodes, self.weights, self.degree) = (nodes, weights, degree)
  }

  /// The finest step is 0.1/2⁶: at larger variances than it is fine enough for, the series' own
  /// remainder is far larger.
  private static let finest = 6
  private static let known = Mutex<[Int: HermiteTable]>([:])

  /// A table whose step is at most an eighth of the half width of the strip.
  static func table(strip: Double, degree: Int) -> HermiteTable {
    var level = 0
    while level < finest, 0.1 / Double(1 << level) > strip / 8 { level += 1 }
    return known.withLock { known in
      if let table = known[level], table.degree >= degree { return table }
      let table = HermiteTable(step: 0.1 / Double(1 << level), degree: degree)
      known[level] = table
      return table
    }
  }
}
