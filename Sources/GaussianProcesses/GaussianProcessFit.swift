import Compute
import TangentKernels

/// A linearized network that has learned from observations, and what is to be said of it: the one place
/// where a solver is chosen and σp and σ are.
public struct GaussianProcessFit {
  public typealias Solver = GaussianSolver

  /// What is asked for.
  public struct Settings: Sendable {
    /// nil: chosen.
    public var solver: Solver?
    /// σp and σ; nil where the marginal likelihood is to choose them.
    public var priorStd: Double?
    public var noiseStd: Double?
    /// Whether each layer has a σp of its own, chosen by the marginal likelihood.
    public var hasLayerPriors = false
    /// How many searches for them.
    public var starts = MarginalLikelihood.defaultStarts
    /// Bytes that may be used.
    public var memory = HostMachine.memory
    public var rates = SolverRates()
    /// Of cg and parameter-space.
    public var iterative = IterativeSettings()
    /// What is to be predicted, which the choice of a solver depends on.
    public var testExamples = 1
    public var form = CovarianceForm.none
    /// Whether log p(y) is wanted of a solver for which it is more work than the solution.
    public var wantsLikelihood = false

    public init(solver: Solver? = nil, priorStd: Double? = nil, noiseStd: Double? = nil) {
      (self.solver, self.priorStd, self.noiseStd) = (solver, priorStd, noiseStd)
    }

    var given: GaussianHyperparameters? {
      guard let priorStd, let noiseStd, !hasLayerPriors else { return nil }
      return GaussianHyperparameters(priorStd: priorStd, noiseStd: noiseStd)
    }
  }

  /// Its model has other scales than the given one where layers have priors of their own.
  public var posterior: any Posterior
  public var hyperparameters: GaussianHyperparameters
  public var solver: Solver
  /// Why this solver, a sentence.
  public var reason: String
  /// log p(y | σp, σ)
  public var logMarginalLikelihood: Double?
  /// The standard error of log det A, where it is an estimate; half of it is that of log p(y).
  public var logDeterminantError: Double?
  /// ‖Aα − (y − m)‖/‖y − m‖; in parameter space that of its own equations.
  public var residual: Double
  /// Of cg and parameter-space.
  public var iterations: Int?
  /// Whether the residual is within the tolerance.
  public var isConverged = true
  /// How σp and σ were found; nil where both were given.
  public var search: HyperparameterSearch?
  /// What the making of the kernel took, and the contractions' part of its work.
  public var kernelSeconds = 0.0
  public var kernelFlops = 0.0
  /// What the search, and what the factorization and the solve took.
  public var searchSeconds = 0.0
  public var factorSeconds = 0.0

  /// - Parameter progress: called with what is done now, and how many of its parts are done.
  /// - Throws: `GaussianProcessError` where the solver does not fit into memory, where A is singular, and
  ///   where the marginal likelihood has no maximum. Waits.
  public init(
    _ model: LinearizedNetwork, _ observations: Observations, _ settings: Settings,
    by algebra: any DenseLinearAlgebra,
    progress: (String, Int, Int) -> Void = { _, _, _ in }
  ) throws {
    let plan = try Self.plan(model, examples: observations.count, settings)
    if plan.solver == .exact {
      try self.init(exact: model, observations, settings, plan, by: algebra, progress: progress)
    } else {
      try self.init(
        iterative: model, observations, settings, plan, by: algebra, progress: progress)
    }
  }

  // MARK: Exact

  /// Which solver, and what it takes; nothing is computed.
  public struct Plan: Sendable {
    public var solver: Solver
    /// Why, a sentence.
    public var reason: String
    public var bytes: Double
    public var flops: Double
    /// Of all solvers that could be taken.
    public var costs: [SolverCost]
  }

  /// The plan for n examples.
  ///
  /// - Throws: `NetworkError` for a network without derivatives, `GaussianProcessError` where the solver
  ///   does not fit into memory.
  public static func plan(
    _ model: LinearizedNetwork, examples n: Int, _ settings: Settings
  ) throws -> Plan {
    let problem = try SolverProblem(
      model, examples: n, testExamples: settings.testExamples, settings.form,
      choosesHyperparameters: settings.given == nil, settings.iterative)
    if settings.hasLayerPriors { return try layeredPlan(model, problem, settings) }
    let needsExact = settings.solver == nil && settings.noiseStd == 0
    let choice = try SolverChoice(
      problem, memory: Double(settings.memory), rates: settings.rates,
      given: needsExact ? .exact : settings.solver, isNoiseless: settings.noiseStd == 0)
    let cost = choice.costs.first { $0.solver == choice.solver }!
    return Plan(
      solver: choice.solver,
      reason: needsExact
        ? "the exact solver, because the others need a noise above 0" : choice.reason,
      bytes: cost.bytes, flops: cost.flops, costs: choice.costs)
  }

