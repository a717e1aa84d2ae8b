/// A part of a matrix: some rows and columns.
public struct Tile: Equatable, Sendable {
  public var rows: Range<Int>
  public var columns: Range<Int>

  public init(rows: Range<Int>, columns: Range<Int>) {
    self.rows = rows
    self.columns = columns
  }

  public var count: Int { rows.count * columns.count }
}

/// A matrix cut into square tiles, numbered row by row.
///
/// Of a symmetric matrix only the tiles on and below the diagonal count: tile (r, c) has the number
/// r(r+1)/2 + c.
public struct TileGrid: Equatable, Sendable {
  public let rowCount: Int
  public let columnCount: Int
  public let isSymmetric: Bool
  /// Rows and columns of a tile; those at the end may have fewer.
  public let side: Int

  public init(rows: Int, columns: Int, isSymmetric: Bool, side: Int) {
    precondition(rows > 0 && columns > 0 && side > 0, "an empty grid")
    precondition(!isSymmetric || rows == columns, "a symmetric matrix is square")
    rowCount = rows
    columnCount = columns
    self.isSymmetric = isSymmetric
    self.side = side
  }

  private var bands: Int { (rowCount + side - 1) / side }
  private var stacks: Int { (columnCount + side - 1) / side }
  /// Number of tiles.
  public var count: Int { isSymmetric ? bands * (bands + 1) / 2 : bands * stacks }

  public subscript(index: Int) -> Tile {
    precondition((0..<count).contains(index), "no such tile")
    let (row, column): (Int, Int)
    if isSymmetric {
      // The largest r with r(r+1)/2 ≤ index; the root may be off by one.
      var r = Int((Double(8 * index + 1).squareRoot() - 1) / 2)
      while r * (r + 1) / 2 > index { r -= 1 }
      while (r + 1) * (r + 2) / 2 <= index { r += 1 }
      (row, column) = (r, index - r * (r + 1) / 2)
    } else {
      (row, column) = (index / stacks, index % stacks)
    }
    return Tile(rows: range(row, rowCount), columns: range(column, columnCount))
  }

  private func range(_ index: Int, _ count: Int) -> Range<Int> {
    (index * side)..<min(count, (index + 1) * side)
  }
}

/// One of several shares of a kernel's tiles.
public struct KernelShard: Codable, Equatable, Sendable, CustomStringConvertible {
  /// From 1 to `count`.
  public let index: Int
  public let count: Int

  /// Nil for what is no share.
  public init?(_ index: Int, of count: Int) {
    guard (1...1 << 20).contains(count), (1...count).contains(index) else { return nil }
    self.index = index
    self.count = count
  }

  public var description: String { "\(index)/\(count)" }

  /// Its share of `tiles` tiles: neighbours, and as many as the other shares have, or one more.
  public func tiles(of tiles: Int) -> Range<Int> {
    (tiles * (index - 1) / count)..<(tiles * index / count)
  }
}
