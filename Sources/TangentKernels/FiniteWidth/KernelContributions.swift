import Compute
import Jets
import Networks

/// Θ = Σ_l Θ_l, summed up layer by layer while cotangents pass: what a layer's parameters contribute,
/// from the layer's input y and the cotangents δ of its output, O of them for every example, and
/// nothing of the Jacobian beyond.
///
/// With m and m_b the layer's factors, i and j coefficients of a jet (one, but for expansions), and
/// p, p′ its positions (one, but for convolutions):
///
///     Θ_l(x, x′)_{oo′} = Σ_{ij} Σ_{pp′} ⟨δ_io(p), δ′_jo′(p′)⟩ (m²⟨ŷ_{i−1}(p), ŷ′_{j−1}(p′)⟩ + m_b²[i = j = 1]),
///
/// ŷ unfolded. That is how dense layers, and convolutions with few positions, are summed; where it is
/// less work, a convolution's are summed from blocks of each example's own weight gradients instead
/// (`LayerCost`). Every value of Θ is made of its two examples and outputs alone, by sums whose order
/// depends on the layer only, and is the same bit for bit if the two sides are exchanged.
final class KernelContributions: GradientSink {
  let backend: any Backend
  /// Those of the pass.
  let outputs: OutputPairs
  /// Those of the network, which decide about a layer's form.
  let allOutputs: OutputPairs
  /// The examples of both sides among those of the pass.
  let first: Range<Int>
  let second: Range<Int>
  /// Whether the pass has a copy of every example for each output, rather than a direction for each.
  let isReplicated: Bool
  /// [pairs, n1·n2], contiguous.
  let sum: Matrix
  var type: ScalarType { sum.type }

  /// Bytes of what exists for one layer at a time besides its rows; it changes no bit.
  static let temporaryBytes = 16 << 20

  /// Sets `sum` to zero.
  init(
    _ outputs: OutputPairs, of allOutputs: Int, first: Range<Int>, second: Range<Int>,
    isReplicated: Bool, into sum: Matrix, on backend: any Backend
  ) throws {
    precondition(sum.rows == outputs.count && sum.columns == first.count * second.count)
    self.backend = backend
    self.outputs = outputs
    self.allOutputs = OutputPairs(isFull: outputs.isFull, outputs: allOutputs)
    self.first = first
    self.second = second
    self.isReplicated = isReplicated
    self.sum = sum
    try backend.run(.fill(Fill(sum, value: 0)))
  }

  /// Examples of the pass.
  var examples: Int { max(first.upperBound, second.upperBound) }

  func take(_ gradient: AffineGradient) throws {
    if let geometry = gradient.geometry, geometry.groups > 1, gradient.weight != nil {
      return try takeGroups(gradient, geometry)
    }
    let rows = LayerRows(gradient.cotangent, examples: examples, outputs.outputs, isReplicated)
    guard let geometry = gradient.geometry, gradient.weight != nil, rows.positions > 1 else {
      return try addPositions(gradient, rows)
    }
    let cost = LayerCost(
      positions: rows.positions, coefficients: rows.degree, patch: geometry.patchCount,
      channels: gradient.cotangent.columns, outputs: allOutputs)
    if cost.prefersGradients {
      try addGradients(gradient, geometry, rows)
    } else {
      try addPositions(gradient, rows)
    }
  }

  /// Every group is a convolution of its own; the bias is one for all.
  private func takeGroups(_ gradient: AffineGradient, _ geometry: ConvolutionGeometry) throws {
    func columns(_ jet: Jet, of group: Int) throws -> Jet {
      let width = jet.columns / geometry.groups
      var part = jet
      part.matrix = try backend.matrix(jet.matrix.rows, width, type)
      let from = Matrix(
        jet.matrix.buffer, offset: jet.matrix.offset + group * width, rows: jet.matrix.rows,
        columns: width, stride: jet.columns)
      try backend.run(.matrixCopy(MatrixCopy(part.matrix, from: from)))
      return part
    }
    for group in 0..<geometry.groups {
      var part = gradient
      part.bias = nil
      part.geometry?.groups = 1
      part.cotangent = try columns(gradient.cotangent, of: group)
      part.input = try columns(gradient.input, of: group)
      try take(part)
    }
    guard gradient.bias != nil else { return }
    let rows = LayerRows(gradient.cotangent, examples: examples, outputs.outputs, isReplicated)
    try addBias(rows, alpha: gradient.factors.bias * gradient.factors.bias)
  }

