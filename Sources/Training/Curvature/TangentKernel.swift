import Compute
import Jets
import Networks

/// The empirical tangent kernel Θ = J Jᵀ of a model at its present state on a few inputs,
/// [n·outputs, n·outputs], rows and columns example after example; J as in `ModelDerivatives`.
///
/// Some rows of J at a time: one pullback per example gives its rows (at most a group of them), and one
/// pushforward along a group of rows gives as many rows of Θ. So of J no more than a group is ever in
/// memory. Order k ≥ 2 pulls and pushes row by row.
struct TangentKernel {
  private let derivatives: ModelDerivatives
  private let inputs: Matrix
  private var model: Model { derivatives.model }

  /// Rows of J in one pushforward.
  private static let group = 16

  init(_ derivatives: ModelDerivatives, inputs: Matrix) {
    self.derivatives = derivatives
    self.inputs = inputs
  }

  /// Enqueues everything; for order k ≥ 2 it waits.
  func matrix() throws -> Matrix {
    let backend = model.backend
    let (width, parameters) = (model.network.outputCount, model.network.parameterCount)
    let size = inputs.rows * width
    let kernel = try backend.matrix(size, size, model.type)
    let rows = try backend.matrix(min(Self.group, size), parameters, model.type)
    var done = 0
    var filled = 0
    func flush() throws {
      try push(rows.rows(0..<filled), into: kernel.rows(done..<(done + filled)))
      done += filled
      filled = 0
    }
    for example in 0..<inputs.rows {
      for first in stride(from: 0, to: width, by: Self.group) {
        let outputs = first..<min(width, first + Self.group)
        if filled + outputs.count > rows.rows { try flush() }
        try pull(example, outputs, into: rows.rows(filled..<(filled + outputs.count)))
        filled += outputs.count
      }
    }
    try flush()
    return kernel
  }

  /// The rows of J of some outputs of one example.
  private func pull(_ example: Int, _ outputs: Range<Int>, into rows: Matrix) throws {
    let (backend, network, type) = (model.backend, model.network, model.type)
    let width = network.outputCount
    let input = inputs.rows(example..<(example + 1))
    let units = outputs.flatMap { output in (0..<width).map { $0 == output ? 1.0 : 0 } }
    let cotangents = try backend.matrix(outputs.count, width, type, units)
    if model.order >= 2 {
      for index in 0..<outputs.count {
        let row = index..<(index + 1)
        try derivatives.pull(cotangents.rows(row), input, into: rows.rows(row))
      }
      return
    }
    if derivatives.isTrainable.contains(false) { try backend.run(.fill(Fill(rows, value: 0))) }
    let (algebra, tape) = (JetAlgebra(backend, order: 0), Network.Tape())
    let point = ParameterJet(center: derivatives.center)
    _ = try network.pushforward(input, point, algebra: algebra, tape: tape)
    let cotangent = Jet(
      cotangents, block: 1, degree: 1, capacity: 1, directions: outputs.count, hasZero: false)
    try network.pullback(
      cotangent, tape, point, algebra: algebra, into: rows, isTrainable: derivatives.isTrainable)
  }

  /// Rows of Θ from rows of J.
  private func push(_ rows: Matrix, into target: Matrix) throws {
    let backend = model.backend
    if model.order >= 2 {
      for row in 0..<rows.rows {
        let products = try derivatives.push(rows.rows(row..<(row + 1)), inputs)
        try backend.run(
          .linearCombination(
            LinearCombination(target.rows(row..<(row + 1)), 1, products)))
      }
      return
    }
    let products = try model.network.jacobianVectorProducts(
      inputs, at: derivatives.center, along: rows, on: backend)
    try backend.run(.linearCombination(LinearCombination(target, 1, products)))
  }
}
