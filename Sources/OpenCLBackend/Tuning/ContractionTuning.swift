import Compute

/// Tuned parameters of one device's contractions in float32: what `bench tune` writes and what a
/// backend reads when it opens the device. Bits do not depend on them.
struct ContractionTuning: Codable, Equatable, Sendable {
  /// A tile of the device family, and what was measured with it.
  struct Tile: Codable, Equatable, Sendable {
    var rows, columns: Int
    /// Nil for the kernel source's choice.
    var depth: Int?
    var itemRows, itemColumns: Int
    var gigaflops: Double
    /// Registers of a work-item where the driver's compiler tells.
    var registers: Int?

    var value: ContractionTile {
      ContractionTile(
        rows: rows, columns: columns, depth: depth, itemRows: itemRows, itemColumns: itemColumns)
    }
  }

  /// A register block of the host family; `speed` is that with it over that without, the geometric
  /// mean over all shapes.
  struct Block: Codable, Equatable, Sendable {
    var rows, vectors, streams: Int
    var speed: Double

    var value: ContractionBlock { ContractionBlock(rows: rows, vectors: vectors, streams: streams) }
  }

  /// Version of the file's form.
  static let currentFormat = 1

  var format = currentFormat
  var device, driver, platform: String
  var computeUnits: Int
  /// Hash of the kernel texts that were tuned: others may run fastest otherwise.
  var kernels: String
  /// By `ContractionClass`; classes that are missing are left to `ContractionTile.choose`.
  var tiles: [String: Tile] = [:]
  var block: Block?

  init(for device: OpenCLDevice) {
    self.device = device.name
    driver = device.driverVersion
    platform = device.platformName
    computeUnits = device.computeUnits
    kernels = Self.kernels
  }

  static let kernels: String = {
    let text = ProgramText()
    let programs = ["contraction", "jet_contraction", "contraction_host"].map(text.program)
    return String(ProgramCache.hash(programs.joined().utf8), radix: 16)
  }()

  /// Whether every number is one that the kernel sources take.
  var isPossible: Bool {
    format == Self.currentFormat && tiles.values.allSatisfy { $0.value.isPossible }
      && tiles.keys.allSatisfy { ContractionClass(rawValue: $0) != nil }
      && block.map { $0.value.isPossible } ?? true
  }

  /// Whether it was made for this device, its driver and these kernels.
  func suits(_ device: OpenCLDevice) -> Bool {
    self.device == device.name && driver == device.driverVersion && platform == device.platformName
      && computeUnits == device.computeUnits && kernels == Self.kernels
  }
}

extension ContractionTuning {
  var tilesByClass: [ContractionClass: ContractionTile] {
    var found: [ContractionClass: ContractionTile] = [:]
    for (name, tile) in tiles { found[ContractionClass(rawValue: name)!] = tile.value }
    return found
  }
}

extension OpenCLBackend {
  /// The tile that was tuned for products like this one, in float32; nil leaves it to the shape.
  func tunedTile(
    m: Int, n: Int, batch: Int, transposeA: Bool, transposeB: Bool, type: ScalarType
  ) -> ContractionTile? {
    guard !tunedTiles.isEmpty, type == .float32,
      let kind = ContractionClass(
        m: m, n: n, batch: batch, transposeA: transposeA, transposeB: transposeB)
    else { return nil }
    return tunedTiles[kind]
  }
}

extension ContractionTile {
  /// Whether contraction_tile.cl has such a tile for float32, vector loads included.
  var isPossible: Bool {
    let depth = depth ?? 8
    guard [rows, columns, depth].allSatisfy({ (4...1024).contains($0) }),
      [itemRows, itemColumns].allSatisfy({ $0 == 4 || $0 == 8 || $0 == 16 }),
      rows % itemRows == 0, columns % itemColumns == 0, 1024 % depth == 0
    else { return false }
    let (itemsM, itemsN) = (rows / itemRows, columns / itemColumns)
    let loads = 4 * itemsM * itemsN
    return (itemsN % 8 == 0 ? itemsM % 4 == 0 : itemsN % 4 == 0 && itemsM % 8 == 0)
      && rows * depth % loads == 0 && columns * depth % loads == 0
  }

  var description: String {
    "\(rows)×\(columns)\(depth.map { "×\($0)" } ?? "") by \(itemRows)×\(itemColumns)"
  }
}

extension ContractionBlock {
  /// Whether contraction_host.cl has such a block.
  var isPossible: Bool {
    (4...16).contains(rows) && (1...4).contains(vectors) && (1...1 << 16).contains(streams)
  }

  var description: String { "\(rows)×\(vectors), \(streams) streams" }
}
