import Compute
import Jets
import Networks

/// The empirical tangent kernel Θ = J Jᵀ of a model at its present state on a few inputs,
/// [n·outputs, n·outputs], rows and columns example after example; J as in `ModelDerivatives`.
///
/// Some rows of J at a time: one pullback per example gives its `outputs` rows, and one pushforward
/// along a group of rows gives as many rows of Θ. So of J no more than a group is ever in memory. Of
/// order k ≥ 2 a group is one row.
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
    // Whole examples, and at most so many that a group is not exceeded.
    let examples = max(1, Self.group / width)
    let rows = try backend.matrix(min(examples, inputs.rows) * width, parameters, model.type)
    for first in stride(from: 0, to: inputs.rows, by: examples) {
      let range = first..<min(inputs.rows, first + examples)
      for example in range {
        let at = (example - first) * width
        try pull(example, into: rows.rows(at..<(at + width)))
      }
      let count = range.count * width
      for begin in stride(from: 0, to: count, by: Self.group) {
        let part = begin..<min(count, begin + Self.group)
        let target = (first * width + part.lowerBound)..<(first * width + part.upperBound)
        try push(rows.rows(part), into: kernel.rows(target))
      }
    }
    return kernel
  }

  /// The rows of J of one example.
  private func pull(_ example: Int, into rows: Matrix) throws {
    let (backend, network, type) = (model.backend, model.network, model.type)
    let width = network.outputCount
    let input = inputs.rows(example..<(example + 1))
    let units = (0..<width * width).map { $0 / width == $0 % width ? 1.0 : 0 }
    let cotangents = try backend.matrix(width, width, type, units)
    if model.order >= 2 {
      for output in 0..<width {
        try derivatives.pull(
          cotangents.rows(output..<(output + 1)), input, into: rows.rows(output..<(output + 1)))
      }
      return
    }
    if derivatives.isTrainable.contains(false) { try backend.run(.fill(Fill(rows, value: 0))) }
    let (algebra, tape) = (JetAlgebra(backend, order: 0), Network.Tape())
    let point = ParameterJet(center: model.center)
    _ = try network.pushforward(input, point, algebra: algebra, tape: tape)
    let cotangent = Jet(
      cotangents, block: 1, degree: 1, capacity: 1, directions: width, hasZero: false)
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
      inputs, at: model.center, along: rows, on: backend)
    try backend.run(.linearCombination(LinearCombination(target, 1, products)))
  }
}
