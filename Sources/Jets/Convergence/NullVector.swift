/// The direction that a tall matrix nearly maps to zero, by QR and one-sided Jacobi rotations.
///
/// Singular values and right singular vectors of a matrix whose rows are added one by one: each is
/// rotated into an upper triangle (Givens; backward stable), whose singular value decomposition is
/// that of Hestenes (Golub and Van Loan, *Matrix Computations*, 8.6.3). + − × ÷ and √ alone.
struct NullVector {
  private let columns: Int
  /// Row after row; below the diagonal zero.
  private var triangle: [Double]

  init(columns: Int) {
    self.columns = columns
    triangle = [Double](repeating: 0, count: columns * columns)
  }

  mutating func add(_ row: [Double]) {
    var row = row
    let n = columns
    triangle.withUnsafeMutableBufferPointer { r in
      row.withUnsafeMutableBufferPointer { x in
        for i in 0..<n where x[i] != 0 {
          let (a, b) = (r[i * n + i], x[i])
          let length = (a * a + b * b).squareRoot()
          guard length > 0 else { continue }
          let (c, s) = (a / length, b / length)
          var j = i
          while j < n {
            let (u, v) = (r[i * n + j], x[j])
            r[i * n + j] = c * u + s * v
            x[j] = c * v - s * u
            j += 1
          }
        }
      }
    }
  }

  /// The right singular vector of the least singular value, and all singular values, descending.
  func solve() -> (vector: [Double], values: [Double]) {
    let n = columns
    // Columns of A = R and of V, each contiguous.
    var a = [Double](repeating: 0, count: n * n)
    var v = a
    for i in 0..<n {
      v[i * n + i] = 1
      for j in i..<n { a[j * n + i] = triangle[i * n + j] }
    }
    a.withUnsafeMutableBufferPointer { a in
      v.withUnsafeMutableBufferPointer { v in
        for _ in 0..<40 where !Self.sweep(a, v, n) {}
      }
    }
    let norms = (0..<n).map { j in
      (0..<n).reduce(0.0) { $0 + a[j * n + $1] * a[j * n + $1] }.squareRoot()
    }
    let least = norms.indices.min { norms[$0] < norms[$1] } ?? 0
    return (Array(v[(least * n)..<((least + 1) * n)]), norms.sorted(by: >))
  }

  /// One rotation of every two columns; true if none was needed.
  private static func sweep(
    _ a: UnsafeMutableBufferPointer<Double>, _ v: UnsafeMutableBufferPointer<Double>, _ n: Int
  ) -> Bool {
    var isDone = true
    for p in 0..<n {
      for q in (p + 1)..<max(n, p + 1) {
        var (alpha, beta, gamma) = (0.0, 0.0, 0.0)
        var i = 0
        while i < n {
          let (x, y) = (a[p * n + i], a[q * n + i])
          alpha += x * x
          beta += y * y
          gamma += x * y
          i += 1
        }
        guard gamma.magnitude > 0x1p-52 * (alpha * beta).squareRoot(), gamma != 0 else { continue }
        isDone = false
        let zeta = (beta - alpha) / (2 * gamma)
        let tangent = (zeta < 0 ? -1 : 1) / (zeta.magnitude + (1 + zeta * zeta).squareRoot())
        let c = 1 / (1 + tangent * tangent).squareRoot()
        let s = c * tangent
        i = 0
        while i < n {
          let (x, y) = (a[p * n + i], a[q * n + i])
          a[p * n + i] = c * x - s * y
          a[q * n + i] = s * x + c * y
          let (f, g) = (v[p * n + i], v[q * n + i])
          v[p * n + i] = c * f - s * g
          v[q * n + i] = s * f + c * g
          i += 1
        }
      }
    }
    return isDone
  }
}
