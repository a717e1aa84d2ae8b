import Compute

/// Blocks of a kernel at infinite width between two sets of examples.
///
/// A block is computed in tiles as large as suits the device. Every number has operations of its own
/// that depend on its two examples alone, so cuts do not change a bit. Between examples and themselves
/// the number of (i, j), i > j, is that with i for the row; that of (j, i) is copied from it: sums over
/// one image's positions and then over the other's are not symmetric to the last bit.
final class KernelBlocks {
  private let kernel: InfiniteWidthKernel
  private let x1: [Double]
  private let x2: [Double]?
  private let type: ScalarType
  private let backend: any Backend
  /// The examples of the last rows and the last columns.
  private var known:
    [(axis: Int, range: Range<Int>, wantsTangent: Bool, examples: KernelExamples)] = []
  private(set) var error = QuadratureError()

  init(
    _ kernel: InfiniteWidthKernel, _ x1: [Double], _ x2: [Double]?, _ type: ScalarType,
    on backend: any Backend
  ) {
    let features = kernel.inputCount
    precondition(x1.count % features == 0 && (x2?.count ?? 0) % features == 0, "rows of inputs")
    (self.kernel, self.x1, self.x2) = (kernel, x1, x2)
    (self.type, self.backend) = (type, backend)
  }

  var rowCount: Int { x1.count / kernel.inputCount }
  var columnCount: Int { (x2 ?? x1).count / kernel.inputCount }

  /// The block of some rows and columns, [rows, columns] of each kind.
  func block(
    _ kinds: [KernelKind], rows: Range<Int>, columns: Range<Int>
  ) throws -> [Matrix] {
    let wantsTangent = kinds.contains(.ntk)
    let work = Block(
      kinds: kinds, rows: rows, columns: columns,
      results: try kinds.map { _ in try backend.matrix(rows.count, columns.count, type) },
      rowExamples: try examples(0, rows, wantsTangent),
      columnExamples: try examples(x2 == nil ? 0 : 1, columns, wantsTangent),
      shape: shape(rows.count, columns.count, wantsTangent))
    guard x2 == nil else {
      for part in Self.tiles(rows, work.shape.rows) {
        for other in Self.tiles(columns, work.shape.columns) {
          try compute(work, part, other, .same)
        }
      }
      return work.results
    }
    // Parts of rows against parts of columns that are all of equal, or all before or behind them.
    let first = max(rows.lowerBound, columns.lowerBound)
    let common = first..<max(first, min(rows.upperBound, columns.upperBound))
    for part in Self.cut(rows, by: common) {
      for other in Self.cut(columns, by: common) {
        try computeSymmetric(work, part, other)
      }
    }
    return work.results
  }

  /// What all tiles of a block share.
  private struct Block {
    let kinds: [KernelKind]
    let rows: Range<Int>
    let columns: Range<Int>
    let results: [Matrix]
    let rowExamples: KernelExamples
    let columnExamples: KernelExamples
    let shape: (rows: Int, columns: Int, scratch: KernelScratch)
  }

  /// About square, so that few examples serve many pairs.
  private func shape(
    _ rows: Int, _ columns: Int, _ wantsTangent: Bool
  ) -> (rows: Int, columns: Int, scratch: KernelScratch) {
    let cells = kernel.program.mostCells
    let pairs = max(1, InfiniteWidthKernel.tileCells(type, backend) / cells)
    let side = max(1, Int(Double(pairs).squareRoot()))
    var width = min(max(1, columns), side)
    let height = min(max(1, rows), max(1, pairs / width))
    width = min(max(1, columns), max(1, pairs / height))
    let scratch = KernelScratch(
      backend, type, capacity: height * width * cells * (wantsTangent ? 2 : 1))
    return (height, width, scratch)
  }

  /// About equal parts of at most `size`.
  private static func tiles(_ range: Range<Int>, _ size: Int) -> [Range<Int>] {
    guard !range.isEmpty else { return [] }
    let count = (range.count + size - 1) / size
    return (0..<count).map { index in
      range.lowerBound + range.count * index / count..<range.lowerBound + range.count * (index + 1)
        / count
    }
  }

  /// What lies before, within and behind `common`.
  private static func cut(_ range: Range<Int>, by common: Range<Int>) -> [Range<Int>] {
    guard !common.isEmpty else { return [range] }
    return [
      range.lowerBound..<common.lowerBound, common, common.upperBound..<range.upperBound,
    ].filter { !$0.isEmpty }
  }

