import Compute

/// Where a tile's numbers lie among those of a file: at their rows and columns of the matrix (and, of
/// a symmetric one, mirrored too), or one tile after the other.
struct TileLayout {
  private let grid: TileGrid
  private let entry: [Int]
  private let type: ScalarType
  private let entryBytes: Int
  /// Where each tile of a share begins; nil for a whole matrix.
  private var offsets: [Int: Int]?

  init(_ record: KernelRecord) {
    grid = record.grid
    entry = record.entry
    type = record.type
    entryBytes = record.entryBytes
    guard record.shard != nil else { return }
    var (offsets, next) = ([Int: Int](), 0)
    for index in record.tiles {
      offsets[index] = next
      next += grid[index].count * entryBytes
    }
    self.offsets = offsets
  }

  /// The bytes of a share's tile; nil in a whole matrix, where they lie apart.
  func range(of index: Int) -> Range<Int>? {
    guard let start = offsets?[index] else { return nil }
    return start..<(start + grid[index].count * entryBytes)
  }

  /// Copies a tile's values, [rows, columns, entry], to their places.
  ///
  /// - Returns: bytes of the pages that were touched, at most.
  func store(_ bytes: [UInt8], of index: Int, in data: UnsafeMutableRawBufferPointer) -> Int {
    let tile = grid[index]
    precondition(bytes.count == tile.count * entryBytes, "a whole tile")
    return bytes.withUnsafeBytes { source in
      if let range = range(of: index) {
        UnsafeMutableRawBufferPointer(rebasing: data[range]).copyMemory(from: source)
        return Self.pages(1, of: range.count)
      }
      let (width, stride) = (tile.columns.count * entryBytes, grid.columnCount * entryBytes)
      for row in tile.rows {
        let start = row * stride + tile.columns.lowerBound * entryBytes
        let line = (row - tile.rows.lowerBound) * width
        UnsafeMutableRawBufferPointer(rebasing: data[start..<start + width])
          .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[line..<line + width]))
      }
      let own = Self.pages(tile.rows.count, of: width)
      guard grid.isSymmetric, tile.rows != tile.columns else { return own }
      if type == .float64 {
        mirror(source.bindMemory(to: UInt64.self), tile, data.bindMemory(to: UInt64.self))
      } else {
        mirror(source.bindMemory(to: UInt32.self), tile, data.bindMemory(to: UInt32.self))
      }
      return own + Self.pages(tile.columns.count, of: tile.rows.count * entryBytes)
    }
  }

  /// Bytes of the pages that so many lines of so many bytes lie on, at most.
  private static func pages(_ lines: Int, of bytes: Int) -> Int {
    lines * (bytes / 4096 + 2) * 4096
  }

  /// Values (i, j) to (j, i), their outputs exchanged.
  private func mirror<Word>(
    _ source: UnsafeBufferPointer<Word>, _ tile: Tile, _ data: UnsafeMutableBufferPointer<Word>
  ) {
    let count = entry.reduce(1, *)
    let outputs = entry.count == 2 ? entry[0] : 0
    let order = (0..<count).map { entry.count == 2 ? $0 % outputs * outputs + $0 / outputs : $0 }
    let (height, width) = (tile.rows.count, tile.columns.count)
    // In squares, so that lines of both sides stay in the caches.
    let square = 32
    for top in stride(from: 0, to: height, by: square) {
      for left in stride(from: 0, to: width, by: square) {
        for j in left..<min(width, left + square) {
          let line = (tile.columns.lowerBound + j) * grid.columnCount + tile.rows.lowerBound
          for i in top..<min(height, top + square) {
            let (from, to) = ((i * width + j) * count, (line + i) * count)
            if count == 1 {
              data[to] = source[from]
            } else {
              for e in 0..<count { data[to + order[e]] = source[from + e] }
            }
          }
        }
      }
    }
  }
}
