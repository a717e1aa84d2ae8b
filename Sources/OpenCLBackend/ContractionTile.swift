/// The shape in which the device family cuts a contraction: tuning, without influence on bits.
public struct ContractionTile: Sendable, Hashable {
  /// Outputs of a work-group, the depth of its tiles, and outputs of a work-item.
  public var rows: Int
  public var columns: Int
  /// Nil for the kernel source's choice.
  public var depth: Int?
  public var itemRows: Int
  public var itemColumns: Int

  public init(rows: Int, columns: Int, depth: Int? = nil, itemRows: Int = 8, itemColumns: Int = 8) {
    self.rows = rows
    self.columns = columns
    self.depth = depth
    self.itemRows = itemRows
    self.itemColumns = itemColumns
  }

  public static let large = ContractionTile(rows: 128, columns: 128)
  public static let small = ContractionTile(rows: 64, columns: 64)

  var workItems: Int { (rows / itemRows) * (columns / itemColumns) }

  var defines: [(name: String, value: Int)] {
    [("TILE_M", rows), ("TILE_N", columns)] + (depth.map { [("TILE_K", $0)] } ?? [])
      + [("ITEM_M", itemRows), ("ITEM_N", itemColumns)]
  }

  /// Large tiles reuse more; small ones give every compute unit work and waste less at edges.
  static func choose(m: Int, n: Int, batch: Int, on device: OpenCLDevice) -> ContractionTile {
    guard m > small.rows, n > small.columns else { return .small }
    let tiles = ((m + 127) / 128) * ((n + 127) / 128) * batch
    return tiles >= 2 * device.computeUnits ? .large : .small
  }
}
