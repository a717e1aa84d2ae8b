import Compute
import Kernels

/// The register block of the host family (contraction_host.cl): tuning, without influence on bits.
struct ContractionBlock {
  var rows: Int
  /// Vectors of 64 bytes in a row.
  var vectors: Int
  /// Work-items that pack B while they multiply, where there are columns enough for all of them.
  var streams: Int

  init(rows: Int, vectors: Int, streams: Int) {
    self.rows = rows
    self.vectors = vectors
    self.streams = streams
  }

  /// What fits in 32 registers of 512 bits, or in 16 of 256.
  init(for device: OpenCLDevice) {
    (rows, vectors) = device.nativeVectorWidth >= 16 ? (12, 2) : (6, 1)
    streams = Self.streamsPerUnit * device.computeUnits
  }

  func columns(elementBytes: Int) -> Int { vectors * 64 / elementBytes }

  var defines: [(name: String, value: Int)] { [("BLOCK_ROWS", rows), ("BLOCK_VECTORS", vectors)] }

  /// Depth that one work-item packs.
  static let packingDepth = Int(CONTRACTION_PACKING_DEPTH)
  /// Row panels that are multiplied with all of B before the next ones.
  static let groupPanels = Int(CONTRACTION_GROUP_PANELS)
  private static let streamsPerUnit = 4

  /// Panels of A for m rows, and groups of them.
  func panels(_ m: Int) -> (count: Int, groups: Int) {
    let count = (m + rows - 1) / rows
    return (count, (count + Self.groupPanels - 1) / Self.groupPanels)
  }
}

extension ContractionBlock {
  /// The packed copies of a contraction's operands.
  struct Packing {
    /// Panels of A and B, and groups of A's.
    let rowPanels, groups, columnPanels: Int
    let matricesA, matricesB: Int
    /// Work-items of contraction_stream; nil if B is packed as a whole.
    let streams: Int?
    /// Elements of the copies.
    let countA, countB: Int
  }

  func packing(_ operation: Contraction) -> Packing {
    let columns = columns(elementBytes: operation.c.type.byteCount)
    let (rowPanels, groups) = panels(operation.m)
    let columnPanels = (operation.n + columns - 1) / columns
    // A shared operand is packed once.
    let matricesA = operation.strideA == 0 ? 1 : operation.batch
    let matricesB = operation.strideB == 0 ? 1 : operation.batch
    // Worth it where no panel of B is needed twice, and where the columns occupy the device.
    let isStreamed =
      operation.k > 0 && groups == 1 && matricesB == operation.batch
      && columnPanels * operation.batch >= streams
    let countB =
      isStreamed
      ? streams * columns * min(operation.k, Int(MACLAURIN_CHAIN))
      : matricesB * columnPanels * columns * operation.k
    return Packing(
      rowPanels: rowPanels, groups: groups, columnPanels: columnPanels, matricesA: matricesA,
      matricesB: matricesB, streams: isStreamed ? streams : nil,
      countA: matricesA * rowPanels * rows * operation.k, countB: countB)
  }
}

extension OpenCLDevice {
  /// Elements that a contraction takes from the memory pool while it runs, besides its operands:
  /// the host family's packed copies, the device family's split chains.
  public func workspaceCount(_ operation: Contraction, family: KernelFamily) -> Int {
    guard operation.m > 0, operation.n > 0 else { return 0 }
    if family == .device {
      var part = operation
      part.batch = min(part.batch, OpenCLSession.groupLimit)
      return layout(part).workspaceCount(m: part.m, n: part.n, batch: part.batch)
    }
    let block = TuningCache.block(of: self)
    var part = operation
    part.batch = min(
      part.batch, max(1, OpenCLSession.groupLimit / block.panels(operation.m).groups))
    let packing = block.packing(part)
    return packing.countA + packing.countB
  }
}
