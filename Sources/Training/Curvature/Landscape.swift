import Compute

/// What a loss looks like at a model's state: its value, its gradient's norm, and the extreme
/// eigenvalues of its Hessian.
public struct Landscape: Sendable {
  public var loss: Double
  public var gradientNorm: Double
  public var hessian: Lanczos.Extremes

  /// Waits.
  public init(_ hessian: some DifferentiableLoss, _ method: Lanczos) throws {
    let backend = hessian.backend
    let gradient = try backend.matrix(1, hessian.dimension, hessian.type)
    try hessian.gradient(into: gradient)
    loss = try hessian.value()
    gradientNorm = try DeviceVectors(backend).product(gradient, gradient).squareRoot()
    self.hessian = try method.extremes(hessian)
  }

  public var isFinite: Bool {
    loss.isFinite && gradientNorm.isFinite && hessian.largest.value.isFinite
      && hessian.smallest.value.isFinite
  }
}
