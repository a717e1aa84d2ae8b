import Kernels

/// sums_j⁽ᵛ⁾ ← α·Σ_{i=1..d} Σ_rows z̄_i⁽ᵛ⁾[row, j]·y_{i−1}⁽ᵛ⁾[row, j]: the gradient of a gain per column
/// (`LayerAffine`), d the degree of z̄.
///
/// Canonical order: the contraction's. Rows ascending by (i, row), products accumulated by fma in
/// chains of 1024 from +0, chain sums folded as fma(α, chain, sum). α is `alpha`, times the device
/// scalar `scale` if given.
public struct ColumnProducts: PortableOperation {
  public var cotangent: JetView
  public var value: JetView
  /// Direction 0's, 1×columns; others lie `strideSums` elements apart.
  public var sums: Matrix
  public var strideSums: Int
  public var alpha: Double
  public var scale: Matrix?

  /// - Precondition: y has z̄'s directions; at degree 1 all may share one y.
  public init(
    _ cotangent: JetView, _ value: JetView, into sums: Matrix, strideSums: Int = 0,
    alpha: Double = 1, scale: Matrix? = nil
  ) {
    precondition(!cotangent.hasZero && cotangent.degree >= 1 && value.hasZero, "a cotangent, a jet")
    precondition(
      value.block == cotangent.block && value.columns == cotangent.columns, "equal shapes")
    precondition(value.degree >= cotangent.degree - 1, "too few coefficients")
    precondition(
      cotangent.degree == 1 || value.directions == cotangent.directions, "as many directions")
    precondition(sums.rows == 1 && sums.columns == cotangent.columns, "one sum per column")
    self.cotangent = cotangent
    self.value = value
    self.sums = sums
    self.strideSums = strideSums
    self.alpha = alpha
    self.scale = scale
  }

  /// Rows of one sum.
  var rows: Int { cotangent.degree * cotangent.block }
  private static let chain = Int(MACLAURIN_CHAIN)
  private var chains: Int { (rows + Self.chain - 1) / Self.chain }

  public var name: String { "column_products" }
  public var cost: Cost {
    let cells = Double(rows * cotangent.columns * cotangent.directions)
    return Cost(flops: 2 * cells, bytes: 2 * cells * Double(cotangent.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&cotangent, .read, body)
    try body(&value.matrix, Access(.read, value, degree: cotangent.degree - 1))
    try visit(&scale, .read, body)
    try body(&sums, Access(.write, sums, copies: cotangent.directions, step: strideSums))
  }

  public func define() {
    var alpha = Bounded(cotangent.type.round(self.alpha))
    if let scale { alpha = alpha * scale.exact(0, 0) }
    let block = cotangent.block
    for v in 0..<cotangent.directions {
      for j in 0..<cotangent.columns {
        var sum = Bounded(0)
        for first in stride(from: 0, to: rows, by: Self.chain) {
          var chain = Bounded(0)
          for index in first..<min(first + Self.chain, rows) {
            let (i, row) = index.quotientAndRemainder(dividingBy: block)
            chain = .fma(
              cotangent[i + 1, direction: v].exact(row, j),
              value[i, direction: i == 0 ? 0 : v].exact(row, j), chain)
          }
          sum = .fma(alpha, chain, sum)
        }
        sums.moved(by: v * strideSums)[0, j] = sum
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) throws -> [Launch] {
    let (type, columns) = (cotangent.type, cotangent.columns)
    let directions = cotangent.directions
    let parameters = ColumnProductsParameters(
      block: cotangent.block, columns: columns, degree: cotangent.degree, chains: chains,
      leftCapacity: cotangent.capacity, rightCapacity: value.capacity)
    let count = directions * chains
    let partial = Matrix(
      try workspace(max(1, count * columns), type), rows: count, columns: columns)
    return [
      Launch(
        "column_products", source: "column_products", type: type,
        .grid(rows: count, columns: columns), [partial, cotangent.matrix, value.matrix],
        parameters, work: rows * columns * directions),
      .chainFold(
        partial, chains: chains, into: sums, rows: directions, stride: strideSums, alpha: alpha,
        scale: scale),
    ]
  }
}
