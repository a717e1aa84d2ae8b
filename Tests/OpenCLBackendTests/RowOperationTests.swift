import Compute
import OpenCLBackend
import Testing

/// Operations with a factor or a sum for each row, on the device against their definitions. Shapes
/// are one short of and one beyond the lanes of a sum, and a single row.
@Suite struct RowOperationTests {
  let backend: OpenCLBackend
  private static let shapes = [(1, 1), (3, 63), (5, 65), (17, 130)]

  init() throws { backend = try makeBackend() }

  private func matrix(
    _ backend: any Backend, _ rows: Int, _ columns: Int, _ seed: UInt64
  ) throws -> Matrix {
    try backend.matrix(rows, columns, .float32, sample(rows * columns, seed: seed))
  }

  /// +1 and −1 by a rule of their own.
  private func signs(_ backend: any Backend, _ rows: Int, _ period: Int) throws -> Matrix {
    try backend.matrix(1, rows, .float32, (0..<rows).map { $0 % period == 0 ? -1 : 1 })
  }

  @Test(arguments: shapes) func scaling(_ rows: Int, _ columns: Int) throws {
    for axis in [RowScaling.Axis.rows, .columns] {
      let count = axis == .rows ? rows : columns
      for inPlace in [false, true] {
        try expectDefinition(on: backend, "\(axis), in place: \(inPlace)") { backend in
          let x = try matrix(backend, rows, columns, 1)
          let output = inPlace ? x : try backend.matrix(rows, columns, .float32)
          let scaling = RowScaling(
            output, x, by: try matrix(backend, 1, count, 2), try matrix(backend, 1, count, 3),
            alpha: 0.7, along: axis)
          return (.rowScaling(scaling), [output])
        }
      }
    }
  }

  @Test(arguments: shapes) func squares(_ rows: Int, _ columns: Int) throws {
    for hasBias in [false, true] {
      try expectDefinition(on: backend, "bias: \(hasBias)") { backend in
        let squares = try backend.matrix(1, rows, .float32)
        let bias = hasBias ? try matrix(backend, 1, rows, 2) : nil
        return (
          .rowSquares(
            RowSquares(of: try matrix(backend, rows, columns, 1), bias: bias, into: squares)),
          [squares]
        )
      }
    }
  }

  @Test(arguments: shapes, [1, 4, 7, 8]) func penalty(_ shape: (Int, Int), _ exponent: Int) throws {
    let (rows, columns) = shape
    try expectDefinition(on: backend, "exponent \(exponent)") { backend in
      let gradient = try matrix(backend, rows, columns, 1)
      let squares = try backend.matrix(
        1, rows, .float32, sample(rows, seed: 3).map { abs($0) + 0.25 })
      let penalty = RowPenalty(
        gradient, of: try matrix(backend, rows, columns, 2), squares: squares,
        total: try backend.matrix(1, 1, .float32, [1.75]), factor: 0.3, exponent: exponent)
      return (.rowPenalty(penalty), [gradient])
    }
  }

  @Test(arguments: shapes, [false, true])
  func signedUpdates(_ shape: (Int, Int), _ hasSum: Bool) throws {
    let (rows, columns) = shape
    for rule in 0..<3 {
      try expectDefinition(on: backend, "rule \(rule)") { backend in
        func vector(_ seed: UInt64) throws -> Matrix {
          let values = sample(rows * columns, seed: seed).map { abs($0) + 0.25 }
          return try backend.matrix(1, rows * columns, .float32, values)
        }
        let (state, first, second) = (try vector(1), try vector(2), try vector(3))
        let rules: [OptimizerUpdate.Rule] = [
          .sgd, .momentum(velocity: first, 0.9),
          .adam(
            first: first, second: second, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 3),
        ]
        let parameters = try vector(5)
        var update = OptimizerUpdate(
          rules[rule], state: state, gradient: try vector(4), learningRate: 0.1,
          signs: OptimizerUpdate.SignedRows(
            now: try self.signs(backend, rows, 2), next: try self.signs(backend, rows, 3)))
        if hasSum { (update.center, update.parameters) = (try vector(6), parameters) }
        return (.optimizerUpdate(update), [state, first, second, parameters])
      }
    }
  }
}
