import Kernels

/// squares_r ← Σ_j x[r, j]² + b_r², b being absent or one more element of each row.
///
/// Canonical order: 64 lanes, lane j mod 64 accumulating by fma in ascending order from +0, then
/// the fixed tree 32, 16, …, 1, then fma(b, b, sum).
public struct RowSquares: PortableOperation {
  public var x: Matrix
  /// 1×rows.
  public var bias: Matrix?
  /// 1×rows.
  public var squares: Matrix

  public init(of x: Matrix, bias: Matrix? = nil, into squares: Matrix) {
    precondition(x.isContiguous && squares.count == x.rows, "a sum for each row")
    precondition(bias?.count ?? x.rows == x.rows, "a bias for each row")
    self.x = x
    self.bias = bias
    self.squares = squares
  }

  private static let lanes = Int(MACLAURIN_REDUCTION_LANES)

  public var name: String { "row_squares" }
  public var cost: Cost {
    Cost(flops: 2 * Double(x.count), bytes: Double(x.count * x.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x, .read, body)
    try visit(&bias, .read, body)
    try visit(&squares, .write, body)
  }

  public func define() {
    for row in 0..<x.rows {
      var lanes = [Bounded](repeating: Bounded(0), count: Self.lanes)
      for column in 0..<x.columns {
        let value = x.exact(row, column)
        lanes[column % Self.lanes] = .fma(value, value, lanes[column % Self.lanes])
      }
      while lanes.count > 1 {
        let half = lanes.count / 2
        lanes = (0..<half).map { lanes[$0] + lanes[$0 + half] }
      }
      if let bias {
        lanes[0] = .fma(bias.flat.exact(0, row), bias.flat.exact(0, row), lanes[0])
      }
      squares.flat[0, row] = lanes[0]
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) throws -> [Launch] {
    let partial = Matrix(
      try workspace(max(1, x.rows * Self.lanes), x.type), rows: x.rows, columns: Self.lanes)
    let parameters = RowSquaresParameters(columns: x.columns, hasBias: bias == nil ? 0 : 1)
    return [
      Launch(
        "row_squares_lanes", source: "row_penalty", type: x.type,
        .grid(rows: x.rows, columns: Self.lanes), [partial, x], parameters, work: x.count),
      Launch(
        "row_squares_tree", source: "row_penalty", type: x.type, .items(x.rows),
        [squares, partial, bias ?? partial], parameters, work: x.rows * Self.lanes),
    ]
  }
}