  func take(_ gradient: NormalizationGradient) throws {
    let rows = LayerRows(gradient.cotangent, examples: examples, outputs.outputs, isReplicated)
    let square = gradient.factor * gradient.factor
    if gradient.gain != nil {
      let gains = try gainGradients(gradient, rows)
      try addGram(gains, alpha: square)
    }
    if gradient.bias != nil { try addBias(rows, alpha: square) }
  }

  // MARK: Biases and gains

  /// Σ over positions of δ_1, and its products.
  func addBias(_ rows: LayerRows, alpha: Double) throws {
    try addGram(try positionSums(rows.all(1), rows.positions), alpha: alpha)
  }

  /// Every output's and example's Δγ̄: [O·n, columns].
  private func gainGradients(_ gradient: NormalizationGradient, _ rows: LayerRows) throws -> Matrix
  {
    let columns = gradient.cotangent.columns
    var total: Matrix?
    for i in 1...rows.degree {
      let products = try backend.matrix(rows.count, columns, type)
      try backend.run(.linearCombination(LinearCombination(products, 1, rows.all(i))))
      let directions = isReplicated ? 1 : outputs.outputs
      try multiply(
        products, by: gradient.value[i - 1], directions: directions)
      let sums = try positionSums(products, rows.positions)
      guard let known = total else {
        total = sums
        continue
      }
      try backend.run(.linearCombination(LinearCombination(known, 1, sums, 1, known)))
    }
    return total!
  }

  /// [O·n, columns] from a row for every position.
  private func positionSums(_ rows: Matrix, _ positions: Int) throws -> Matrix {
    guard positions > 1 else { return rows }
    let count = rows.rows / positions
    let sums = try backend.matrix(count, rows.columns, type)
    try backend.run(
      .columnSums(
        ColumnSums(
          of: rows.rows(0..<positions), into: sums.rows(0..<1), batch: count,
          strideX: positions * rows.columns, strideSums: rows.columns)))
    return sums
  }

  /// Adds α·⟨g_o(x), g_o′(x′)⟩ for rows g_o(x), output after output.
  private func addGram(_ rows: Matrix, alpha: Double) throws {
    let of = OutputRows(
      matrix: rows.rows(0..<examples), step: examples * rows.columns)
    for run in outputs.runs { try add(run, of.rows(first), of.rows(second), alpha: alpha) }
  }

  /// Adds α·a_o b_o′ᵀ to the pairs of a run.
  func add(_ run: OutputPairs.Run, _ a: OutputRows, _ b: OutputRows, alpha: Double) throws {
    let size = first.count * second.count
    try backend.run(
      .contraction(
        run.contraction(
          a, b, into: sum.slice(at: run.pair * size, rows: first.count, columns: second.count),
          size: size, alpha: alpha, beta: 1)))
  }

  /// x ← x∘y, y shared by `directions` blocks of x, one behind the other.
  func multiply(_ x: Matrix, by y: Matrix, directions: Int) throws {
    let slope = Jet(y, block: y.rows, degree: 0, capacity: 0)
    let product = Jet(
      x, block: y.rows, degree: 1, capacity: 1, directions: directions, hasZero: false)
    try backend.run(
      .jetProduct(JetProduct(.adjoint(slope: slope, cotangent: product, degree: 1))))
  }
}

/// The cotangents of a layer's output in a pass with O of them for every example.
struct LayerRows {
  private let cotangent: Jet
  private let outputs: Int
  private let examples: Int
  /// Of an example.
  let positions: Int
  /// Coefficients 1…d.
  var degree: Int { cotangent.degree }
  /// Rows of one coefficient, of all outputs and examples.
  var count: Int { outputs * examples * positions }

  init(_ cotangent: Jet, examples: Int, _ outputs: Int, _ isReplicated: Bool) {
    self.cotangent = cotangent
    self.outputs = outputs
    self.examples = examples
    let copies = isReplicated ? outputs * examples : examples
    positions = cotangent.block / copies
    precondition(cotangent.block == copies * positions, "whole examples")
    precondition(
      isReplicated ? cotangent.directions == 1 : cotangent.directions == outputs,
      "a cotangent for each output")
    precondition(
      cotangent.directions == 1 || cotangent.degree == 1 && cotangent.capacity == 1,
      "outputs one behind the other")
  }

  /// Coefficient i: outputs, in each the examples, in each the positions.
  func all(_ i: Int) -> Matrix {
    guard cotangent.directions > 1 else { return cotangent[i] }
    return cotangent.joined[1]
  }

  /// The same as rows of each output.
  func of(_ i: Int) -> OutputRows {
    let rows = all(i)
    return OutputRows(
      matrix: rows.rows(0..<(examples * positions)), step: examples * positions * rows.columns)
  }
}
