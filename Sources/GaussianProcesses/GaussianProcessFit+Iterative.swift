import Compute
import TangentKernels

extension GaussianProcessFit {
  /// Chooses σp and σ where they are not given, and solves.
  init(
    iterative solver: Solver, _ model: LinearizedNetwork, _ observations: Observations,
    _ settings: Settings, by algebra: any DenseLinearAlgebra,
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
    let outcome: SolverOutcome
    var estimate: KrylovLikelihood.Estimate?
    if solver == .cg {
      let cg = try IterativePosterior(system, hyperparameters)
      (posterior, outcome) = (cg, cg.outcome)
      if wantsLikelihood { estimate = try cg.logMarginalLikelihood() }
    } else {
      let space = try ParameterSpacePosterior(system, hyperparameters)
      (posterior, outcome) = (space, space.outcome)
      if wantsLikelihood { estimate = try space.logMarginalLikelihood() }
    }
    (self.hyperparameters, self.solver, search, reason) = (hyperparameters, solver, found, "")
    logMarginalLikelihood = estimate?.value
    logMarginalLikelihoodError = estimate.map { $0.logDeterminantStandardError / 2 }
    (residual, iterations, isConverged) = (
      outcome.residual, outcome.iterations, outcome.isConverged
    )
    searchSeconds = (searched - start) / .seconds(1)
    factorSeconds = (clock.now - searched) / .seconds(1)
  }
}
