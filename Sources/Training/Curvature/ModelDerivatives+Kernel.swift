import Compute
import TangentKernels

extension ModelDerivatives {
  /// Θ = J Jᵀ of the model at its present state on a few inputs, [n·outputs, n·outputs], rows and columns
  /// example after example. Waits for orders from 2 on.
  func tangentKernel(_ inputs: Matrix) throws -> Matrix {
    let expansion = model.ray.displacement.map {
      EmpiricalKernel.Expansion(
        displacement: $0, order: model.order, coefficient: model.coefficient)
    }
    let kernel = try EmpiricalKernel(
      model.network, .ntk, at: center, inputs, outputs: .full, expansion: expansion,
      isTrainable: isTrainable, on: model.backend)
    return try kernel.matrix(rows: 0..<inputs.rows, columns: 0..<inputs.rows)
  }
}