  private func computeSymmetric(
    _ work: Block, _ rows: Range<Int>, _ columns: Range<Int>
  ) throws {
    let size = min(work.shape.rows, work.shape.columns)
    guard rows != columns else {
      let parts = Self.tiles(rows, size)
      for (index, part) in parts.enumerated() {
        for other in parts[..<index] { try compute(work, part, other, .both) }
        try compute(work, part, part, .mirrored)
      }
      return
    }
    let isBelow = rows.lowerBound >= columns.upperBound
    for part in Self.tiles(rows, work.shape.rows) {
      for other in Self.tiles(columns, work.shape.columns) {
        if isBelow {
          try compute(work, part, other, .same)
        } else {
          try compute(work, other, part, .transposed)
        }
      }
    }
  }

  // MARK: Tiles

  /// Where a tile goes in its block.
  private enum Target {
    /// There.
    case same
    /// Rows are the block's columns.
    case transposed
    /// Both.
    case both
    /// There; above the diagonal what is below.
    case mirrored
  }

  private func compute(
    _ work: Block, _ rows: Range<Int>, _ columns: Range<Int>, _ target: Target
  ) throws {
    // Which of the block's sides has the tile's rows; those of a diagonal part are on both.
    let swaps = target == .transposed
    let (first, firstRange) =
      swaps ? (work.columnExamples, work.columns) : (work.rowExamples, work.rows)
    let (second, secondRange) =
      swaps ? (work.rowExamples, work.rows) : (work.columnExamples, work.columns)
    func inside(_ range: Range<Int>, _ whole: Range<Int>) -> Range<Int> {
      range.lowerBound - whole.lowerBound..<range.upperBound - whole.lowerBound
    }
    let (rowPart, columnPart) = (inside(rows, firstRange), inside(columns, secondRange))
    let scratch = work.shape.scratch
    let evaluation = KernelEvaluation(
      backend: backend, scratch: scratch, rows: rows.count, columns: columns.count,
      pairing: .grid, wantsTangent: work.kinds.contains(.ntk)
    ) { slot, _, _ in
      KernelFunctionInputs(
        rows: first.side(slot, rowPart), columns: second.side(slot, columnPart))
    }
    var tile = try evaluation.start(
      kernel.program, first.inputs(rowPart), second.inputs(columnPart))
    try evaluation.run(kernel.program.steps, &tile)
    for (kind, result) in zip(work.kinds, work.results) {
      guard let values = kind == .nngp ? tile.nngp : tile.ntk else {
        preconditionFailure("a network with a dense layer or a convolution has a tangent kernel")
      }
      let x = values.reshaped(rows: rows.count, columns: columns.count)
      func put(_ rows: Range<Int>, _ columns: Range<Int>, _ form: MatrixCopy.Form) throws {
        let (i, j) = (inside(rows, work.rows), inside(columns, work.columns))
        let place = Matrix(
          result.buffer, offset: result.offset + i.lowerBound * result.stride + j.lowerBound,
          rows: i.count, columns: j.count, stride: result.stride)
        try backend.run(.matrixCopy(MatrixCopy(place, from: x, form)))
      }
      if target == .mirrored { try put(rows, columns, .mirrored) }
      if target == .same || target == .both { try put(rows, columns, .same) }
      if target == .transposed || target == .both { try put(columns, rows, .transposed) }
    }
    scratch.give(tile.memory)
  }

  // MARK: Examples

  /// The examples of a range of x1 (axis 0) or x2, measured once while they stay in use.
  private func examples(
    _ axis: Int, _ range: Range<Int>, _ wantsTangent: Bool
  ) throws -> KernelExamples {
    if let index = known.firstIndex(where: {
      $0.axis == axis && $0.range == range && ($0.wantsTangent || !wantsTangent)
    }) {
      // Last used, last.
      known.append(known.remove(at: index))
      return known[known.count - 1].examples
    }
    // The older of two goes before the new one comes.
    if known.count > 1 { known.removeFirst() }
    let examples = try KernelExamples(
      axis == 0 ? x1 : x2 ?? x1, range, kernel, wantsTangent: wantsTangent, type, on: backend)
    error.include(examples.error)
    known.append((axis, range, wantsTangent, examples))
    return examples
  }
}
