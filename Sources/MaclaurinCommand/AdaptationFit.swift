import Maclaurin

/// A posterior that was fitted, and what the fit took.
struct AdaptationFit {
  var posterior: any Posterior
  var likelihood: SavedPosterior.Likelihood
  var hyperparameters: GaussianHyperparameters
  /// log p(y), of a softmax Laplace's approximation of it; nil where the solver does not know it.
  var logMarginalLikelihood: Double?
  /// By the name that --solver has for it.
  var solver: String
  /// Why this solver, a sentence.
  var reason: String?
  /// Where the search for σp and σ ended at a bound: "the lower bound of --noise-std".
  var bounds: [String] = []
  /// How σp and σ were found, as gp says it; nil where they were given.
  var search: JSONValue?
  /// The standard error of an estimated log determinant.
  var logDeterminantError: Double?
  /// Products of an iterative solver.
  var iterations: Int?
  var residual: Double?
  /// Floating-point operations of contractions: the kernel's, and those of factorizations.
  var flops: Double
  var seconds: Double

  /// The solution's vectors, for a file; none of an iterative solver.
  var state: [String: [Double]] {
    if let exact = posterior as? ExactPosterior { return exact.state }
    if let laplace = posterior as? LaplacePosterior { return laplace.state }
    return [:]
  }

  /// - Parameters:
  ///   - inputs: on the device, [n, features].
  ///   - settings: of a softmax only the solver and σp are taken.
  init(
    _ model: LinearizedNetwork, _ part: AdaptExamples.Part, _ inputs: Matrix,
    _ likelihood: SavedPosterior.Likelihood, _ settings: GaussianProcessFit.Settings,
    by algebra: any DenseLinearAlgebra, progress: (String, Int, Int) -> Void
  ) throws {
    let start = ContinuousClock.now
    switch likelihood {
    case .gaussian:
      try self.init(normal: model, inputs, part.targets, settings, by: algebra, progress: progress)
    case .softmax:
      let observations = try ClassObservations(
        inputs, labels: part.labels ?? [], classes: model.outputs)
      try self.init(
        softmax: model, observations, ClassificationFit.Settings(settings), by: algebra,
        progress: progress)
    }
    seconds = (ContinuousClock.now - start) / .seconds(1)
  }

  private init(
    normal model: LinearizedNetwork, _ inputs: Matrix, _ targets: [Double],
    _ settings: GaussianProcessFit.Settings, by algebra: any DenseLinearAlgebra,
    progress: (String, Int, Int) -> Void
  ) throws {
    let fit = try GaussianProcessFit(
      model, Observations(inputs, targets: targets), settings, by: algebra, progress: progress)
    (likelihood, posterior, hyperparameters) = (.gaussian, fit.posterior, fit.hyperparameters)
    (solver, reason, bounds) = (fit.solver.rawValue, fit.reason, fit.search?.bounds ?? [])
    (logMarginalLikelihood, seconds) = (fit.logMarginalLikelihood, 0)
    (iterations, residual) = (fit.iterations, fit.residual)
    (search, logDeterminantError) = (fit.search?.members, fit.logDeterminantError)
    flops = try GaussianProcessFit.plan(model, examples: inputs.rows, settings).flops
  }

  private init(
    softmax model: LinearizedNetwork, _ observations: ClassObservations,
    _ settings: ClassificationFit.Settings, by algebra: any DenseLinearAlgebra,
    progress: (String, Int, Int) -> Void
  ) throws {
    let fit = try ClassificationFit(
      model, observations, settings, by: algebra, progress: progress)
    (likelihood, posterior, flops, seconds) = (.softmax, fit.posterior, fit.flops, 0)
    (solver, reason) = (fit.solver.rawValue, fit.reason)
    hyperparameters = GaussianHyperparameters(priorStd: fit.priorStd, noiseStd: 0)
    (logMarginalLikelihood, residual) = (fit.logEvidence, fit.residual)
    search = fit.searchMembers
    if fit.search?.isAtBound == true { bounds = ["a bound of --prior-std"] }
  }

  // MARK: Saved

  /// What a saved posterior's solver finds of some examples, with its σp and σ.
  ///
  /// - Parameter targets: [n·O]; rows of a single 1 for a softmax.
  init(
    solving saved: SavedPosterior, _ model: LinearizedNetwork, _ inputs: Matrix,
    _ targets: [Double], start weights: [Double]? = nil, by algebra: any DenseLinearAlgebra
  ) throws {
    guard let solver = GaussianProcessFit.Solver(rawValue: saved.solver) else {
      throw GaussianProcessError(
        "\(SavedPosterior.name) was made by a solver \(saved.solver), which this program has not; "
          + "adapt again")
    }
    let start = ContinuousClock.now
    let (std, noise) = (saved.hyperparameters.priorStd, saved.hyperparameters.noiseStd)
    var settings = GaussianProcessFit.Settings(solver: solver, priorStd: std, noiseStd: noise)
    settings.iterative = saved.iterative
    switch saved.likelihood {
    case .gaussian:
      try self.init(
        normal: model, inputs, targets, settings, by: algebra, progress: { _, _, _ in })
    case .softmax:
      let observations = try ClassObservations(inputs, targets: targets, classes: model.outputs)
      var settings = ClassificationFit.Settings(settings)
      settings.start = weights
      try self.init(
        softmax: model, observations, settings, by: algebra, progress: { _, _, _ in })
    }
    seconds = (ContinuousClock.now - start) / .seconds(1)
  }

  /// A saved posterior that learns more examples, with its σp and σ: of the exact solver of a normal
  /// likelihood the factor grows by the new rows, of a softmax Newton's method goes on from the old mode,
  /// and iterative solvers begin again.
  init(
    updating folder: PosteriorFolder, _ part: AdaptExamples.Part,
    by algebra: any DenseLinearAlgebra,
    on device: any Backend
  ) throws {
    let start = ContinuousClock.now
    let saved = folder.saved
    let before =
      saved.state.isEmpty ? nil : try folder.posterior(on: device, by: algebra)
    func matrix(_ values: [Double]) throws -> Matrix {
      try device.matrix(values.count / saved.features, saved.features, saved.type, values)
    }
    if let exact = before as? ExactPosterior {
      try self.init(
        exact.appended(Observations(matrix(part.inputs), targets: part.targets)), saved)
    } else {
      let zeros = [Double](repeating: 0, count: part.targets.count)
      try self.init(
        solving: saved, folder.model(on: device), matrix(saved.inputs + part.inputs),
        saved.targets + part.targets,
        start: (before as? LaplacePosterior).map { $0.weights + zeros },
        by: algebra)
    }
    seconds = (ContinuousClock.now - start) / .seconds(1)
  }

  private init(_ posterior: ExactPosterior, _ saved: SavedPosterior) {
    (likelihood, self.posterior, solver) = (.gaussian, posterior, saved.solver)
    (hyperparameters, flops, seconds) = (saved.hyperparameters, 0, 0)
    logMarginalLikelihood = posterior.logMarginalLikelihood
  }
}
