/// A row-major view of a buffer: element (i, j) is `buffer[offset + i·stride + j]`.
public struct Matrix {
  public let buffer: Buffer
  /// First element.
  public let offset: Int
  public let rows: Int
  public let columns: Int
  /// Elements from one row to the next, at least `columns`.
  public let stride: Int

  public init(_ buffer: Buffer, offset: Int = 0, rows: Int, columns: Int, stride: Int? = nil) {
    let stride = stride ?? columns
    precondition(rows >= 0 && columns >= 0 && offset >= 0, "negative extent")
    precondition(stride >= columns || rows <= 1, "rows overlap")
    precondition(
      rows == 0 || columns == 0 || offset + (rows - 1) * stride + columns <= buffer.count,
      "a \(rows)×\(columns) view ends past its buffer")
    self.buffer = buffer
    self.offset = offset
    self.rows = rows
    self.columns = columns
    self.stride = stride
  }

  public var type: ScalarType { buffer.type }
  public var count: Int { rows * columns }
  public var isContiguous: Bool { stride == columns || rows <= 1 }

  /// Rows `range` as a view of the same buffer.
  public func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows out of range")
    return Matrix(
      buffer, offset: offset + range.lowerBound * stride, rows: range.count, columns: columns,
      stride: stride)
  }

  /// The same contiguous elements in another shape.
  public func reshaped(rows: Int, columns: Int) -> Matrix {
    precondition(
      isContiguous && rows * columns <= count, "only contiguous elements can be reshaped")
    return Matrix(buffer, offset: offset, rows: rows, columns: columns)
  }

  /// Element `index` of a contiguous view, as a 1×1 matrix.
  public func element(_ index: Int) -> Matrix {
    precondition(isContiguous && index < count, "element out of range")
    return Matrix(buffer, offset: offset + index, rows: 1, columns: 1)
  }

  /// All elements of a contiguous view as one row.
  public var flat: Matrix { reshaped(rows: 1, columns: count) }
}
