import Kernels

/// out[r, j] ← α·f_r·x[r, j], f_r a factor, or the product of two; or the same by columns, f_j.
///
/// Three roundings: f = fl(first·second), fl(α·f), and their product with x. With factors ±1 and
/// α = 1 it is exact. x may be out itself. With `inverseRoot` ε the factor is 1/√(f + ε), a sum, a
/// root and a quotient, each rounded.
public struct RowScaling: PortableOperation {
  public enum Axis: Sendable { case rows, columns }

  public var output: Matrix
  public var x: Matrix
  /// 1×rows, or 1×columns.
  public var first: Matrix
  public var second: Matrix?
  public var alpha: Double
  public var axis: Axis
  /// ε; nil for the factors themselves.
  public var inverseRoot: Double?

  public init(
    _ output: Matrix, _ x: Matrix, by first: Matrix, _ second: Matrix? = nil, alpha: Double = 1,
    along axis: Axis = .rows, inverseRoot: Double? = nil
  ) {
    precondition(output.isContiguous && x.isContiguous, "contiguous")
    precondition(output.rows == x.rows && output.columns == x.columns, "equal shapes")
    let count = axis == .rows ? x.rows : x.columns
    precondition(first.count == count && second?.count ?? count == count, "one factor for each")
    self.output = output
    self.x = x
    self.first = first
    self.second = second
    self.alpha = alpha
    self.axis = axis
    self.inverseRoot = inverseRoot
  }

  private var isInPlace: Bool { output.buffer === x.buffer && output.offset == x.offset }

  public var name: String { "row_scaling" }
  public var cost: Cost {
    Cost(
      flops: Double(x.count),
      bytes: Double((2 * x.count + first.count * (second == nil ? 1 : 2)) * x.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    if isInPlace {
      try visit(&output, .readWrite, body)
      x = output
    } else {
      try visit(&x, .read, body)
      try visit(&output, .write, body)
    }
    try visit(&first, .read, body)
    try visit(&second, .read, body)
  }

  public func define() {
    let alpha = Bounded(x.type.round(self.alpha))
    for row in 0..<x.rows {
      for column in 0..<x.columns {
        let at = axis == .rows ? row : column
        var factor = first.flat.exact(0, at)
        if let second { factor = factor * second.flat.exact(0, at) }
        if let inverseRoot {
          factor = Bounded(1) / (factor + Bounded(x.type.round(inverseRoot))).squareRoot
        }
        output[row, column] = alpha * factor * x.exact(row, column)
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let parameters = RowScalingParameters(
      alpha: x.type.encode(alpha), hasSecond: second == nil ? 0 : 1,
      byColumn: axis == .rows ? 0 : 1, isInverseRoot: inverseRoot == nil ? 0 : 1,
      epsilon: x.type.encode(inverseRoot ?? 0))
    let factors = [first, second ?? first]
    return [
      Launch(
        isInPlace ? "row_scaling_in_place" : "row_scaling", source: "row_scaling", type: x.type,
        .grid(rows: x.rows, columns: x.columns), (isInPlace ? [output] : [output, x]) + factors,
        parameters)
    ]
  }
}
