import Compute
import Training

/// Vectors of P numbers on a back end, [count, P], with R JᵀJ R + λI and no preconditioner. Inner products
/// are formed in Double on the host.
struct ParameterSpace: BlockSpace {
  let model: LinearizedNetwork
  /// [n, features]
  let inputs: Matrix
  /// λ
  let shift: Double
  /// Vectors of one pass.
  let vectorsAtOnce: Int
  private let vectors: DeviceVectors

  init(_ model: LinearizedNetwork, _ inputs: Matrix, shift: Double) throws {
    (self.model, self.inputs, self.shift) = (model, inputs, shift)
    vectors = DeviceVectors(model.backend)
    // Six vectors for the recurrences besides the pass.
    let count = try model.vectorsAtOnce { null, count in
      let (copy, x) = try model.counting(on: null, examples: inputs.rows)
      let v = try null.matrix(count, copy.parameterCount, copy.type)
      return {
        let held = try null.matrix(6 * count, copy.parameterCount, copy.type)
        _ = try copy.gaussNewton(v, x)
        withExtendedLifetime(held) {}
      }
    }
    vectorsAtOnce = count
  }

  func zeros(_ rows: Int) throws -> Matrix {
    let block = try model.backend.matrix(rows, model.parameterCount, model.type)
    try model.backend.run(.fill(Fill(block, value: 0)))
    return block
  }

  func products(_ a: Matrix, _ b: Matrix) throws -> [Double] { try vectors.rowProducts(a, b) }

  private func row(_ block: Matrix, _ index: Int) -> Matrix { block.rows(index..<(index + 1)) }

  func combine(_ target: inout Matrix, _ a: [Double], _ b: [Double], _ source: Matrix) throws {
    for index in 0..<target.rows {
      try vectors.combine(
        row(target, index), b[index], row(source, index), a[index], row(target, index))
    }
  }

  func select(_ block: Matrix, _ rows: [Int]) throws -> Matrix {
    let result = try model.backend.matrix(rows.count, model.parameterCount, model.type)
    for (place, index) in rows.enumerated() {
      try model.copy(row(block, index), to: row(result, place))
    }
    return result
  }

  func add(_ block: Matrix, to rows: [Int], of target: inout Matrix) throws {
    for (place, index) in rows.enumerated() {
      try vectors.combine(row(target, index), 1, row(block, place), 1, row(target, index))
    }
  }

  func replace(_ rows: [Int], of target: inout Matrix, by block: Matrix) throws {
    for (place, index) in rows.enumerated() {
      try model.copy(row(block, place), to: row(target, index))
    }
  }

  func multiply(_ block: Matrix) throws -> Matrix {
    let result = try model.backend.matrix(block.rows, model.parameterCount, model.type)
    for first in stride(from: 0, to: block.rows, by: vectorsAtOnce) {
      let group = first..<min(block.rows, first + vectorsAtOnce)
      let product = try model.gaussNewton(block.rows(group), inputs)
      try vectors.combine(result.rows(group), shift, block.rows(group), 1, product)
    }
    return result
  }

  func precondition(_ block: Matrix) throws -> Matrix {
    try select(block, Array(0..<block.rows))
  }
}
