import Kernels

/// out ← x, its transpose, or its lower triangle on both sides of the diagonal, between views of any
/// strides. Exact.
public struct MatrixCopy: PortableOperation {
  public enum Form: Sendable {
    /// out[i, j] = x[i, j]
    case same
    /// out[i, j] = x[j, i]
    case transposed
    /// out[i, j] = x[max(i, j), min(i, j)] of a square matrix
    case mirrored
  }

  public var output: Matrix
  public var x: Matrix
  public var form: Form

  public init(_ output: Matrix, from x: Matrix, _ form: Form = .same) {
    let (rows, columns) = form == .transposed ? (x.columns, x.rows) : (x.rows, x.columns)
    precondition(output.rows == rows && output.columns == columns, "the shape of the copy")
    precondition(form != .mirrored || rows == columns, "a square matrix")
    precondition(x.type == output.type, "one scalar type")
    self.output = output
    self.x = x
    self.form = form
  }

  public var name: String { "matrix_copy" }
  public var cost: Cost { Cost(bytes: 2 * Double(output.count * output.type.byteCount)) }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x, .read, body)
    try visit(&output, .write, body)
  }

  /// The element of x that (row, column) of the copy is.
  func source(_ row: Int, _ column: Int) -> (row: Int, column: Int) {
    form == .transposed || form == .mirrored && column > row ? (column, row) : (row, column)
  }

  public func define() {
    for row in 0..<output.rows {
      for column in 0..<output.columns {
        let (i, j) = source(row, column)
        output[row, column] = x.exact(i, j)
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let (row, column) = form == .transposed ? (1, x.stride) : (x.stride, 1)
    let parameters = MatrixCopyParameters(
      stride: output.stride, rowStep: row, columnStep: column,
      isMirrored: form == .mirrored ? 1 : 0)
    return [
      Launch(
        "matrix_copy", source: "matrix_copy", type: x.type,
        .grid(rows: output.rows, columns: output.columns), [output, x], parameters)
    ]
  }
}
