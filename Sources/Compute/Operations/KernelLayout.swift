/// Which pairs of examples, and of positions in them, the numbers of a kernel matrix belong to.
///
/// A kernel is a matrix [pairs, cells]. Pairs: every one of `rows` examples with every one of
/// `columns` others, pair i·columns + j (`grid`), or every example with itself or with the other of
/// its index (`paired`, which is where variances come from). Cells: for images of height × width
/// positions either one for each position, y·width + x, with the same position of the other image
/// (`positions`), or one for each pair of positions (`pairs`) in the order y, y′, x, x′, so that
/// moving both y and y′ moves whole planes of x and x′. Vectors are images of 1×1.
public struct KernelLayout: Hashable, Sendable {
  public enum Pairing: Hashable, Sendable { case grid, paired }
  public enum Cells: Hashable, Sendable { case positions, pairs }

  public var rows: Int
  /// As many as rows where examples are paired.
  public var columns: Int
  public var pairing: Pairing
  public var height: Int
  public var width: Int
  public var cells: Cells

  public init(
    rows: Int, columns: Int, pairing: Pairing = .grid, height: Int = 1, width: Int = 1,
    cells: Cells = .positions
  ) {
    precondition(rows >= 0 && columns >= 0 && height > 0 && width > 0, "extents")
    precondition(pairing == .grid || rows == columns, "as many columns as rows")
    self.rows = rows
    self.columns = columns
    self.pairing = pairing
    self.height = height
    self.width = width
    self.cells = cells
  }

  /// Every one of `count` examples with itself.
  public static func paired(
    _ count: Int, height: Int = 1, width: Int = 1, cells: Cells = .positions
  ) -> KernelLayout {
    KernelLayout(
      rows: count, columns: count, pairing: .paired, height: height, width: width, cells: cells)
  }

  public var pairCount: Int { pairing == .grid ? rows * columns : rows }
  public var positionCount: Int { height * width }
  public var cellCount: Int {
    cells == .positions ? positionCount : positionCount * positionCount
  }
  /// Numbers of a kernel.
  public var count: Int { pairCount * cellCount }

  /// The examples of a pair.
  public func examples(of pair: Int) -> (row: Int, column: Int) {
    pairing == .paired ? (pair, pair) : (pair / columns, pair % columns)
  }

  /// The positions of a cell, in the row's example and in the column's.
  public func positions(of cell: Int) -> (row: Int, column: Int) {
    if cells == .positions { return (cell, cell) }
    let (planes, inPlane) = cell.quotientAndRemainder(dividingBy: width * width)
    return (
      planes / height * width + inPlane / width, planes % height * width + inPlane % width
    )
  }

  /// For number `index` of a kernel the places of its two positions among [examples, positions].
  func places(of index: Int) -> (row: Int, column: Int) {
    let (pair, cell) = index.quotientAndRemainder(dividingBy: cellCount)
    let (examples, positions) = (examples(of: pair), positions(of: cell))
    return (
      examples.row * positionCount + positions.row,
      examples.column * positionCount + positions.column
    )
  }

  /// The shape of a kernel with this layout.
  func describes(_ kernel: Matrix) -> Bool {
    kernel.isContiguous && kernel.rows == pairCount && kernel.columns == cellCount
  }
}