  /// With a kernel for each layer in memory.
  private static func layeredPlan(
    _ model: LinearizedNetwork, _ problem: SolverProblem, _ settings: Settings
  ) throws -> Plan {
    guard settings.solver ?? .exact == .exact else {
      throw GaussianProcessError(
        "priors of layers are chosen with their kernels in memory; take --solver exact")
    }
    let size = Double(problem.rows)
    var cost = SolverCost(.exact, problem)
    // One for each layer, A, its inverse, and the sum; each search takes some fifty points.
    cost.bytes += 8 * size * size * (Double(model.layers.count) + 2)
    cost.flops += 50 * Double(settings.starts) * 7 / 3 * size * size * size
    guard cost.bytes <= Double(settings.memory) else {
      throw GaussianProcessError(
        "priors of layers need \(SolverChoice.bytes(cost.bytes)) for \(problem.rows) outputs of "
          + "examples, and there are \(SolverChoice.bytes(Double(settings.memory))); leave "
          + "--per-layer-prior out, or give fewer examples")
    }
    return Plan(
      solver: .exact,
      reason: "the exact solver, because priors of layers are chosen with their kernels in memory",
      bytes: cost.bytes, flops: cost.flops, costs: [cost])
  }

  /// Makes K, chooses σp and σ where they are not given, and factorizes.
  private init(
    exact model: LinearizedNetwork, _ observations: Observations, _ settings: Settings,
    _ plan: Plan, by algebra: any DenseLinearAlgebra, progress: (String, Int, Int) -> Void
  ) throws {
    var (used, hyperparameters, found) = (model, settings.given, HyperparameterSearch?.none)
    let clock = ContinuousClock()
    var start = clock.now
    func lap() -> Double {
      let now = clock.now
      defer { start = now }
      return (now - start) / .seconds(1)
    }
    var kernel: [Double]
    if settings.hasLayerPriors {
      let layers = model.layers
      var kernels: [[Double]] = []
      for layer in layers {
        let part = model.replacing(scales: layer.scales)
        kernels.append(
          try part.kernelMatrix(observations.inputs) {
            progress("tiles of the kernel of \(layer.name)", $0, $1)
          })
        kernelFlops += try part.kernelCost(observations.count).contractions.flops
      }
      kernelSeconds = lap()
      progress("the search for the priors of layers", 0, 1)
      let likelihood = LayeredMarginalLikelihood(
        kernels: kernels, residuals: try model.residuals(observations), by: algebra)
      var (stds, search) = try likelihood.maximum(
        noiseStd: settings.noiseStd, layers: layers.map(\.name), starts: settings.starts)
      let largest = search.hyperparameters.priorStd
      for index in layers.indices { stds[index] /= largest }
      let scales = model.scales.indices.map { tensor in
        layers.indices.reduce(0) { $0 + stds[$1] * layers[$1].scales[tensor] }
      }
      search.scales = scales
      (used, found, hyperparameters) = (
        model.replacing(scales: scales), search, search.hyperparameters
      )
      kernel = likelihood.sum(stds.dropLast() + [0])
      searchSeconds = lap()
    } else {
      kernel = try model.kernelMatrix(observations.inputs) {
        progress("tiles of the kernel", $0, $1)
      }
      kernelFlops = try model.kernelCost(observations.count).contractions.flops
      kernelSeconds = lap()
    }
    if hyperparameters == nil {
      progress("the search for --prior-std and --noise-std", 0, 1)
      let search = try MarginalLikelihood(
        kernel: kernel, residuals: model.residuals(observations), by: algebra
      ).maximum(
        priorStd: settings.priorStd, noiseStd: settings.noiseStd, starts: settings.starts)
      (found, hyperparameters) = (search, search.hyperparameters)
      searchSeconds = lap()
    }
    guard let hyperparameters else { preconditionFailure("given or found") }
    progress("the factorization", 0, 1)
    let posterior = try ExactPosterior(
      used, observations, hyperparameters, kernel: consume kernel, by: algebra)
    factorSeconds = lap()
    (self.posterior, self.hyperparameters, search) = (posterior, hyperparameters, found)
    (solver, logMarginalLikelihood) = (plan.solver, posterior.logMarginalLikelihood)
    residual = posterior.relativeResidual ?? 0
    reason = plan.reason
  }
}

extension LinearizedNetwork {
  /// The layers that move, each with the scales of its own tensors, 0 for the others.
  var layers: [(name: String, scales: [Double])] {
    var result: [(name: String, scales: [Double])] = []
    for (index, tensor) in network.parameters.enumerated() where scales[index] != 0 {
      let name = String(TensorSelection.layer(tensor))
      if result.last?.name != name {
        result.append((name, [Double](repeating: 0, count: scales.count)))
      }
      result[result.count - 1].scales[index] = scales[index]
    }
    return result
  }
}
