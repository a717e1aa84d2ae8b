import Compute
import TangentKernels

/// What iterative solvers know of a model and what it has seen, whatever σp and σ are: products with K,
/// the pivots of its preconditioner, and its Krylov spaces; the last two are found when they are asked for.
public final class KernelSystem {
  public let model: LinearizedNetwork
  /// [n, features]
  public let inputs: Matrix
  /// y − m, [n·O].
  public let residuals: [Double]
  public let settings: IterativeSettings
  let algebra: any DenseLinearAlgebra
  let products: KernelProducts
  private var pivots: PivotedCholesky?
  private var found: KrylovLikelihood?
  private var space: KrylovSpace?

  /// Waits.
  public init(
    _ model: LinearizedNetwork, _ observations: Observations, _ settings: IterativeSettings,
    by algebra: any DenseLinearAlgebra
  ) throws {
    precondition(observations.targets.count == observations.count * model.outputs)
    (self.model, inputs, self.settings) = (model, observations.inputs, settings)
    self.algebra = algebra
    residuals = try model.residuals(observations)
    products = try KernelProducts(model, observations.inputs)
  }

  /// - Throws: `GaussianProcessError` where σ is 0: then K alone would have to be solved with.
  func check(_ hyperparameters: GaussianHyperparameters, solver: GaussianSolver) throws {
    guard hyperparameters.noiseVariance > 0, hyperparameters.priorVariance > 0 else {
      throw GaussianProcessError(
        "--solver \(solver.rawValue) needs a noise above 0, because without it the equations may have no "
          + "solution; give a positive --noise-std, or take --solver exact")
    }
  }

  func preconditioner(
    _ hyperparameters: GaussianHyperparameters
  ) throws -> LowRankPreconditioner? {
    let low = try lowRank()
    return try LowRankPreconditioner(low, hyperparameters, by: algebra)
  }

  func lowRank() throws -> PivotedCholesky {
    if let pivots { return pivots }
    let low = try PivotedCholesky(products, rank: settings.preconditionerRank, by: algebra)
    pivots = low
    return low
  }

  /// The log marginal likelihood as a function of σp and σ. Waits the first time.
  public func likelihood() throws -> KrylovLikelihood {
    if let found { return found }
    let likelihood = try KrylovLikelihood(self)
    found = likelihood
    return likelihood
  }

  /// The Krylov space of y − m; of ones where that is 0.
  func krylovSpace() throws -> KrylovSpace {
    if let space { return space }
    var start = residuals
    if !start.contains(where: { $0 != 0 }) { start = start.map { _ in 1 } }
    let found = try KrylovSpace.find(
      products, starts: start, steps: settings.varianceSteps, by: algebra)[0]
    space = found
    return found
  }
}
