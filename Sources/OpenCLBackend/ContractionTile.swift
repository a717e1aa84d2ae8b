import Compute

/// The shape in which the device family cuts a contraction: tuning, without influence on bits.
public struct ContractionTile: Sendable, Hashable {
  /// Outputs of a work-group, the depth of its tiles, and outputs of a work-item.
  public var rows: Int
  public var columns: Int
  /// Of float32 elements; half as many of float64 take the same local memory. Nil: 8.
  public var depth: Int?
  public var itemRows: Int
  public var itemColumns: Int
  /// Registers of a float32 work-item, with vector loads, that a compiler which can be told may use;
  /// nil for no limit.
  public var registers: Int?
  /// Whether operands whose rows are aligned are read 16 bytes at a time.
  public var loadsVectors = true

  public init(rows: Int, columns: Int, depth: Int? = nil, itemRows: Int = 8, itemColumns: Int = 8) {
    self.rows = rows
    self.columns = columns
    self.depth = depth
    self.itemRows = itemRows
    self.itemColumns = itemColumns
  }

  /// With at most 128 registers a multiprocessor of 65,536 holds two groups, one of which works while
  /// the other waits at a barrier or folds a chain.
  public static let large = {
    var tile = ContractionTile(rows: 128, columns: 128)
    tile.registers = 128
    return tile
  }()
  public static let small = ContractionTile(rows: 64, columns: 64, itemRows: 4)
  /// For few rows with many columns (small batches), and the other way round (ten classes).
  public static let wide = ContractionTile(rows: 32, columns: 128, depth: 16, itemRows: 4)
  public static let tall = ContractionTile(rows: 128, columns: 32, depth: 16, itemColumns: 4)
  public static let flat = ContractionTile(
    rows: 16, columns: 64, depth: 16, itemRows: 4, itemColumns: 4)
  public static let narrow = ContractionTile(
    rows: 64, columns: 16, depth: 16, itemRows: 4, itemColumns: 4)

  var workItems: Int { (rows / itemRows) * (columns / itemColumns) }

  /// The defines that every program of the tile has.
  func shape(_ type: ScalarType) -> [(name: String, value: Int)] {
    [
      ("TILE_M", rows), ("TILE_N", columns), ("TILE_K", (depth ?? 8) * 4 / type.byteCount),
      ("ITEM_M", itemRows), ("ITEM_N", itemColumns),
    ]
  }

  /// The defines of a program for operands that can be read, and results that can be written, in
  /// vectors.
  func defines(_ vectors: Vectors, type: ScalarType) -> [(name: String, value: Int)] {
    let depth = (depth ?? 8) * 4 / type.byteCount
    var result = shape(type)
    guard loadsVectors else { return result }
    // Addresses of scalar loads need more.
    if let registers, type == .float32, vectors.a, vectors.b {
      result.append((ProgramKey.registerLimit, registers))
    }
    // Every work-item must have something to read.
    func divides(_ lanes: Int) -> Bool { lanes * depth % (workItems * type.vectorWidth) == 0 }
    if vectors.a && divides(rows) { result.append(("A_VECTOR", 1)) }
    if vectors.b && divides(columns) { result.append(("B_VECTOR", 1)) }
    if vectors.c { result.append(("C_VECTOR", 1)) }
    return result
  }
}

extension ContractionTile {
  /// Which matrices of a contraction consist of aligned vectors: neighbours are adjacent, rows
  /// begin at multiples of a vector and have a whole number of them.
  struct Vectors {
    var a: Bool
    var b: Bool
    var c: Bool

    init(_ operation: Contraction) {
      let width = operation.c.type.vectorWidth
      let batch = operation.batch
      func isAligned(_ matrix: Matrix, _ batchStride: Int) -> Bool {
        matrix.columns % width == 0 && matrix.offset % width == 0
          && (matrix.stride % width == 0 || matrix.rows == 1)
          && (batch == 1 || batchStride % width == 0)
      }
      a = isAligned(operation.a, operation.strideA)
      b = isAligned(operation.b, operation.strideB)
      c = isAligned(operation.c, operation.strideC)
    }

    /// With one more matrix that is read as A.
    init(_ operation: JetContraction, with input: Matrix? = nil) {
      let width = operation.center.type.vectorWidth
      func isAligned(_ matrix: Matrix) -> Bool {
        matrix.columns % width == 0 && matrix.offset % width == 0 && matrix.stride % width == 0
      }
      a = isAligned(operation.input.matrix) && (input.map(isAligned) ?? true)
      c = isAligned(operation.output.matrix)
      b =
        isAligned(operation.center) && (operation.displacement.map(isAligned) ?? true)
        && operation.displacementStride % width == 0
    }
  }
}

extension ScalarType {
  /// Elements of 16 bytes.
  var vectorWidth: Int { 16 / byteCount }
}
