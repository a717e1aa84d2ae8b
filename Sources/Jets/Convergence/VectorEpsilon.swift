/// The vector epsilon algorithm: limits of sequences of vectors, given term by term.
///
/// ε_{−1} = 0, ε_0⁽ⁿ⁾ = S_n, ε_{j+1}⁽ⁿ⁾ = ε_{j−1}⁽ⁿ⁺¹⁾ + (ε_j⁽ⁿ⁺¹⁾ − ε_j⁽ⁿ⁾)⁻¹ with x⁻¹ = x/‖x‖² (Wynn,
/// Math. Comp. 16, 1962). Even columns are exact for sums of exponentials, hence for series whose
/// singularities are poles (McLeod 1971), inside and outside the circle of convergence. Terms that
/// repeat the last one are passed over, so that even and odd series do not break it down.
struct VectorEpsilon {
  private let width: Int
  /// ε_j⁽ᵐ⁻ʲ⁾, j = 0, 1, …, for the last term S_m, one after the other.
  private var diagonal: [Double] = []

  init(width: Int) { self.width = width }

  /// The number of columns that the last term reached.
  private var columns: Int { width > 0 ? diagonal.count / width : 0 }

  /// Adds a term.
  mutating func append(_ term: [Double]) {
    precondition(term.count == width, "terms of one width")
    if columns > 0, Array(diagonal[..<width]) == term { return }
    var next = [Double](repeating: 0, count: diagonal.count + width)
    next.replaceSubrange(..<width, with: term)
    var reached = 1
    next.withUnsafeMutableBufferPointer { next in
      diagonal.withUnsafeBufferPointer { last in
        while reached <= columns, Self.step(next, last, column: reached, width) { reached += 1 }
      }
    }
    diagonal = Array(next[..<(reached * width)])
  }

  /// Column j of the new diagonal; false where it breaks down.
  private static func step(
    _ next: UnsafeMutableBufferPointer<Double>, _ last: UnsafeBufferPointer<Double>,
    column j: Int, _ width: Int
  ) -> Bool {
    let (from, to) = ((j - 1) * width, j * width)
    var squares = 0.0
    var i = 0
    while i < width {
      let difference = next[from + i] - last[from + i]
      squares += difference * difference
      i += 1
    }
    let factor = 1 / squares
    guard squares > 0, squares < .infinity, factor < .infinity else { return false }
    var largest = 0.0
    i = 0
    while i < width {
      let before = j == 1 ? 0 : last[from - width + i]
      let entry = before + (next[from + i] - last[from + i]) * factor
      next[to + i] = entry
      largest += entry * 0
      i += 1
    }
    // Zero unless an entry is not finite.
    return largest == 0
  }

  /// The limit by the last even column, and by the last but one where that uses fewer terms.
  var limits: (last: [Double], before: [Double])? {
    guard columns > 0 else { return nil }
    let column = (columns - 1) / 2 * 2
    let before = columns % 2 == 1 ? max(0, column - 2) : column
    func entry(_ j: Int) -> [Double] { Array(diagonal[(j * width)..<((j + 1) * width)]) }
    return (entry(column), entry(before))
  }
}
