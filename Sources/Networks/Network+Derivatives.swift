import Compute
import Jets

extension Network {
  /// J v⁽ᵛ⁾ for V tangents at once: coefficient 1 of an order-1 jet with V directions.
  ///
  /// - Parameters:
  ///   - inputs: [batch, features].
  ///   - tangents: [V, P].
  /// - Returns: [V·batch, outputs], direction after direction.
  public func jacobianVectorProducts(
    _ inputs: Matrix, at parameters: Matrix, along tangents: Matrix, on backend: any Backend
  ) throws -> Matrix {
    let algebra = JetAlgebra(backend, order: 1)
    let output = try pushforward(
      inputs, ParameterJet(center: parameters, displacement: tangents), algebra: algebra)
    return output.matrix.rows(output.block..<output.matrix.rows)
  }

  /// Jᵀ u⁽ᵛ⁾ for V cotangents at once: the order-1 pullback with V directions, whose displacement
  /// is never read.
  ///
  /// - Parameters:
  ///   - cotangents: [V·batch, outputs]; used up.
  /// - Returns: [V, P].
  public func vectorJacobianProducts(
    _ cotangents: Matrix, _ inputs: Matrix, at parameters: Matrix, directions: Int,
    on backend: any Backend
  ) throws -> Matrix {
    let algebra = JetAlgebra(backend, order: 0)
    let tape = Tape()
    _ = try pushforward(inputs, ParameterJet(center: parameters), algebra: algebra, tape: tape)
    let products = try backend.matrix(directions, parameterCount, cotangents.type)
    let cotangent = Jet(
      cotangents, block: inputs.rows, degree: 1, capacity: 1, directions: directions,
      hasZero: false)
    try pullback(
      cotangent, tape, ParameterJet(center: parameters), algebra: algebra, into: products)
    return products
  }
}
