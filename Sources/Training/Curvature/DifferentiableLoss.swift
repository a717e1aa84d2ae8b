import Compute

/// A function of a model's state that can be differentiated twice; as an operator it is the Hessian at
/// the present state.
public protocol DifferentiableLoss: SymmetricOperator {
  /// Waits.
  func value() throws -> Double
  /// target ← the gradient, zero where tensors are frozen.
  func gradient(into target: Matrix) throws
}
