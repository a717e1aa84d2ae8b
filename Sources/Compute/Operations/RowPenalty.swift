import Kernels

/// g ← g + ∂/∂W λ‖W‖_{2,4}^p = g + pλ S^{p/4−1} n_r w, with n_r = ‖w_r‖² and S = Σ_r n_r².
///
/// Powers of S are products of S, √S and √√S (over them for p < 4). At S = 0 the gradient is 0.
/// Source: Bai and Lee, arXiv 1910.01619.
public struct RowPenalty: PortableOperation {
  /// [rows, columns], contiguous, as x.
  public var gradient: Matrix
  /// W, or some columns of it.
  public var x: Matrix
  /// n, 1×rows.
  public var squares: Matrix
  /// S, 1×1.
  public var total: Matrix
  /// λ
  public var factor: Double
  /// p ≥ 1
  public var exponent: Int

  public init(
    _ gradient: Matrix, of x: Matrix, squares: Matrix, total: Matrix, factor: Double, exponent: Int
  ) {
    precondition(gradient.isContiguous && x.isContiguous, "contiguous")
    precondition(gradient.rows == x.rows && gradient.columns == x.columns, "equal shapes")
    precondition(squares.count == x.rows && total.count == 1 && exponent >= 1, "one for each row")
    self.gradient = gradient
    self.x = x
    self.squares = squares
    self.total = total
    self.factor = factor
    self.exponent = exponent
  }

  /// λS^{p/4}: the penalty itself, on the host.
  public static func value(total: Double, factor: Double, exponent: Int) -> Double {
    let root = total.squareRoot()
    return factor * HostMath.power(total, exponent / 4) * (exponent & 2 > 0 ? root : 1)
      * (exponent & 1 > 0 ? root.squareRoot() : 1)
  }

  public var name: String { "row_penalty" }
  public var cost: Cost {
    Cost(
      flops: 2 * Double(x.count),
      bytes: Double((3 * x.count + squares.count) * x.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x, .read, body)
    try visit(&squares, .read, body)
    try visit(&total, .read, body)
    try visit(&gradient, .readWrite, body)
  }

  public func define() {
    let s = total.exact(0, 0)
    let quarters = abs(exponent - 4)
    var power = Bounded(1)
    for _ in 0..<(quarters / 4) { power = power * s }
    if quarters & 2 > 0 { power = power * s.squareRoot }
    if quarters & 1 > 0 { power = power * s.squareRoot.squareRoot }
    var factor = Bounded(x.type.round(Double(exponent) * self.factor))
    factor = exponent < 4 ? factor / power : factor * power
    if s.value == 0 { factor = Bounded(0) }
    for row in 0..<x.rows {
      let scale = factor * squares.flat.exact(0, row)
      for column in 0..<x.columns {
        gradient[row, column] = .fma(scale, x.exact(row, column), gradient.exact(row, column))
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let parameters = RowPenaltyParameters(
      factor: x.type.encode(Double(exponent) * factor), quarters: exponent - 4)
    return [
      Launch(
        "row_penalty", source: "row_penalty", type: x.type,
        .grid(rows: x.rows, columns: x.columns), [gradient, x, squares, total], parameters)
    ]
  }
}
