/// Which elements of a matrix a sample takes.
///
/// Element [i, s, j] is the one that lies starts[s] + i·outer.step + j·inner.step elements after
/// the matrix's first. Rows, columns, cells and stacked coefficients are all of this form.
public struct Patch {
  /// `count` elements, `step` apart.
  public struct Extent: Sendable, Equatable {
    public var count: Int
    public var step: Int

    public init(_ count: Int, step: Int) {
      self.count = count
      self.step = step
    }

    public static let one = Extent(1, step: 0)
  }

  /// Starts that move with row numbers in device memory: s by rows[positions[s]]·stride elements.
  public struct Indirection {
    /// int32
    public var rows: Matrix
    public var positions: [Int]
    public var stride: Int

    public init(rows: Matrix, positions: [Int], stride: Int) {
      self.rows = rows
      self.positions = positions
      self.stride = stride
    }
  }

  public var matrix: Matrix
  public var starts: [Int]
  public var outer: Extent
  public var inner: Extent
  public var indirection: Indirection?

  public init(
    _ matrix: Matrix, starts: [Int], outer: Extent = .one, inner: Extent = .one,
    indirection: Indirection? = nil
  ) {
    precondition(
      indirection.map { $0.positions.count == starts.count && $0.rows.type == .int32 } ?? true,
      "one row number per start")
    self.matrix = matrix
    self.starts = starts
    self.outer = outer
    self.inner = inner
    self.indirection = indirection
  }

  /// Everything of a matrix, as a matrix of its shape.
  public init(whole matrix: Matrix) {
    self.init(
      matrix, starts: [0], outer: Extent(matrix.rows, step: matrix.stride),
      inner: Extent(matrix.columns, step: 1))
  }

  /// The first `count` elements of a matrix's memory.
  init(span count: Int, of matrix: Matrix) {
    self.init(matrix, starts: [0], inner: Extent(count, step: 1))
  }

  public var count: Int { outer.count * starts.count * inner.count }

  /// How many elements from the matrix's first one the patch may touch; without indirection.
  public var span: Int {
    guard count > 0 else { return 0 }
    return starts.max()! + (outer.count - 1) * outer.step + (inner.count - 1) * inner.step + 1
  }

  /// Where element `index` of the patch, in the order of [i, s, j], lies in the matrix; without
  /// what an indirection adds.
  public func offset(of index: Int) -> Int {
    let (cell, j) = index.quotientAndRemainder(dividingBy: max(1, inner.count))
    let (i, s) = cell.quotientAndRemainder(dividingBy: starts.count)
    return starts[s] + i * outer.step + j * inner.step
  }

  /// The patch's elements, taken from the host's copies of the matrix's memory and of its row
  /// numbers: the first byte is that of the matrix's first element.
  public func gather(
    from bytes: UnsafeRawBufferPointer, rows: UnsafeRawBufferPointer? = nil
  ) -> [UInt8] {
    let size = matrix.type.byteCount
    var result: [UInt8] = []
    result.reserveCapacity(count * size)
    for i in 0..<outer.count {
      for (s, start) in starts.enumerated() {
        var first = start + i * outer.step
        if let indirection, let rows {
          let row = rows.loadUnaligned(
            fromByteOffset: 4 * indirection.positions[s], as: Int32.self)
          first += Int(row) * indirection.stride
        }
        if inner.step == 1 {
          result += bytes[(first * size)..<((first + inner.count) * size)]
          continue
        }
        for j in 0..<inner.count {
          let at = (first + j * inner.step) * size
          result += bytes[at..<(at + size)]
        }
      }
    }
    return result
  }
}
