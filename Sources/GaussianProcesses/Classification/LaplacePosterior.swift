import Compute
import TangentKernels

/// The posterior of the logits with a softmax's likelihood, by Laplace's approximation in function space:
///
///     mean        m* + σp²K* a
///     covariance  σp²K** − V Vᵀ,   V = (L⁻¹ Bᵀ σp²K*ᵀ)ᵀ
///
/// with a, B and L as `LaplaceApproximation` defines them. It suits n·O up to some thousands: several
/// matrices [n·O, n·O] in float64 lie in memory. `LaplaceParameterPosterior` needs none.
public final class LaplacePosterior: Posterior {
  public let model: LinearizedNetwork
  /// σp
  public let priorStd: Double
  /// [n, features]
  public let inputs: Matrix
  /// a, [n·O].
  public let weights: [Double]
  /// p of the training examples at the mode, [n·O].
  public let probabilities: [Double]
  /// Of A = I + σp²BᵀK B.
  public let factor: CholeskyFactor

  /// The posterior with a given σp. Waits.
  ///
  /// - Throws: `GaussianProcessError` where Newton's method does not end.
  public convenience init(
    _ model: LinearizedNetwork, _ observations: ClassObservations, priorStd: Double,
    by algebra: any DenseLinearAlgebra
  ) throws {
    let approximation = try LaplaceApproximation(
      kernel: model.kernelMatrix(observations.inputs), prior: priorStd * priorStd,
      mean: model.mean(observations.inputs), targets: observations.targets,
      outputs: observations.classes, by: algebra)
    try self.init(model, observations.inputs, approximation, priorStd: priorStd)
  }

  /// - Parameter inputs: the training examples.
  /// - Throws: `GaussianProcessError` where the approximation has not converged.
  public convenience init(
    _ model: LinearizedNetwork, _ inputs: Matrix, _ approximation: LaplaceApproximation,
    priorStd: Double
  ) throws {
    guard approximation.isConverged else {
      throw GaussianProcessError(
        "Newton's method has not found the most probable logits in \(approximation.iterations) "
          + "steps (residual \(approximation.residual)); give a smaller --prior-std than "
          + "\(priorStd)")
    }
    self.init(
      model, priorStd: priorStd, inputs: inputs, weights: approximation.weights,
      probabilities: approximation.probabilities, factor: approximation.factor)
  }

  /// A posterior that was kept.
  public init(
    _ model: LinearizedNetwork, priorStd: Double, inputs: Matrix, weights: [Double],
    probabilities: [Double], factor: CholeskyFactor
  ) {
    let size = inputs.rows * model.outputs
    precondition(
      weights.count == size && probabilities.count == size && factor.dimension == size,
      "numbers for each logit")
    (self.model, self.priorStd, self.inputs) = (model, priorStd, inputs)
    (self.weights, self.probabilities, self.factor) = (weights, probabilities, factor)
  }

  public func predict(_ inputs: Matrix, _ form: CovarianceForm) throws -> GaussianOutputs {
    let (m, n, o) = (inputs.rows * model.outputs, weights.count, model.outputs)
    let prior = priorStd * priorStd
    var cross = try model.kernelMatrix(inputs, self.inputs)
    for index in cross.indices { cross[index] *= prior }
    var mean = try model.mean(inputs)
    let explained = try factor.algebra.product(cross, weights, m: m, k: n, n: 1)
    for index in mean.indices { mean[index] += explained[index] }
    guard form != .none else { return GaussianOutputs(outputs: o, mean: mean) }
    SoftmaxLikelihood.transposedRoot(probabilities, rows: &cross, outputs: o)
    let half = try factor.halfSolve(rows: cross)
    var covariance = try model.priorCovariance(inputs, form)
    for index in covariance.indices { covariance[index] *= prior }
    try ExactPosterior.subtract(
      half, n, from: &covariance, form, outputs: o, by: factor.algebra)
    return GaussianOutputs(outputs: o, mean: mean, form, covariance)
  }
}
