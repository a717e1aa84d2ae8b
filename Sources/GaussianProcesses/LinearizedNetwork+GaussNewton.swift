import Compute
import Jets
import Networks

extension LinearizedNetwork {
  /// R Jᵀ J R w⁽ᵛ⁾ for V vectors at once, with one pass forward and one back over the examples.
  ///
  /// - Parameters:
  ///   - vectors: [V, P].
  ///   - x: [n, features].
  /// - Returns: [V, P].
  public func gaussNewton(_ vectors: Matrix, _ x: Matrix) throws -> Matrix {
    let directions = try scaled(vectors)
    let total = try backend.matrix(vectors.rows, parameterCount, type)
    try backend.run(.fill(Fill(total, value: 0)))
    for (index, part) in Self.parts(x.rows).enumerated() {
      let sum = index == 0 ? total : try backend.matrix(vectors.rows, parameterCount, type)
      if index > 0, !isTrainable.allSatisfy({ $0 }) {
        try backend.run(.fill(Fill(sum, value: 0)))
      }
      let (algebra, tape) = (JetAlgebra(backend, order: 1), Network.Tape())
      let parameters = ParameterJet(center: center, displacement: directions)
      var output = try network.pushforward(
        x.rows(part), parameters, algebra: algebra, tape: tape)
      if output.capacity != output.degree { output = try algebra.scaled(1, output) }
      let cotangents = try backend.matrix(vectors.rows * part.count, outputs, type)
      try copy(output.matrix.rows(output.block..<output.matrix.rows), to: cotangents)
      let cotangent = Jet(
        cotangents, block: part.count, degree: 1, capacity: 1, directions: vectors.rows,
        hasZero: false)
      try network.pullback(
        cotangent, tape, parameters, algebra: algebra, into: sum, isTrainable: isTrainable,
        tensorScales: areScalesOne ? nil : scales)
      if index > 0 {
        try backend.run(.linearCombination(LinearCombination(total, 1, sum, 1, total)))
      }
    }
    return total
  }
}
