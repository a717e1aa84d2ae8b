/// The eigenvalues and eigenvectors of a symmetric matrix A = Uᵀ diag(λ) U, in Double, by
/// + − × ÷ and √ in one fixed order: the same bits on every machine, with and without LAPACK.
///
/// Householder's reduction to tridiagonal form, then the implicit QL method with Wilkinson's
/// shifts. Sources: Martin, Reinsch, Wilkinson (1968), Dubrulle, Martin, Wilkinson (1968); Golub and
/// Van Loan, Matrix Computations, 4th ed., sections 8.3. ‖A − Uᵀ diag(λ) U‖ and ‖UUᵀ − 1‖ are small
/// multiples of the unit roundoff times n·‖A‖ and n.
public struct SymmetricEigenvalues: Sendable {
  /// Descending.
  public private(set) var values: [Double]
  /// Row j belongs to eigenvalue j, [n, n]; of a tridiagonal matrix only the components asked for.
  public private(set) var vectors: [Double]

  /// - Parameter matrix: [n, n], of which the lower triangle is read; all finite.
  /// - Returns: nil where the iteration does not converge, which finite matrices do not do.
  public init?(_ matrix: [Double], n: Int) {
    precondition(matrix.count == n * n, "a square matrix")
    values = [Double](repeating: 0, count: n)
    vectors = []
    guard n > 0 else { return }
    var work = Reduction(matrix, n)
    work.reduce()
    guard work.iterate() else { return nil }
    take(work)
  }

  /// Of the tridiagonal matrix with these numbers on the diagonal and beside it; O(n²·(1 + c)) work
  /// for c components of the eigenvectors.
  ///
  /// - Parameters:
  ///   - diagonal: n numbers.
  ///   - beside: the n − 1 between neighbours.
  ///   - components: which components of every eigenvector are wanted: `vectors` is [n, c].
  public init?(diagonal: [Double], beside: [Double], components: [Int]) {
    let n = diagonal.count
    precondition(beside.count == max(0, n - 1), "one number between neighbours")
    values = []
    vectors = []
    guard n > 0 else { return }
    var work = Reduction(diagonal, beside, components)
    guard work.iterate() else { return nil }
    take(work)
  }

  private mutating func take(_ work: Reduction) {
    let (n, width) = (work.n, work.width)
    let order = (0..<n).sorted { (work.diagonal[$0], $1) > (work.diagonal[$1], $0) }
    values = order.map { work.diagonal[$0] }
    vectors.reserveCapacity(n * width)
    for row in order { vectors += work.basis[row * width..<(row + 1) * width] }
  }

  /// A = Bᵀ T B with T tridiagonal, B orthogonal, its rows the basis.
  private struct Reduction {
    let n: Int
    /// Columns of the basis: n, or as many components as are wanted.
    let width: Int
    var a: [Double]
    var basis: [Double]
    var diagonal: [Double]
    /// Entry i stands between i and i + 1.
    var beside: [Double]

    init(_ matrix: [Double], _ n: Int) {
      self.n = n
      width = n
      a = matrix
      for i in 0..<n {
        for j in 0..<i { a[j * n + i] = a[i * n + j] }
      }
      basis = [Double](repeating: 0, count: n * n)
      for i in 0..<n { basis[i * n + i] = 1 }
      diagonal = [Double](repeating: 0, count: n)
      beside = diagonal
    }

    init(_ diagonal: [Double], _ beside: [Double], _ components: [Int]) {
      n = diagonal.count
      width = components.count
      a = []
      self.diagonal = diagonal
      self.beside = beside + [0]
      basis = [Double](repeating: 0, count: n * width)
      for (column, component) in components.enumerated() { basis[component * width + column] = 1 }
    }

    /// Column after column: A ← HAH with H = 1 − βvvᵀ that leaves one number below the diagonal.
    mutating func reduce() {
      var v = [Double](repeating: 0, count: n)
      var p = v
      var reflections: [(first: Int, v: [Double], beta: Double)] = []
      for k in 0..<max(0, n - 2) {
        let first = k + 1
        let scale = (first..<n).reduce(0.0) { max($0, abs(a[$1 * n + k])) }
        var tail = 0.0
        if scale > 0 {
          for i in first..<n {
            v[i] = a[i * n + k] / scale
            if i > first { tail += v[i] * v[i] }
          }
        }
        guard tail > 0 else {
          beside[k] = a[first * n + k]
          continue
        }
        let length = (v[first] * v[first] + tail).squareRoot()
        beside[k] = v[first] > 0 ? -length * scale : length * scale
        v[first] += v[first] > 0 ? length : -length
        let beta = 2 / (v[first] * v[first] + tail)
        apply(beta, v, from: first, scratch: &p)
        reflections.append((first, Array(v[first...]), beta))
      }
      if n > 1 { beside[n - 2] = a[(n - 1) * n + n - 2] }
      for i in 0..<n { diagonal[i] = a[i * n + i] }
      accumulate(reflections)
    }

