import Kernels

/// C ← αAB + βC for one or several independent products.
///
/// A is [m, k], B is [k, n], C is [m, n] after the transpositions asked for; α is
/// `alpha`, times the device scalar `scale` if there is one. Canonical order: products accumulate
/// by fma in ascending k, in chains of 1024 started from +0; chain sums are added to βC in
/// ascending order as fma(α, chain, C). β = 0 never reads C.
///
/// Error: |Ĉ − C| ≤ 2γ_{K+2}(|α||A||B| + |β||C|), componentwise.
public struct Contraction: OperationContent {
  public var a: Matrix
  public var transposeA: Bool
  public var b: Matrix
  public var transposeB: Bool
  public var c: Matrix
  public var alpha: Double
  /// A 1×1 matrix that multiplies α.
  public var scale: Matrix?
  public var beta: Double
  /// Number of products, and elements from one's operands to the next's.
  public var batch: Int
  public var strideA: Int
  public var strideB: Int
  public var strideC: Int
  /// Whether the canonical order is kept in fast numerics too: for results whose relation to one
  /// another must be exact, like the diagonal of a kernel and its variances.
  public var isOrdered = false

  public init(
    _ a: Matrix, _ b: Matrix, into c: Matrix, transposeA: Bool = false, transposeB: Bool = false,
    alpha: Double = 1, scale: Matrix? = nil, beta: Double = 0, batch: Int = 1, strideA: Int = 0,
    strideB: Int = 0, strideC: Int = 0
  ) {
    self.a = a
    self.transposeA = transposeA
    self.b = b
    self.transposeB = transposeB
    self.c = c
    self.alpha = alpha
    self.scale = scale
    self.beta = beta
    self.batch = batch
    self.strideA = strideA
    self.strideB = strideB
    self.strideC = strideC
    precondition(a.type == b.type && a.type == c.type, "one scalar type")
    precondition(m == (transposeA ? a.columns : a.rows), "C and A have different rows")
    precondition(n == (transposeB ? b.rows : b.columns), "C and B have different columns")
    precondition(k == (transposeB ? b.columns : b.rows), "A and B have different inner extents")
    precondition(scale.map { $0.count == 1 && $0.type == c.type } ?? true, "scale is one scalar")
  }

  /// Products of one chain.
  public static let chainLength = Int(MACLAURIN_CHAIN)

  public var m: Int { c.rows }
  public var n: Int { c.columns }
  public var k: Int { transposeA ? a.rows : a.columns }

  public var name: String { "contraction" }
  public var cost: Cost {
    let elements = Double(m * k + k * n + (beta == 0 ? 1 : 2) * m * n)
    return Cost(
      flops: 2 * Double(batch) * Double(m) * Double(n) * Double(k),
      bytes: Double(batch * c.type.byteCount) * elements)
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try body(&a, Access(.read, a, copies: batch, step: strideA))
    try body(&b, Access(.read, b, copies: batch, step: strideB))
    try visit(&scale, .read, body)
    try body(&c, Access(beta == 0 ? .write : .readWrite, c, copies: batch, step: strideC))
  }

  public func define() {
    let alpha = self.alpha * (scale?[0, 0].value ?? 1)
    for index in 0..<batch {
      let a = self.a.moved(by: index * strideA)
      let b = self.b.moved(by: index * strideB)
      let c = self.c.moved(by: index * strideC)
      for i in 0..<m {
        for j in 0..<n {
          var sum = 0.0
          var magnitude = 0.0
          for l in 0..<k {
            let x = transposeA ? a[l, i].value : a[i, l].value
            let y = transposeB ? b[j, l].value : b[l, j].value
            sum += x * y
            magnitude += abs(x * y)
          }
          sum *= alpha
          magnitude *= abs(alpha)
          if beta != 0 {
            let old = beta * c[i, j].value
            sum += old
            magnitude += abs(old)
          }
          c[i, j] = Bounded(sum, error: 2 * Double(k + 2) * magnitude)
        }
      }
    }
  }
}

extension Matrix {
  /// The same shape, `elements` further on in the buffer.
  public func moved(by elements: Int) -> Matrix {
    Matrix(buffer, offset: offset + elements, rows: rows, columns: columns, stride: stride)
  }
}
