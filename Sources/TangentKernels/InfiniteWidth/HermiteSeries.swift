import DataSets

/// The Hermite coefficients of an activation at one variance a: A_n = E[φ(√a z) h_n(z)], n < degree,
/// and those of its derivative, A′_n = E[φ′(√a z) h_n(z)] = √((n+1)/a)·A_{n+1} (by parts).
///
/// T = Σ A_n(a) A_n(b) ρⁿ and T′ alike (`DualSeries`). A kernel whose series ends is that of a
/// polynomial activation, so it is positive semidefinite, and
/// the variance behind it is its own value at ρ = 1, Σ A_n², so that diagonals stay exactly on the
/// diagonal in the next layer too.
struct HermiteSeries {
  /// A_0 … A_{D−1}, and A′_0 … A′_{D−1}.
  private(set) var values: [Double]
  private(set) var slopes: [Double]
  /// E[φ²] − Σ A_n², and the same of φ′, with what rounding may hide: bounds on what T and T′ miss.
  private(set) var valueTail = 0.0
  private(set) var slopeTail = 0.0

  /// - Parameter variance: a; negative ones (by rounding) count as 0.
  init(_ activation: SeriesActivation, variance: Double, degree: Int) {
    let a = max(0, variance)
    let root = a.squareRoot()
    values = [Double](repeating: 0, count: degree + 1)
    slopes = [Double](repeating: 0, count: degree)
    let table = HermiteTable.table(
      strip: root > 0 ? activation.strip / root : .infinity, degree: degree + 1)
    let count = table.nodes.count
    // e^{−√a z} at one node after the other; k roundings weigh as much as e^{−√a z_k} is small.
    let ratio = PortableMath.exponential(-root * table.nodes[1])
    var decay = 1.0
    let parts = table.nodes.map { node in
      defer { decay *= ratio }
      return activation.part(root * node, decay: decay)
    }
    let psi = parts.map(\.value)
    let (squares, slopeSquares) = Self.squares(activation, root, table, parts)
    values.withUnsafeMutableBufferPointer { values in
      psi.withUnsafeBufferPointer { psi in
        table.weights.withUnsafeBufferPointer { weights in
          for n in stride(from: activation.isOdd ? 1 : 0, through: degree, by: 2) {
            let row = weights.baseAddress! + n * count
            let (left, right) = (UnsafeRawPointer(row), UnsafeRawPointer(psi.baseAddress!))
            // Lanes, so that the sum is not one long chain.
            var lanes = SIMD8<Double>(repeating: 0)
            var k = 0
            while k + 8 <= count {
              lanes +=
                left.loadUnaligned(fromByteOffset: 8 * k, as: SIMD8<Double>.self)
                * right.loadUnaligned(fromByteOffset: 8 * k, as: SIMD8<Double>.self)
              k += 8
            }
            var sum = lanes.sum()
            while k < count {
              sum += row[k] * psi[k]
              k += 1
            }
            values[n] = sum
          }
        }
      }
    }
    values[0] += activation.constant
    values[1] += activation.slope * root
    for n in 0..<degree where root > 0 {
      slopes[n] = (Double(n + 1) / a).squareRoot() * values[n + 1]
    }
    if root == 0 {
      // φ′(0)
      slopes[0] = activation.part(0, decay: 1).derivative + activation.slope
    }
    values.removeLast()
    func tail(_ square: Double, _ coefficients: [Double]) -> Double {
      let rest = coefficients.reversed().reduce(0) { $0 + $1 * $1 }
      return max(0, square - rest) + 0x1p-49 * square
    }
    (valueTail, slopeTail) = (tail(squares, values), tail(slopeSquares, slopes))
  }

  /// E[φ²] and E[φ′²]: parities apart, their products vanish but for the constant's and the slope's.
  private static func squares(
    _ activation: SeriesActivation, _ root: Double, _ table: HermiteTable,
    _ parts: [(value: Double, derivative: Double)]
  ) -> (Double, Double) {
    var (square, slopeSquare) = (0.0, 0.0)
    for (k, z) in table.nodes.enumerated() {
      // Both signs of z: the density is twice there but for k = 0.
      let weight = table.weights[k] / 2
      let (value, derivative) = parts[k]
      let sign = activation.isOdd ? -1.0 : 1
      let linear = activation.slope * root * z
      let (above, below) = (
        activation.constant + linear + value, activation.constant - linear + sign * value
      )
      square += weight * (above * above + below * below)
      let (right, left) = (activation.slope + derivative, activation.slope - sign * derivative)
      slopeSquare += weight * (right * right + left * left)
    }
    return (square, slopeSquare)
  }
}
