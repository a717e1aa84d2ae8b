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
  /// Of an iterative solver: products, the residual, and whether it is within the tolerance.
  var iterations: Int?
  var residual: Double?
  var isConverged = true
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
      try self.init(softmax: model, observations, settings, by: algebra, progress: progress)
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
    (iterations, residual, isConverged) = (fit.iterations, fit.residual, fit.isConverged)
    flops = try GaussianProcessFit.plan(model, examples: inputs.rows, settings).flops
  }

  private init(
    softmax model: LinearizedNetwork, _ observations: ClassObservations,
    _ settings: GaussianProcessFit.Settings, start weights: [Double]? = nil,
    by algebra: any DenseLinearAlgebra, progress: (String, Int, Int) -> Void
  ) throws {
    (likelihood, seconds) = (.softmax, 0)
    let (n, o) = (observations.count, model.outputs)
    let fits = LaplacePosterior.memory(examples: n, outputs: o) <= settings.memory
    let given = settings.solver
    if given == .parameterSpace || given == nil && !fits {
      guard let priorStd = settings.priorStd else {
        throw Misuse(
          "Laplace's approximation in parameter space has no evidence to choose the prior by; give "
            + "--prior-std")
      }
      progress("Newton's method", 0, 1)
      var limits = LaplaceParameterPosterior.Limits()
      limits.tolerance = settings.iterative.tolerance
      let laplace = try LaplaceParameterPosterior(
        model, observations, priorStd: priorStd, limits: limits)
      (posterior, solver) = (laplace, GaussianProcessFit.Solver.parameterSpace.rawValue)
      hyperparameters = GaussianHyperparameters(priorStd: priorStd, noiseStd: 0)
      // A product with J and one with Jᵀ, each about a pass forward and back.
      flops =
        Double(laplace.iterations + laplace.newtonSteps) * 12 * Double(n)
        * Double(model.network.layers.reduce(0) { $0 + $1.products })
      return
    }
    guard given == nil || given == .exact else {
      throw Misuse(
        "--solver \(given?.rawValue ?? "") goes with --likelihood gaussian; classes take exact or "
          + "parameter-space")
    }
    try LaplacePosterior.checkMemory(examples: n, outputs: o, limit: settings.memory)
    let kernel = try model.kernelMatrix(observations.inputs) {
      progress("tiles of the kernel", $0, $1)
    }
    progress("Newton's method", 0, 1)
    let mean = try model.mean(observations.inputs)
    let (std, approximation, steps): (Double, LaplaceApproximation, Int)
    if let priorStd = settings.priorStd {
      let found = try LaplaceApproximation(
        kernel: kernel, prior: priorStd * priorStd, mean: mean, targets: observations.targets,
        outputs: o, start: weights, by: algebra)
      (std, approximation, steps) = (priorStd, found, found.iterations + 1)
    } else {
      let search = try LaplacePriorSearch(
        kernel: kernel, mean: mean, targets: observations.targets, outputs: o, by: algebra)
      (std, approximation) = (search.priorStd, search.approximation)
      steps = search.evaluations.reduce(0) { $0 + $1.iterations + 1 }
      if search.isAtBound { bounds = ["a bound of --prior-std"] }
    }
    (posterior, solver) = (
      try LaplacePosterior(model, observations.inputs, approximation, priorStd: std), "exact"
    )
    hyperparameters = GaussianHyperparameters(priorStd: std, noiseStd: 0)
    logMarginalLikelihood = approximation.logEvidence
    let size = Double(n * o)
    flops = try model.kernelCost(n).contractions.flops + Double(steps) * (size * size * size / 3)
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
      try self.init(
        softmax: model, observations, settings, start: weights, by: algebra,
        progress: { _, _, _ in })
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
