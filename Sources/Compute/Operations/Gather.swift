import Kernels

/// out[i, :] ← x[rows[i], :].
public struct Gather: PortableOperation {
  public var output: Matrix
  public var x: Matrix
  /// int32, one index per output row.
  public var rows: Matrix

  public init(_ output: Matrix, from x: Matrix, rows: Matrix) {
    precondition(rows.type == .int32 && rows.count == output.rows && rows.isContiguous, "indices")
    precondition(output.columns == x.columns && output.isContiguous, "equal rows")
    self.output = output
    self.x = x
    self.rows = rows
  }

  public var name: String { "gather" }
  public var cost: Cost { Cost(bytes: 2 * Double(output.count * output.type.byteCount)) }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x, .read, body)
    try visit(&rows, .read, body)
    try visit(&output, .write, body)
  }

  public func define() {
    for i in 0..<output.rows {
      let row = Int(rows.flat[0, i].value)
      for j in 0..<output.columns { output[i, j] = x.exact(row, j) }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let parameters = GatherParameters(columns: x.columns, stride: x.stride)
    return [
      Launch(
        "gather", source: "gather", type: x.type,
        .grid(rows: output.rows, columns: output.columns), [output, x, rows], parameters)
    ]
  }
}
