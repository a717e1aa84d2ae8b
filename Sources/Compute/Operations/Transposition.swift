import Kernels

/// out_b ← x_bᵀ for `batch` matrices, one behind the other: out[b, j, i] ← x[b, i, j]. Exact.
///
/// Changes between channels first and channels last, and brings the kernel positions of a
/// convolution's weights to the front.
public struct Transposition: PortableOperation {
  public var output: Matrix
  public var x: Matrix
  /// Rows and columns of one x_b.
  public var rows: Int
  public var columns: Int

  /// - Precondition: both are contiguous, of one size, a multiple of rows·columns.
  public init(_ output: Matrix, from x: Matrix, rows: Int, columns: Int) {
    precondition(x.isContiguous && output.isContiguous && x.count == output.count, "equal sizes")
    precondition(rows > 0 && columns > 0 && x.count % (rows * columns) == 0, "whole matrices")
    self.output = output
    self.x = x
    self.rows = rows
    self.columns = columns
  }

  public var name: String { "transposition" }
  public var cost: Cost { Cost(bytes: 2 * Double(output.count * output.type.byteCount)) }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x, .read, body)
    try visit(&output, .write, body)
  }

  public func define() {
    let (from, to, size) = (x.flat, output.flat, rows * columns)
    for b in 0..<(x.count / size) {
      for i in 0..<rows {
        for j in 0..<columns {
          to[0, b * size + j * rows + i] = from.exact(0, b * size + i * columns + j)
        }
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let parameters = TranspositionParameters(rows: rows, columns: columns)
    return [
      Launch(
        "transposition", source: "unfold", type: x.type,
        .grid(rows: x.count / rows, columns: rows), [output, x], parameters)
    ]
  }
}
