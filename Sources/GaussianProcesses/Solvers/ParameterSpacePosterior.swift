import Compute
import TangentKernels

/// The posterior in parameter space, by conjugate gradients on exact Gauss–Newton products. With
/// G = R JᵀJ R and λ = σ²/σp²:
///
///     u           (G + λI)⁻¹ R Jᵀ(y − m)
///     mean        m* + J* R u
///     covariance  σ² J* R (G + λI)⁻¹ R J*ᵀ
///
/// Better than function space where n·O ≫ P, or vectors of n·O numbers are too long. Vectors have P numbers
/// of the model's type. Maddox et al. 2021, arXiv 2103.01439.
public final class ParameterSpacePosterior: IterativelySolved {
  public let system: KernelSystem
  public let hyperparameters: GaussianHyperparameters
  /// u, 1×P: θ + R u are the parameters' mean.
  public let displacement: Matrix
  public let outcome: SolverOutcome
  /// Of all solves for covariances so far.
  public private(set) var covarianceOutcome: SolverOutcome?
  /// (y − m)ᵀA⁻¹(y − m) = (‖y − m − J R u‖² + λ‖u‖²)/σ²
  public let quadraticForm: Double
  private let space: ParameterSpace
  private let method: BlockConjugateGradients

  public var model: LinearizedNetwork { system.model }

  /// - Throws: `GaussianProcessError` for a noise of 0, and where products are not finite. Waits.
  public convenience init(
    _ model: LinearizedNetwork, _ observations: Observations,
    _ hyperparameters: GaussianHyperparameters, _ settings: IterativeSettings = .init(),
    by algebra: any DenseLinearAlgebra
  ) throws {
    try self.init(KernelSystem(model, observations, settings, by: algebra), hyperparameters)
  }

  public init(_ system: KernelSystem, _ hyperparameters: GaussianHyperparameters) throws {
    try system.check(hyperparameters, solver: .parameterSpace)
    (self.system, self.hyperparameters) = (system, hyperparameters)
    let (model, inputs) = (system.model, system.inputs)
    let shift = hyperparameters.noiseVariance / hyperparameters.priorVariance
    space = try ParameterSpace(model, inputs, shift: shift)
    method = BlockConjugateGradients(
      tolerance: system.settings.tolerance(model.type), limit: system.settings.limit)
    let right = try model.pull(
      model.backend.matrix(inputs.rows, model.outputs, model.type, system.residuals), count: 1,
      inputs)
    let solution = try method.solve(space, right, count: 1)
    guard solution.outcome.residual.isFinite else {
      throw GaussianProcessError(
        "products with the Jacobian are not finite; scale the inputs or the weights down")
    }
    (displacement, outcome) = (solution.x, solution.outcome)
    var squares = try shift * space.products(displacement, displacement)[0]
    let fitted = try model.backend.download(model.push(displacement, inputs))
    for index in fitted.indices {
      let left = system.residuals[index] - fitted[index]
      squares += left * left
    }
    quadraticForm = squares / hyperparameters.noiseVariance
  }

  /// log p(y), with the determinant by stochastic Lanczos quadrature. Waits.
  public func logMarginalLikelihood() throws -> KrylovLikelihood.Estimate {
    var estimate = try system.likelihood().estimate(hyperparameters)
    estimate.replace(quadraticForm: quadraticForm)
    return estimate
  }

  public func varianceMethod(_ count: Int) -> VarianceMethod { .solves }

  public func predict(_ inputs: Matrix, _ form: CovarianceForm) throws -> GaussianOutputs {
    var mean = try model.mean(inputs)
    let change = try model.backend.download(model.push(displacement, inputs))
    for index in mean.indices { mean[index] += change[index] }
    let (m, o) = (inputs.rows, model.outputs)
    guard form != .none else { return GaussianOutputs(outputs: o, mean: mean) }
    let step = max(1, space.vectorsAtOnce / o)
    var covariance: [Double] = []
    for first in stride(from: 0, to: m, by: step) {
      let part = inputs.rows(first..<min(m, first + step))
      let solution = try method.solve(space, model.gradientRows(part), count: part.rows * o)
      note(solution.outcome)
      // A column of the covariance for every output of the part.
      let seen = form == .full ? inputs : part
      let columns = try model.backend.download(model.push(solution.x, seen))
      let width = seen.rows * o
      for v in 0..<(part.rows * o) {
        let wanted: Range<Int>
        switch form {
        case .none, .full: wanted = 0..<width
        case .variances: wanted = v..<(v + 1)
        case .blocks: wanted = (v / o * o)..<(v / o * o + o)
        }
        for index in wanted {
          covariance.append(hyperparameters.noiseVariance * columns[v * width + index])
        }
      }
    }
    symmetrize(&covariance, form, count: m * o)
    return GaussianOutputs(outputs: o, mean: mean, form, covariance)
  }

  /// Takes the mean with the transpose, and no variance below 0.
  private func symmetrize(_ covariance: inout [Double], _ form: CovarianceForm, count: Int) {
    let width = form == .full ? count : form == .blocks ? model.outputs : 1
    for i in 0..<count {
      let first = i / width * width
      for j in first...i {
        let (a, b) = (i * width + j - first, j * width + i - first)
        let value = 0.5 * (covariance[a] + covariance[b])
        covariance[a] = i == j ? max(0, value) : value
        covariance[b] = covariance[a]
      }
    }
  }

  private func note(_ outcome: SolverOutcome) {
    guard var sum = covarianceOutcome else {
      covarianceOutcome = outcome
      return
    }
    sum.merge(outcome)
    covarianceOutcome = sum
  }
}
