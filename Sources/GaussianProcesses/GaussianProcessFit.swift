import Compute
import TangentKernels

/// A linearized network that has learned from observations, and what is to be said of it: the one place
/// where a solver is chosen and σp and σ are.
public struct GaussianProcessFit {
  public enum Solver: String, Sendable, CaseIterable {
    /// `ExactPosterior`
    case exact
  }

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
  public var logMarginalLikelihood: Double
  /// Its standard error, where it is an estimate.
  public var logMarginalLikelihoodError: Double?
  /// ‖Aα − (y − m)‖/‖y − m‖
  public var residual: Double
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
    switch plan.solver {
    case .exact:
      try self.init(exact: model, observations, settings, plan, by: algebra, progress: progress)
    }
  }

  // MARK: Exact

  /// Which solver, and what it takes before predictions; nothing is computed.
  public struct Plan: Sendable {
    public var solver: Solver
    /// Why, a sentence.
    public var reason: String
    public var bytes: Double
    public var flops: Double
  }

  /// The plan for n examples.
  ///
  /// - Throws: `NetworkError` for a network without derivatives.
  public static func plan(
    _ model: LinearizedNetwork, examples n: Int, _ settings: Settings
  ) throws -> Plan {
    let size = Double(n * model.outputs)
    let kernel = try model.kernelCost(n)
    var (kernels, flops) = (1.0, kernel.contractions.flops + size * size * size / 3)
    if settings.hasLayerPriors {
      // One for each layer, A, its inverse, and the sum; each search takes some fifty points.
      kernels = Double(model.layers.count) + 4
      flops += 50 * Double(settings.starts) * 7 / 3 * size * size * size
    } else if settings.given == nil {
      kernels = 2
      flops += 4 / 3 * size * size * size
    }
    let bytes = 8 * size * size * kernels + Double(kernel.peakBytes)
    return Plan(
      solver: .exact,
      reason: "the exact solver factorizes \(Int(size)) outputs, in \(Self.text(bytes))",
      bytes: bytes, flops: flops)
  }

  /// Makes K, chooses σp and σ where they are not given, and factorizes.
  private init(
    exact model: LinearizedNetwork, _ observations: Observations, _ settings: Settings,
    _ plan: Plan, by algebra: any DenseLinearAlgebra, progress: (String, Int, Int) -> Void
  ) throws {
    guard plan.bytes <= Double(settings.memory) else {
      throw GaussianProcessError(
        "the exact solver needs \(Self.text(plan.bytes)) for \(observations.count) examples with "
          + "\(model.outputs) outputs, and there are \(Self.text(Double(settings.memory))); give "
          + "fewer examples"
          + (settings.given == nil ? ", or both --prior-std and --noise-std" : "")
      )
    }
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
    (solver, logMarginalLikelihood) = (.exact, posterior.logMarginalLikelihood)
    residual = posterior.relativeResidual ?? 0
    reason = plan.reason
  }

  /// Bytes for people.
  static func text(_ bytes: Double) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    var (value, unit) = (bytes, 0)
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit == 0 ? "\(Int(value)) B" : "\((value * 10).rounded() / 10) \(units[unit])"
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
