import Compute
import DataSets

extension KernelFile {
  private struct Stop: Error {}

  /// A tile whose values are on their way.
  private struct Arrival {
    let tile: Int
    let download: any Download
  }

  /// Computes the missing tiles and finishes the file.
  ///
  /// Tiles are parts that do not depend on one another, which a backend of several devices spreads.
  ///
  /// - Parameters:
  ///   - pending: tiles whose values may be on their way at once.
  ///   - onProgress: called with the number of tiles that are stored.
  /// - Returns: false if it was told to stop. What was computed is then on the disk.
  public func compute(
    _ kernel: any TiledKernel, on backend: any Backend, pending limit: Int = 2,
    shouldStop: () -> Bool = { false }, onProgress: (_ done: Int) -> Void = { _ in }
  ) throws -> Bool {
    precondition(
      kernel.shape == record.shape && kernel.type == record.type
        && kernel.isSymmetric == record.isSymmetric, "the kernel of the record")
    let (tiles, grid) = (missing, record.grid)
    var done = record.tiles.count - tiles.count
    var arriving: [Arrival] = []
    func storeFirst() throws {
      let first = arriving.removeFirst()
      try store(try first.download.wait(), of: first.tile)
      done += 1
      onProgress(done)
    }
    // Whether it helps to spread parts, a backend may know only after some.
    var (first, count) = (0, 8)
    do {
      while first < tiles.count {
        let part = tiles[first..<min(tiles.count, first + count)]
        try backend.runIndependently(part.count) { index in
          if shouldStop() { throw Stop() }
          let tile = part[part.startIndex + index]
          let values = try kernel.block(rows: grid[tile].rows, columns: grid[tile].columns)
          arriving.append(Arrival(tile: tile, download: try backend.startDownload(values)))
          while arriving.count > limit { try storeFirst() }
        }
        first += count
        count *= 2
      }
      while !arriving.isEmpty { try storeFirst() }
    } catch is Stop {
      try commit()
      return false
    } catch {
      // What is there already is not to be computed again.
      try? commit()
      throw error
    }
    try finish()
    return true
  }

  /// Computes the first row and the first column of a finished kernel again, on which every example
  /// has an influence.
  ///
  /// - Throws: `FileError` if the file has other values.
  public static func check(
    _ argument: ArrayArgument, _ record: KernelRecord, against kernel: any TiledKernel,
    on backend: any Backend
  ) throws {
    guard record.shard == nil else { return }
    let stored = try StoredArray(argument)
    let entry = record.entryBytes
    func check(_ tile: Tile) throws {
      let values = try backend.bytes(of: kernel.block(rows: tile.rows, columns: tile.columns))
      let width = tile.columns.count * entry
      for row in tile.rows {
        let begin = (row * record.shape[1] + tile.columns.lowerBound) * entry
        let line = (row - tile.rows.lowerBound) * width
        guard try stored.bytes(begin..<begin + width) == Array(values[line..<line + width]) else {
          throw FileError(
            path: argument.path, problem: "holds the values of another kernel",
            advice: "choose another --output, or leave --resume out to replace it")
        }
      }
    }
    let grid = record.grid
    for index in 0..<grid.count {
      let tile = grid[index]
      if tile.columns.lowerBound == 0 { try check(Tile(rows: tile.rows, columns: 0..<1)) }
      if tile.rows.lowerBound == 0 && !grid.isSymmetric {
        try check(Tile(rows: 0..<1, columns: tile.columns))
      }
    }
  }
}
