import Compute

/// Inner products of vectors on a back end, in Double on the host.
///
/// A sum runs in pieces of 2^16 elements by the canonical order of contractions; the pieces are added
/// on the host in ascending order, so that results have the same bits everywhere.
package struct DeviceVectors {
  let backend: any Backend
  private static let piece = 1 << 16

  package init(_ backend: any Backend) { self.backend = backend }

  /// ⟨row_i, v⟩ for the rows of a matrix, [r, n], and v, 1×n. Waits.
  func products(_ rows: Matrix, _ v: Matrix) throws -> [Double] {
    let count = rows.rows
    let partial = try backend.matrix(Self.pieces(v.columns), count, v.type)
    try start(rows, v, into: partial)
    let values = try backend.download(partial)
    return (0..<count).map { row in
      stride(from: row, to: values.count, by: count).reduce(0.0) { $0 + values[$1] }
    }
  }

  /// ⟨a_i, b_i⟩ for the rows of two matrices, [r, n] each. Waits once.
  package func rowProducts(_ a: Matrix, _ b: Matrix) throws -> [Double] {
    let pieces = Self.pieces(a.columns)
    let partial = try backend.matrix(a.rows * pieces, 1, a.type)
    for row in 0..<a.rows {
      try start(
        a.rows(row..<(row + 1)), b.rows(row..<(row + 1)),
        into: partial.rows((row * pieces)..<((row + 1) * pieces)))
    }
    let values = try backend.download(partial)
    return (0..<a.rows).map { row in
      values[(row * pieces)..<((row + 1) * pieces)].reduce(0, +)
    }
  }

  private static func pieces(_ width: Int) -> Int { (width + piece - 1) / piece }

  /// partial ← ⟨row_i, v⟩ of every piece, [pieces, r].
  private func start(_ rows: Matrix, _ v: Matrix, into partial: Matrix) throws {
    let (count, width) = (rows.rows, v.columns)
    let whole = width / Self.piece
    let pieces = Self.pieces(width)
    func run(from first: Int, columns: Int, batch: Int) throws {
      let part = Matrix(
        rows.buffer, offset: rows.offset + first * Self.piece, rows: count, columns: columns,
        stride: rows.stride)
      let vector = v.slice(at: first * Self.piece, rows: 1, columns: columns)
      try backend.run(
        .contraction(
          Contraction(
            part, vector, into: partial.slice(at: first * count, rows: count, columns: 1),
            transposeB: true, batch: batch, strideA: Self.piece, strideB: Self.piece,
            strideC: count)))
    }
    if whole > 0 { try run(from: 0, columns: Self.piece, batch: whole) }
    if pieces > whole { try run(from: whole, columns: width - whole * Self.piece, batch: 1) }
  }

  /// ⟨a, b⟩, 1×n each. Waits.
  func product(_ a: Matrix, _ b: Matrix) throws -> Double { try products(a, b)[0] }

  /// target ← a·x + b·y (or a·x).
  package func combine(
    _ target: Matrix, _ a: Double, _ x: Matrix, _ b: Double = 1, _ y: Matrix? = nil
  ) throws {
    try backend.run(.linearCombination(LinearCombination(target, a, x, b, y)))
  }
}

/// Orthonormal rows of length n that grow in number, in pieces of memory of a few rows each.
final class OrthonormalBasis {
  private let vectors: DeviceVectors
  private let dimension: Int
  private let type: ScalarType
  private var blocks: [Matrix] = []
  private(set) var count = 0
  private static let blockRows = 16

  init(_ dimension: Int, _ type: ScalarType, on backend: any Backend) {
    vectors = DeviceVectors(backend)
    self.dimension = dimension
    self.type = type
  }

  subscript(row: Int) -> Matrix {
    let (block, index) = row.quotientAndRemainder(dividingBy: Self.blockRows)
    return blocks[block].rows(index..<(index + 1))
  }

  /// A row more, with the content a·x.
  func append(_ a: Double, _ x: Matrix) throws {
    if count == blocks.count * Self.blockRows {
      blocks.append(
        try vectors.backend.matrix(min(Self.blockRows, dimension), dimension, type))
    }
    count += 1
    try vectors.combine(self[count - 1], a, x)
  }

  private func filled(_ block: Int) -> Matrix {
    blocks[block].rows(0..<min(blocks[block].rows, count - block * Self.blockRows))
  }

  private var filledBlocks: Range<Int> { 0..<(count + Self.blockRows - 1) / Self.blockRows }

  /// w ← w − QᵀQw; the coefficients Qw.
  func removeComponents(from w: Matrix) throws -> [Double] {
    let coefficients = try filledBlocks.flatMap { try vectors.products(filled($0), w) }
    try addCombination(coefficients.map { -$0 }, to: w, beta: 1)
    return coefficients
  }

  /// target ← β·target + Σ_i c_i q_i over the rows from `first` on.
  func addCombination(
    _ coefficients: [Double], to target: Matrix, beta: Double
  ) throws {
    let backend = vectors.backend
    let row = try backend.matrix(1, coefficients.count, type, coefficients)
    for block in filledBlocks {
      let rows = filled(block)
      try backend.run(
        .contraction(
          Contraction(
            row.slice(at: block * Self.blockRows, rows: 1, columns: rows.rows), rows, into: target,
            beta: block == 0 ? beta : 1)))
    }
  }
}
