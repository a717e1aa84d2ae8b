/// The vector epsilon algorithm: limits of sequences of vectors, given term by term.
///
/// ε_{−1} = 0, ε_0⁽ⁿ⁾ = S_n, ε_{j+1}⁽ⁿ⁾ = ε_{j−1}⁽ⁿ⁺¹⁾ + (ε_j⁽ⁿ⁺¹⁾ − ε_j⁽ⁿ⁾)⁻¹ with x⁻¹ = x/‖x‖² (Wynn,
/// Math. Comp. 16, 1962). Even columns are exact for sums of exponentials, hence for series whose
/// singularities are poles (McLeod 1971), inside and outside the circle of convergence. Terms that
/// repeat the last one are passed over, so that even and odd series do not break it down.
struct VectorEpsilon {
  /// ε_j⁽ᵐ⁻ʲ⁾, j = 0, 1, …, for the last term S_m.
  private var diagonal: [[Double]] = []

  /// Adds a term.
  mutating func append(_ term: [Double]) {
    if diagonal.first == term { return }
    var next = [term]
    for j in diagonal.indices {
      let difference = zip(next[j], diagonal[j]).map { $0 - $1 }
      let squares = difference.reduce(0) { $0 + $1 * $1 }
      guard squares > 0, squares.isFinite, (1 / squares).isFinite else { break }
      let entry = difference.indices.map { i in
        (j == 0 ? 0 : diagonal[j - 1][i]) + difference[i] / squares
      }
      guard entry.allSatisfy(\.isFinite) else { break }
      next.append(entry)
    }
    diagonal = next
  }

  /// The limit by the last even column, and by the last but one where that uses fewer terms.
  var limits: (last: [Double], before: [Double])? {
    guard !diagonal.isEmpty else { return nil }
    let column = (diagonal.count - 1) / 2 * 2
    let before = diagonal.count % 2 == 1 ? max(0, column - 2) : column
    return (diagonal[column], diagonal[before])
  }
}
