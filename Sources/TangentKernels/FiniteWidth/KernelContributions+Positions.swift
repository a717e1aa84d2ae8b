import Compute
import Jets
import Networks

/// From products of positions:
///
///     Z_ij = (δ_i δ′_jᵀ) ∘ S_ij,   S_ij = m² ŷ_{i−1} ŷ′_{j−1}ᵀ + m_b²[i = j = 1],
///
/// summed over an example's positions, first down and then across, and the other way round; the mean of
/// the two does not change where the two sides are exchanged. Terms (i, j) and (j, i) are added before
/// they are added to Θ, for the same reason.
extension KernelContributions {
  func addPositions(_ gradient: AffineGradient, _ rows: LayerRows) throws {
    let terms = try PositionTerms(self, gradient, rows)
    let pairs = (1...rows.degree).flatMap { i in (i...rows.degree).map { (i, $0) } }
    for tile in terms.tiles {
      for (i, j) in pairs {
        let term = try terms.term(i, j, tile)
        if i != j {
          try backend.run(
            .linearCombination(LinearCombination(term, 1, try terms.term(j, i, tile), 1, term)))
        }
        try add(term, tile)
      }
    }
  }

  /// Adds [pairs, rows·n2] where the rows of some of the first side's examples are.
  private func add(_ term: Matrix, _ tile: Range<Int>) throws {
    if tile.count == first.count {
      return try backend.run(.linearCombination(LinearCombination(sum, 1, term, 1, sum)))
    }
    let width = second.count
    for pair in 0..<outputs.count {
      let target = sum.slice(
        at: pair * sum.columns + tile.lowerBound * width, rows: tile.count, columns: width)
      let part = term.slice(
        at: pair * term.columns, rows: tile.count, columns: width)
      try backend.run(.linearCombination(LinearCombination(target, 1, part, 1, target)))
    }
  }
}

/// The terms of one layer.
private struct PositionTerms {
  let sink: KernelContributions
  let gradient: AffineGradient
  let rows: LayerRows
  /// ŷ_{i−1} of all examples, [n·positions, columns].
  private var inputs: [Matrix] = []
  /// [positions, 1] of ones; nil for one position.
  private let ones: Matrix?
  /// Examples of the first side that are done at a time, counted from its first one.
  let tiles: [Range<Int>]

  private var backend: any Backend { sink.backend }
  private var outputs: OutputPairs { sink.outputs }
  private var type: ScalarType { sink.type }
  private var positions: Int { rows.positions }

  init(_ sink: KernelContributions, _ gradient: AffineGradient, _ rows: LayerRows) throws {
    self.sink = sink
    self.gradient = gradient
    self.rows = rows
    let cells = rows.positions * rows.positions * sink.second.count * sink.outputs.outputs
    let size = min(
      sink.first.count,
      max(1, KernelContributions.temporaryBytes / (cells * sink.type.byteCount)))
    tiles = stride(from: 0, to: sink.first.count, by: size).map {
      $0..<min(sink.first.count, $0 + size)
    }
    ones =
      rows.positions == 1
      ? nil
      : try sink.backend.matrix(
        rows.positions, 1, sink.type, [Double](repeating: 1, count: rows.positions))
    guard gradient.weight != nil else { return }
    inputs = try (0..<rows.degree).map { try sink.unfolded(gradient, coefficient: $0) }
  }

  /// Z_ij summed over positions: [pairs, tile·n2].
  func term(_ i: Int, _ j: Int, _ tile: Range<Int>) throws -> Matrix {
    let (p, width) = (positions, sink.second.count)
    let left = range(tile.lowerBound + sink.first.lowerBound, tile.count)
    let right = range(sink.second.lowerBound, width)
    let weights = try self.weights(i, j, left, right)
    let result = try backend.matrix(outputs.count, tile.count * width, type)
    let (a, b) = (rows.of(i).rows(left), rows.of(j).rows(right))
    let size = left.count * right.count
    // One position: products are made where they stay.
    let space = try p == 1 ? result : backend.matrix(outputs.outputs, size, type)
    for run in outputs.runs {
      let place = p == 1 ? run.pair * size : 0
      let products = space.slice(at: place, rows: run.count * left.count, columns: right.count)
      try backend.run(
        .contraction(
          run.contraction(
            a, b, into: products.rows(0..<left.count), size: size)))
      try sink.multiply(products, by: weights, directions: run.count)
      guard p > 1 else { continue }
      let sums = result.slice(
        at: run.pair * result.columns, rows: run.count * tile.count, columns: width)
      try sumPositions(products, into: sums)
    }
    return result
  }

  /// S_ij
  private func weights(
    _ i: Int, _ j: Int, _ left: Range<Int>, _ right: Range<Int>
  ) throws -> Matrix {
    let weights = try backend.matrix(left.count, right.count, type)
    let hasBias = gradient.bias != nil && i == 1 && j == 1
    let (m, b) = (gradient.factors.weight, gradient.factors.bias)
    if hasBias || inputs.isEmpty {
      try backend.run(.fill(Fill(weights, value: hasBias ? b * b : 0)))
    }
    guard !inputs.isEmpty else { return weights }
    try backend.run(
      .contraction(
        Contraction(
          inputs[i - 1].rows(left), inputs[j - 1].rows(right), into: weights, transposeB: true,
          alpha: m * m, beta: hasBias ? 1 : 0)))
    return weights
  }

  /// The mean of both orders of summation.
  private func sumPositions(_ products: Matrix, into sums: Matrix) throws {
    guard let ones else { return }
    let (p, width, count) = (positions, sums.columns, sums.rows)
    // Down, then across.
    let down = try backend.matrix(count, width * p, type)
    try sumDown(products, into: down)
    try backend.run(
      .contraction(
        Contraction(
          down.reshaped(rows: count * width, columns: p), ones,
          into: sums.reshaped(rows: count * width, columns: 1), alpha: 0.5)))
    // Across, then down.
    let across = try backend.matrix(count * p, width, type)
    try backend.run(
      .contraction(
        Contraction(
          products.reshaped(rows: count * p * width, columns: p), ones,
          into: across.reshaped(rows: count * p * width, columns: 1), alpha: 0.5)))
    let other = try backend.matrix(count, width, type)
    try sumDown(across, into: other)
    try backend.run(.linearCombination(LinearCombination(sums, 1, other, 1, sums)))
  }

  /// Sums of every `positions` rows.
  private func sumDown(_ x: Matrix, into sums: Matrix) throws {
    try backend.run(
      .columnSums(
        ColumnSums(
          of: x.rows(0..<positions), into: sums.rows(0..<1), batch: sums.rows,
          strideX: positions * x.columns, strideSums: x.columns)))
  }

  private func range(_ example: Int, _ count: Int) -> Range<Int> {
    (example * positions)..<((example + count) * positions)
  }
}

extension KernelContributions {
  /// One coefficient of a layer's input as it meets the weights, of each example once:
  /// [n·positions, columns].
  func unfolded(_ gradient: AffineGradient, coefficient: Int) throws -> Matrix {
    let x = gradient.input[coefficient]
    let rows = isReplicated ? x.rows / outputs.outputs : x.rows
    let input = x.rows(0..<rows)
    guard let geometry = gradient.geometry, !geometry.isPointwise else { return input }
    let count = rows / geometry.input.count * geometry.output.count
    let patches = try backend.matrix(count, geometry.patchCount, type)
    try backend.run(.unfold(Unfold(patches, from: input, geometry)))
    return patches
  }
}