    /// A ← A − vwᵀ − wvᵀ, w = p − ½β(pᵀv)v, p = βAv, in the rows and columns from `first` on.
    private mutating func apply(
      _ beta: Double, _ v: [Double], from first: Int, scratch p: inout [Double]
    ) {
      let n = n
      a.withUnsafeMutableBufferPointer { a in
        var product = 0.0
        for i in first..<n {
          var sum = 0.0
          for j in first..<n { sum += a[i * n + j] * v[j] }
          p[i] = beta * sum
          product += p[i] * v[i]
        }
        let half = 0.5 * beta * product
        for i in first..<n { p[i] -= half * v[i] }
        for i in first..<n {
          let (vi, pi) = (v[i], p[i])
          for j in first..<n { a[i * n + j] -= vi * p[j] + pi * v[j] }
        }
      }
    }

    /// basis = (H_0 H_1 …)ᵀ: the last reflection first, each only where the basis is not 1 yet.
    private mutating func accumulate(
      _ reflections: [(first: Int, v: [Double], beta: Double)]
    ) {
      let n = n
      basis.withUnsafeMutableBufferPointer { basis in
        for (first, v, beta) in reflections.reversed() {
          for row in first..<n {
            var sum = 0.0
            for j in first..<n { sum += basis[row * n + j] * v[j - first] }
            sum *= beta
            for j in first..<n { basis[row * n + j] -= sum * v[j - first] }
          }
        }
      }
    }

    /// The QL method; rotations mix two rows of the basis. False after too many steps.
    ///
    /// What stands beside the diagonal is taken as zero where it is below the roundoff of its
    /// neighbours or of the whole matrix. Without the latter, as in EISPACK's tql2, the eigenvalues of
    /// a singular matrix that are nothing but rounding errors of very different sizes may take
    /// hundreds of steps.
    mutating func iterate() -> Bool {
      let negligible =
        0x1p-53 * (0..<n).reduce(0.0) { max($0, abs(diagonal[$1]) + abs(beside[$1])) }
      for l in 0..<n {
        var steps = 0
        while true {
          var m = l
          while m < n - 1 {
            let size = abs(diagonal[m]) + abs(diagonal[m + 1])
            if size + abs(beside[m]) == size || abs(beside[m]) <= negligible { break }
            m += 1
          }
          if m == l { break }
          steps += 1
          if steps > 100 { return false }
          sweep(l, m)
        }
      }
      return true
    }

    private mutating func sweep(_ l: Int, _ m: Int) {
      var g = (diagonal[l + 1] - diagonal[l]) / (2 * beside[l])
      var r = Self.length(g, 1)
      g = diagonal[m] - diagonal[l] + beside[l] / (g + (g < 0 ? -r : r))
      var (s, c, p) = (1.0, 1.0, 0.0)
      for i in stride(from: m - 1, through: l, by: -1) {
        let (f, b) = (s * beside[i], c * beside[i])
        r = Self.length(f, g)
        beside[i + 1] = r
        if r == 0 {
          diagonal[i + 1] -= p
          beside[m] = 0
          return
        }
        (s, c) = (f / r, g / r)
        g = diagonal[i + 1] - p
        r = (diagonal[i] - g) * s + 2 * c * b
        p = s * r
        diagonal[i + 1] = g + p
        g = c * r - b
        rotate(i, s, c)
      }
      diagonal[l] -= p
      beside[l] = g
      beside[m] = 0
    }

    private mutating func rotate(_ i: Int, _ s: Double, _ c: Double) {
      let width = width
      basis.withUnsafeMutableBufferPointer { basis in
        for j in 0..<width {
          let (x, y) = (basis[i * width + j], basis[(i + 1) * width + j])
          basis[(i + 1) * width + j] = s * x + c * y
          basis[i * width + j] = c * x - s * y
        }
      }
    }

    /// √(a² + b²) without overflow.
    private static func length(_ a: Double, _ b: Double) -> Double {
      let (large, small) = (max(abs(a), abs(b)), min(abs(a), abs(b)))
      if large == 0 { return 0 }
      let ratio = small / large
      return large * (1 + ratio * ratio).squareRoot()
    }
  }
}
