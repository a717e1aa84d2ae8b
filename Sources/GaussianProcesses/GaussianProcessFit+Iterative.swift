import Compute
import TangentKernels

extension GaussianProcessFit {
  /// Chooses σp and σ where they are not given, and solves.
  init(
    iterative model: LinearizedNetwork, _ observations: Observations,
    _ settings: Settings, _ plan: Plan, by algebra: any DenseLinearAlgebra,
    progress: (String, Int, Int) -> Void
  ) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let system = try KernelSystem(model, observations, settings.iterative, by: algebra)
    var (hyperparameters, found) = (settings.given, HyperparameterSearch?.none)
    if hyperparameters == nil {
      progress("the search for --prior-std and --noise-std", 0, 1)
      let search = try system.likelihood().maximum(
        priorStd: settings.priorStd, noiseStd: settings.noiseStd, starts: settings.starts)
      (found, hyperparameters) = (search, search.hyperparameters)
    }
    guard let hyperparameters else { preconditionFailure("given or found") }
    let searched = clock.now
    progress("the solve", 0, 1)
    let wantsLikelihood = settings.wantsLikelihood || found != nil
    var estimate: KrylovLikelihood.Estimate?
    let solved: any IterativelySolved =
      plan.solver == .cg
      ? try IterativePosterior(system, hyperparameters)
      : try ParameterSpacePosterior(system, hyperparameters)
    if wantsLikelihood {
      progress("the determinant", 0, 1)
      estimate = try system.likelihood().estimate(hyperparameters)
      estimate?.replace(quadraticForm: solved.quadraticForm)
    }
    (posterior, self.hyperparameters, search) = (solved, hyperparameters, found)
    (solver, reason) = (plan.solver, plan.reason)
    logMarginalLikelihood = estimate?.value
    logDeterminantError = estimate?.logDeterminantStandardError
    (residual, iterations, isConverged) = (
      solved.outcome.residual, solved.outcome.iterations, solved.outcome.isConverged
    )
    searchSeconds = (searched - start) / .seconds(1)
    factorSeconds = (clock.now - searched) / .seconds(1)
  }
}
