import Compute
import Glibc
import TangentKernels

/// The posterior in function space, by Cholesky's factorization of A = σp²K + σ²I, K = J R² Jᵀ between
/// all outputs of the n examples, [n·O, n·O]. With α = A⁻¹(y − m):
///
///     mean        m* + σp²K* α
///     covariance  σp²K** − (L⁻¹σp²K*ᵀ)ᵀ(L⁻¹σp²K*ᵀ),   A = L Lᵀ
///     log p(y)    −½(y − m)ᵀα − ½ log det A − ½ nO log 2π
///
/// Rasmussen and Williams, Gaussian Processes for Machine Learning, algorithm 2.1. Products of Jacobians
/// have the model's precision, everything after them is float64.
public final class ExactPosterior: Posterior {
  public let model: LinearizedNetwork
  public let hyperparameters: GaussianHyperparameters
  /// [n, features]
  public let inputs: Matrix
  /// y − m, [n·O].
  public let residuals: [Double]
  public let factor: CholeskyFactor
  /// α, [n·O].
  public let weights: [Double]

  /// - Throws: `GaussianProcessError` where A is not positive definite. Waits.
  public convenience init(
    _ model: LinearizedNetwork, _ observations: Observations,
    _ hyperparameters: GaussianHyperparameters, by algebra: any DenseLinearAlgebra
  ) throws {
    try self.init(
      model, observations, hyperparameters, kernel: model.kernelMatrix(observations.inputs),
      by: algebra)
  }

  /// - Parameter kernel: K, [n·O, n·O], for σp = 1.
  public init(
    _ model: LinearizedNetwork, _ observations: Observations,
    _ hyperparameters: GaussianHyperparameters, kernel: [Double],
    by algebra: any DenseLinearAlgebra
  ) throws {
    let size = observations.targets.count
    precondition(size == observations.count * model.outputs && kernel.count == size * size)
    (self.model, self.hyperparameters, inputs) = (model, hyperparameters, observations.inputs)
    let mean = try model.mean(observations.inputs)
    var residuals = observations.targets
    for index in residuals.indices { residuals[index] -= mean[index] }
    let (prior, noise) = (
      hyperparameters.priorStd * hyperparameters.priorStd,
      hyperparameters.noiseStd * hyperparameters.noiseStd
    )
    var matrix = kernel
    for index in matrix.indices { matrix[index] *= prior }
    for index in 0..<size { matrix[index * size + index] += noise }
    guard let factor = try CholeskyFactor(matrix, size, by: algebra) else {
      throw GaussianProcessError(
        "the covariance of \(observations.count) examples with \(model.outputs) outputs is not positive "
          + "definite with a noise of \(hyperparameters.noiseStd); give a larger --noise-std, or remove "
          + "examples that occur twice")
    }
    (self.residuals, self.factor) = (residuals, factor)
    weights = try factor.solve(rows: residuals)
  }

  public func predict(_ inputs: Matrix, _ form: CovarianceForm) throws -> GaussianOutputs {
    let (m, n, prior) = (
      inputs.rows * model.outputs, residuals.count,
      hyperparameters.priorStd * hyperparameters.priorStd
    )
    var cross = try model.kernelMatrix(inputs, self.inputs)
    for index in cross.indices { cross[index] *= prior }
    var mean = try model.mean(inputs)
    let explained = try factor.algebra.product(cross, weights, m: m, k: n, n: 1)
    for index in mean.indices { mean[index] += explained[index] }
    guard form != .none else { return GaussianOutputs(outputs: model.outputs, mean: mean) }
    let half = try factor.halfSolve(rows: cross)
    var covariance = try model.priorCovariance(inputs, form)
    for index in covariance.indices { covariance[index] *= prior }
    try Self.subtract(
      half, n, from: &covariance, form, outputs: model.outputs, by: factor.algebra)
    return GaussianOutputs(outputs: model.outputs, mean: mean, form, covariance)
  }

  /// covariance ← covariance − V Vᵀ, no variance below 0.
  ///
  /// - Parameter v: V, [m·O, n].
  static func subtract(
    _ v: [Double], _ n: Int, from covariance: inout [Double], _ form: CovarianceForm, outputs: Int,
    by algebra: any DenseLinearAlgebra
  ) throws {
    let m = v.count / n
    func product(_ i: Int, _ j: Int) -> Double {
      v.withUnsafeBufferPointer { v in
        var sum = 0.0
        for k in 0..<n { sum += v[i * n + k] * v[j * n + k] }
        return sum
      }
    }
    switch form {
    case .none: break
    case .variances:
      for i in 0..<m { covariance[i] = max(0, covariance[i] - product(i, i)) }
    case .blocks:
      for i in 0..<m {
        let first = i / outputs * outputs
        for j in first...i {
          let value = covariance[i * outputs + j - first] - product(i, j)
          covariance[i * outputs + j - first] = i == j ? max(0, value) : value
          covariance[j * outputs + i - first] = covariance[i * outputs + j - first]
        }
      }
    case .full:
      let explained = try algebra.product(
        v, transposed: false, v, transposed: true, m: m, k: n, n: m)
      for i in 0..<m {
        for j in 0...i {
          let value = covariance[i * m + j] - explained[i * m + j]
          covariance[i * m + j] = i == j ? max(0, value) : value
          covariance[j * m + i] = covariance[i * m + j]
        }
      }
    }
  }
}
