import Compute

/// What computing a kernel in tiles will need, found by computing tiles on a backend that only counts.
public struct KernelPlan {
  /// What one tile needs.
  public struct TileCost: Sendable, Equatable {
    public var side: Int
    /// Rows, or columns, that there are of it at most.
    public var lines: Int
    /// The high-water mark of a backend's pool, with what the kernel holds all the time.
    public var peakBytes: Int
    /// Bytes of the largest single piece of memory.
    public var largestBuffer: Int
    /// Bytes of its values.
    public var bytes: Int
    public var flops: Double
    /// Of examples.
    public var pairs: Int
  }

  /// The kernel, on the backend that counts.
  public let kernel: any TiledKernel
  private let backend: NullBackend
  private let setupFlops: Double

  /// - Parameters:
  ///   - workspace: what the backend takes besides.
  ///   - make: makes the kernel on a backend.
  public init(
    workspace: Workspace = Workspace(), _ make: (any Backend) throws -> any TiledKernel
  ) throws {
    backend = NullBackend(workspace: workspace)
    kernel = try make(backend)
    setupFlops = backend.cost.flops
  }

  /// What the largest tile of a size needs. Sizes must be asked for in ascending order.
  public func cost(side: Int) throws -> TileCost {
    let (rows, columns) = (min(side, kernel.rowCount), min(side, kernel.columnCount))
    let before = backend.cost.flops
    // Apart from the diagonal, where there is room.
    let last = kernel.columnCount
    try run(Tile(rows: 0..<rows, columns: (last - columns)..<last))
    let statistics = backend.statistics
    return TileCost(
      side: side, lines: max(rows, columns), peakBytes: statistics.peakBytes,
      largestBuffer: backend.largestBuffer,
      bytes: rows * columns * kernel.entryCount * kernel.type.byteCount,
      flops: backend.cost.flops - before, pairs: rows * columns)
  }

  /// A tile does not get larger than these flops, a second's work at 100 GFLOP/s, unless that saves work;
  static let usualFlops = 1e11
  /// and in no case larger than these,
  static let mostFlops = 1e13
  /// nor than these bytes of values.
  static let mostBytes = 8 << 20

  /// The largest tile, of a power of 2, that `fits`, and that is not so large that progress and
  /// journal become needlessly coarse.
  ///
  /// - Returns: what it costs; nil if not even one pair of examples fits.
  public func largestTile(_ fits: (TileCost) -> Bool) throws -> TileCost? {
    var best: TileCost?
    var side = 1
    while true {
      let cost = try cost(side: side)
      guard fits(cost) else { return best }
      if let best {
        let saves = cost.flops / Double(cost.pairs) < 0.9 * best.flops / Double(best.pairs)
        guard cost.bytes <= Self.mostBytes,
          cost.flops <= (saves ? Self.mostFlops : Self.usualFlops)
        else { return best }
      }
      best = cost
      if side >= max(kernel.rowCount, kernel.columnCount) { return best }
      side *= 2
    }
  }

  /// Flops of making the kernel and of some of a grid's tiles.
  public func flops(_ grid: TileGrid, _ tiles: Range<Int>) throws -> Double {
    try setupFlops
      + Self.total(grid, tiles) { tile in
        let start = backend.cost.flops
        try run(tile)
        return backend.cost.flops - start
      }
  }

  /// The sum over some of a grid's tiles of what `measure` finds, which is asked once for tiles of one
  /// shape.
  public static func total(
    _ grid: TileGrid, _ tiles: Range<Int>, _ measure: (Tile) throws -> Double
  ) rethrows -> Double {
    var known: [[Int]: Double] = [:]
    var sum = 0.0
    for index in tiles {
      let tile = grid[index]
      let isDiagonal = grid.isSymmetric && tile.rows == tile.columns
      let shape = [tile.rows.count, tile.columns.count, isDiagonal ? 1 : 0]
      if let value = known[shape] {
        sum += value
      } else {
        let value = try measure(tile)
        known[shape] = value
        sum += value
      }
    }
    return sum
  }

  private func run(_ tile: Tile) throws {
    _ = try kernel.block(rows: tile.rows, columns: tile.columns)
  }
}
