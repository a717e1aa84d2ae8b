/// Parameters that a tuner tries.
enum TuningCandidate {
  /// What is taken without a table.
  case usual
  case tile(ContractionTile)
  case block(ContractionBlock)

  var description: String {
    switch self {
    case .usual: "without a table"
    case .tile(let tile): tile.description
    case .block(let block): block.description
    }
  }

  /// Tiles of the device family whose work-groups and local memory the device has, or three.
  static func tiles(for device: OpenCLDevice, quick: Bool) -> [TuningCandidate] {
    if quick {
      return [
        .tile(ContractionTile(rows: 64, columns: 64)),
        .tile(ContractionTile(rows: 32, columns: 64)),
      ]
    }
    let shapes = [
      (32, 64), (64, 32), (32, 128), (128, 32), (64, 64), (64, 128), (128, 64), (128, 128),
      (64, 256), (256, 64), (128, 256), (256, 128),
    ]
    var candidates: [TuningCandidate] = []
    for (rows, columns) in shapes {
      for (itemRows, itemColumns) in [(8, 8), (4, 8), (8, 4), (4, 4), (16, 8), (8, 16)] {
        for depth in [8, 16, 32] {
          let tile = ContractionTile(
            rows: rows, columns: columns, depth: depth, itemRows: itemRows,
            itemColumns: itemColumns)
          // Two buffers of both tiles, padded.
          let localBytes = 2 * depth * (rows + columns + 8) * 4
          guard tile.isPossible, (32...min(512, device.maximumWorkGroup)).contains(tile.workItems),
            localBytes + 1024 <= device.localMemory
          else { continue }
          candidates.append(.tile(tile))
        }
      }
    }
    return candidates
  }

  /// Register blocks of the host family, with the usual number of streams.
  static func blocks(for device: OpenCLDevice, quick: Bool) -> [TuningCandidate] {
    let usual = ContractionBlock(for: device)
    let shapes =
      quick
      ? [(12, 2), (8, 2)]
      : [(4, 1), (6, 1), (8, 1), (12, 1), (6, 2), (8, 2), (12, 2), (14, 2), (8, 3), (6, 4)]
    return shapes.map { rows, vectors in
      .block(ContractionBlock(rows: rows, vectors: vectors, streams: usual.streams))
    }
  }

  /// The same block with other numbers of streams.
  static func streams(of block: ContractionBlock, on device: OpenCLDevice) -> [TuningCandidate] {
    [1, 2, 8].map { streams in
      .block(
        ContractionBlock(
          rows: block.rows, vectors: block.vectors, streams: streams * device.computeUnits))
    }
  }
}
