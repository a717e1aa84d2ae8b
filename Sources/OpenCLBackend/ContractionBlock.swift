import Kernels

/// The register block of the host family (contraction_host.cl): tuning, without influence on bits.
struct ContractionBlock {
  var rows: Int
  /// Vectors of 64 bytes in a row.
  var vectors: Int

  init(rows: Int, vectors: Int) {
    self.rows = rows
    self.vectors = vectors
  }

  /// What fits in 32 registers of 512 bits, or in 16 of 256.
  init(for device: OpenCLDevice) {
    (rows, vectors) = device.nativeVectorWidth >= 16 ? (8, 2) : (6, 1)
  }

  func columns(elementBytes: Int) -> Int { vectors * 64 / elementBytes }

  var defines: [(name: String, value: Int)] { [("BLOCK_ROWS", rows), ("BLOCK_VECTORS", vectors)] }

  /// Depth that one work-item packs.
  static let packingDepth = Int(CONTRACTION_PACKING_DEPTH)
  /// Row panels that are multiplied with all of B before the next ones.
  static let groupPanels = Int(CONTRACTION_GROUP_PANELS)

  /// Panels of A for m rows, and groups of them.
  func panels(_ m: Int) -> (count: Int, groups: Int) {
    let count = (m + rows - 1) / rows
    return (count, (count + Self.groupPanels - 1) / Self.groupPanels)
  }
}
