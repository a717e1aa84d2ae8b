import Compute

/// How the device family lays out a contraction: its tile, and whether work-groups share the chains
/// of one tile. A pure function of shape and device, without influence on bits.
struct ContractionLayout: Equatable {
  var tile: ContractionTile
  /// Chains whose sums one launch leaves in a workspace; nil: each work-group folds its own.
  var chains: Int?

  /// Elements of the workspace.
  func workspaceCount(m: Int, n: Int, batch: Int) -> Int { (chains ?? 0) * m * n * batch }
}

extension ContractionLayout {
  /// The layout that a simple model of a GPU finds fastest.
  ///
  /// A compute unit does its share of the work-groups, g = ⌈groups / units⌉. One step in k costs a
  /// group rows·columns products, more where work-items have few outputs and wait for local memory
  /// (they read ITEM_M + ITEM_N elements for ITEM_M·ITEM_N products, and local memory delivers one
  /// for four products), and 8 products' time for every element that it loads. Fewer than 256
  /// work-items on a unit do not hide latencies. Large tiles reuse most, small ones give every unit work
  /// and waste less at edges. Where even small tiles are too few and there are several chains, these
  /// are computed at the same time: as many as fill the device twice, so that the workspace has a
  /// bound that does not depend on k.
  ///
  /// Products of less than 2^17 multiplications take one scalar program: none of them takes long, and
  /// each further program has to be compiled.
  ///
  /// - Parameter hasVectors: whether A and B are read in vectors; otherwise wide and tall tiles
  ///   would need too many registers for addresses.
  static func choose(
    m: Int, n: Int, k: Int, batch: Int, hasVectors: Bool, units: Int
  ) -> ContractionLayout {
    var best = ContractionLayout(tile: .small)
    if Double(m) * Double(n) * Double(k) * Double(batch) < 0x1p17 {
      best.tile.loadsVectors = false
      return best
    }
    var shortest = Double.infinity
    let tiles: [ContractionTile] =
      hasVectors
      ? [.large, .small, .wide, .tall, .flat, .narrow] : [.large, .small, .flat, .narrow]
    let chainLength = Contraction.chainLength
    let allChains = (k + chainLength - 1) / chainLength
    for tile in tiles {
      let groups =
        ((m + tile.rows - 1) / tile.rows) * ((n + tile.columns - 1) / tile.columns)
        * batch
      let time = tile.time(groups: groups, units: units) * Double(k) + launch
      if time < shortest { (best, shortest) = (ContractionLayout(tile: tile), time) }
      guard allChains > 1 else { continue }
      let wanted = max(1, units * max(1, 512 / tile.workItems) / groups)
      let rounds = (allChains + wanted - 1) / wanted
      let chains = (allChains + rounds - 1) / rounds
      guard chains > 1, chains * batch <= OpenCLSession.groupLimit else { continue }
      // Sums are written and read once; a fold reads 16 of them in the time of one trip to memory.
      let sums = Double(m * n * batch) * Double(allChains) / Double(units)
      let splitTime =
        tile.time(groups: groups * chains, units: units) * Double(rounds * chainLength)
        + Double(rounds) * (2 * launch + Double((chains + 15) / 16) * trip) + 32 * sums
      if splitTime < shortest {
        (best, shortest) = (ContractionLayout(tile: tile, chains: chains), splitTime)
      }
    }
    return best
  }

  /// The time of 128 products per clock, at 1.8 GHz for 2 µs, and for one trip to memory.
  private static let launch = 0x1p19
  private static let trip = 0x1p17
}

extension ContractionTile {
  /// Of one step in k, in products of a compute unit.
  fileprivate func time(groups: Int, units: Int) -> Double {
    let share = Double((groups + units - 1) / units)
    let (reads, products) = (Double(itemRows + itemColumns), Double(itemRows * itemColumns))
    let work =
      Double(rows * columns) * max(1, 4 * reads / products) + 8 * Double(rows + columns)
    return share * work / min(1, share * Double(workItems) / 256)
  }
}

extension OpenCLBackend {
  func layout(_ operation: Contraction) -> ContractionLayout {
    if let tile = contractionTile {
      return ContractionLayout(
        tile: tile,
        chains: contractionChains.flatMap { operation.k > Contraction.chainLength ? $0 : nil })
    }
    // A tile that was tuned takes the place of the model's, where chains are not split.
    var layout = device.layout(operation)
    if layout.chains == nil,
      let tile = tunedTile(
        m: operation.m, n: operation.n, batch: operation.batch, transposeA: operation.transposeA,
        transposeB: operation.transposeB, type: operation.c.type)
    {
      layout.tile = tile
    }
    return layout
  }
}

extension OpenCLDevice {
  func layout(_ operation: Contraction) -> ContractionLayout {
    let vectors = ContractionTile.Vectors(operation)
    return .choose(
      m: operation.m, n: operation.n, k: operation.k, batch: operation.batch,
      hasVectors: vectors.a && vectors.b, units: computeUnits)
  }
}
