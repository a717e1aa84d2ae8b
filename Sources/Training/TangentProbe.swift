import Compute
import Jets
import Networks

/// The empirical tangent kernel of a model on a few inputs, to see how far it has moved.
///
/// Of the scalar g(x; θ) = Σ_o (−1)^o f_o(x; θ), f the model (for order k its expansion f_k, or its
/// k-th coefficient alone):
///
///     Θ(x, x') = ⟨∂g(x; θ)/∂θ, ∂g(x'; θ)/∂θ⟩,  [m, m] for m inputs,
///
/// over the trained tensors. One backward pass per input gives a row of the Jacobian J, [m, P], and
/// Θ = J Jᵀ. All outputs take part; with alternating signs, because cross-entropy never moves the
/// plain sum of the outputs. An output scale is left out: it cancels in both comparisons.
struct TangentProbe {
  /// [m, features]
  let inputs: Matrix
  private let isTrainable: [Bool]
  /// Rows (1, −1, 1, …), one for each coefficient of a cotangent.
  private let signs: Matrix

  /// Columns of J that one product takes; the products are added on the host.
  private static let columns = 1 << 16

  init(
    inputs: Matrix, _ network: Network, frozen: [String], on backend: any Backend
  ) throws {
    self.inputs = inputs
    isTrainable = try FreezePattern.trainable(network.parameters, frozen: frozen)
    let row = (0..<network.outputCount).map { $0 % 2 == 0 ? 1.0 : -1.0 }
    signs = try backend.matrix(
      8, network.outputCount, inputs.type, Array(repeating: row, count: 8).flatMap { $0 })
  }

  /// A kernel on its way to the host.
  struct Pending {
    fileprivate let products: any Download
    fileprivate let type: ScalarType
    fileprivate let count: Int

    /// Θ, row-major, in Double.
    func wait() throws -> [Double] {
      let values = try products.values(type)
      return (0..<count).map { element in
        stride(from: element, to: values.count, by: count).reduce(0) { $0 + values[$1] }
      }
    }
  }

  /// Enqueues the kernel of `model` at its present parameters; waits for nothing.
  func start(_ model: Model) throws -> Pending {
    let (backend, network) = (model.backend, model.network)
    let (rows, width) = (inputs.rows, network.parameterCount)
    let jacobian = try backend.matrix(rows, width, inputs.type)
    if isTrainable.contains(false) { try backend.run(.fill(Fill(jacobian, value: 0))) }
    if model.order == 0 { try model.updateScale() }
    // Along Δ itself: unscaled, so that order 1 has the bits of the start's kernel.
    var ray = model.ray
    ray.scale = nil
    for row in 0..<rows {
      let tape = Network.Tape()
      let output = try network.pushforward(
        inputs.rows(row..<(row + 1)), ray, algebra: model.algebra, tape: tape)
      let cotangent = try model.cotangent(for: output)
      try backend.run(
        .linearCombination(
          LinearCombination(cotangent.matrix, 1, signs.rows(0..<cotangent.matrix.rows))))
      if let coefficient = model.coefficient { try model.clear(below: coefficient, cotangent) }
      try network.pullback(
        cotangent, tape, ray, algebra: model.algebra, into: jacobian.rows(row..<(row + 1)),
        isTrainable: isTrainable)
    }
    return Pending(
      products: try backend.startDownload(products(jacobian, on: backend)), type: inputs.type,
      count: rows * rows)
  }

  /// J Jᵀ in pieces of columns: [pieces, m·m].
  private func products(_ jacobian: Matrix, on backend: any Backend) throws -> Matrix {
    let (rows, width) = (jacobian.rows, jacobian.columns)
    let whole = width / Self.columns
    let pieces = (width + Self.columns - 1) / Self.columns
    let products = try backend.matrix(pieces, rows * rows, jacobian.type)
    func run(piece: Int, columns: Int, batch: Int) throws {
      let part = Matrix(
        jacobian.buffer, offset: jacobian.offset + piece * Self.columns, rows: rows,
        columns: columns, stride: jacobian.stride)
      let target = products.slice(at: piece * rows * rows, rows: rows, columns: rows)
      try backend.run(
        .contraction(
          Contraction(
            part, part, into: target, transposeB: true, batch: batch, strideA: Self.columns,
            strideB: Self.columns, strideC: rows * rows)))
    }
    if whole > 0 { try run(piece: 0, columns: Self.columns, batch: whole) }
    if pieces > whole { try run(piece: whole, columns: width - whole * Self.columns, batch: 1) }
    return products
  }

  /// ‖Θ_t − Θ_0‖_F / ‖Θ_0‖_F.
  static func distance(_ kernel: [Double], from start: [Double]) -> Double {
    let difference = zip(kernel, start).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (difference / start.reduce(0) { $0 + $1 * $1 }).squareRoot()
  }

  /// ⟨Θ_t, Θ_0⟩_F / (‖Θ_t‖_F ‖Θ_0‖_F); exactly 1 where the kernels have the same bits.
  static func alignment(_ kernel: [Double], with start: [Double]) -> Double {
    func product(_ a: [Double], _ b: [Double]) -> Double {
      zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
    }
    return product(kernel, start)
      / (product(kernel, kernel) * product(start, start)).squareRoot()
  }
}
