import Compute
import Jets
import Networks

/// From weight gradients: those of every output and example, of some output channels at a time,
///
///     g_o(x) = Σ_i Σ_p δ_io(p) ŷ_{i−1}(p)ᵀ,   Θ += m² ⟨g_o(x), g_o′(x′)⟩.
///
/// Unfolded inputs exist for as many examples at a time as fit into `workspaceBytes`. Channels are cut
/// by the layer's shape alone (`LayerCost.slice`), because where a sum is cut is part of its order.
extension KernelContributions {
  func addGradients(
    _ gradient: AffineGradient, _ geometry: ConvolutionGeometry, _ rows: LayerRows
  ) throws {
    let channels = gradient.cotangent.columns
    let cost = LayerCost(
      positions: rows.positions, coefficients: rows.degree, patch: geometry.patchCount,
      channels: channels, outputs: allOutputs)
    let pieces = try GradientPieces(self, gradient, geometry, rows, slice: cost.slice)
    let square = gradient.factors.weight * gradient.factors.weight
    for slice in stride(from: 0, to: channels, by: cost.slice) {
      let columns = slice..<min(channels, slice + cost.slice)
      let gradients = try pieces.gradients(of: columns)
      let size = columns.count * geometry.patchCount
      let one = OutputRows(
        matrix: Matrix(
          gradients.buffer, offset: gradients.offset, rows: gradients.rows, columns: size,
          stride: gradients.stride), step: size)
      for run in outputs.runs { try add(run, one.rows(first), one.rows(second), alpha: square) }
    }
    if gradient.bias != nil {
      try addBias(rows, alpha: gradient.factors.bias * gradient.factors.bias)
    }
  }
}

/// Weight gradients of every example, some output channels at a time.
private struct GradientPieces {
  let sink: KernelContributions
  let gradient: AffineGradient
  let geometry: ConvolutionGeometry
  let rows: LayerRows
  /// Examples that are unfolded at a time.
  private let size: Int
  /// Rows of one output after the other for each position; nil for one output.
  private let order: Matrix?

  private var backend: any Backend { sink.backend }
  private var outputs: Int { sink.outputs.outputs }
  private var positions: Int { rows.positions }

  init(
    _ sink: KernelContributions, _ gradient: AffineGradient, _ geometry: ConvolutionGeometry,
    _ rows: LayerRows, slice: Int
  ) throws {
    self.sink = sink
    self.gradient = gradient
    self.geometry = geometry
    self.rows = rows
    let (n, p, count) = (sink.examples, rows.positions, sink.outputs.outputs)
    let bytes = p * max(geometry.patchCount, count * slice) * sink.type.byteCount
    let size = max(1, min(n, sink.backend.workspaceBytes / bytes))
    self.size = size
    guard count > 1 else {
      order = nil
      return
    }
    let order = try sink.backend.matrix(size * p * count, 1, .int32)
    try sink.backend.upload(
      (0..<size * p).flatMap { row in (0..<count).map { Int32($0 * n * p + row) } }, to: order)
    self.order = order
  }

  /// [n, O·columns·patch]
  func gradients(of columns: Range<Int>) throws -> Matrix {
    let (n, p, patch) = (sink.examples, positions, geometry.patchCount)
    let height = outputs * columns.count
    let result = try backend.matrix(n, height * patch, sink.type)
    for start in stride(from: 0, to: n, by: size) {
      let count = min(size, n - start)
      for i in 1...rows.degree {
        let patches = try self.patches(i - 1, start, count)
        let (cotangents, strideA) = try self.cotangents(i, start, count, columns)
        try backend.run(
          .contraction(
            Contraction(
              cotangents, patches.rows(0..<p),
              into: result.rows(start..<(start + 1)).reshaped(rows: height, columns: patch),
              transposeA: true, beta: i == 1 ? 0 : 1, batch: count, strideA: strideA,
              strideB: p * patches.stride, strideC: result.columns)))
      }
    }
    return result
  }

  /// The first example's δ, [positions, O·columns], and how far the next one's is.
  private func cotangents(
    _ i: Int, _ start: Int, _ count: Int, _ columns: Range<Int>
  ) throws -> (Matrix, stride: Int) {
    let all = rows.all(i)
    let p = positions
    let part = Matrix(
      all.buffer, offset: all.offset + start * p * all.stride + columns.lowerBound,
      rows: all.rows - start * p, columns: columns.count, stride: all.stride)
    guard let order else { return (part.rows(0..<p), p * all.stride) }
    let gathered = try backend.matrix(count * p * outputs, columns.count, sink.type)
    try backend.run(
      .gather(Gather(gathered, from: part, rows: order.rows(0..<gathered.rows))))
    let width = outputs * columns.count
    return (gathered.reshaped(rows: count * p, columns: width).rows(0..<p), p * width)
  }

  /// Unfolded coefficient i of some examples.
  private func patches(_ i: Int, _ start: Int, _ count: Int) throws -> Matrix {
    let per = geometry.input.count
    let input = gradient.input[i].rows((start * per)..<((start + count) * per))
    guard !geometry.isPointwise else { return input }
    let patches = try backend.matrix(count * positions, geometry.patchCount, sink.type)
    try backend.run(.unfold(Unfold(patches, from: input, geometry)))
    return patches
  }
}
