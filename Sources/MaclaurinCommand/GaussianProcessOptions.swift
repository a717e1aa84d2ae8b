import ArgumentParser
import Maclaurin

extension LinearizedNetwork.PriorMean: ExpressibleByArgument {}

/// A network as a Gaussian process: what moves, how far, and how it is solved.
struct GaussianProcessOptions: ParsableArguments {
  @Option(help: "Network file (JSON); of a run's folder its own.")
  var network: String?

  @Option(help: "θ: file.safetensors[:prefix.], a checkpoint, or a run's folder.")
  var parameters: String?

  @Option(
    help: ArgumentHelp(
      "Tensors that move: last, all, or patterns of names as --freeze takes them.",
      valueName: "which"))
  var layers = "all"

  @Option(
    help: ArgumentHelp(
      "What is predicted before any data: network, f(x; θ), or zero (default: network, but zero of "
        + "outputs that adapt draws).", valueName: "mean"))
  var priorMean: LinearizedNetwork.PriorMean?

  @Option(
    help: ArgumentHelp(
      "Standard deviation of each parameter's movement (default: by the marginal likelihood).",
      valueName: "σp"))
  var priorStd: Double?

  @Option(
    help: ArgumentHelp(
      "Standard deviation of an observed output (default: by the marginal likelihood).",
      valueName: "σ"))
  var noiseStd: Double?

  @Flag(help: "Choose a prior for each layer, by the marginal likelihood.")
  var perLayerPrior = false

  @Option(
    help: ArgumentHelp("Searches for what the marginal likelihood chooses.", valueName: "n"))
  var starts = MarginalLikelihood.defaultStarts

  @Option(
    help: ArgumentHelp(
      "auto, or "
        + GaussianProcessFit.Solver.allCases.map(\.rawValue).joined(separator: ", ") + ".",
      valueName: "name"))
  var solver = "auto"

  @OptionGroup var iterative: IterativeSolverOptions

  func validate() throws {
    for (name, value) in [("--prior-std", priorStd), ("--noise-std", noiseStd)] {
      guard let value else { continue }
      guard value >= 0, value.isFinite, value > 0 || name == "--noise-std" else {
        throw ValidationError(
          "\(name) must be \(name == "--noise-std" ? "a number that is not negative" : "positive"), "
            + "and is \(value)")
      }
    }
    guard !perLayerPrior || priorStd == nil else {
      throw ValidationError("--per-layer-prior chooses what --prior-std gives; leave one out")
    }
    guard (1...64).contains(starts) else {
      throw ValidationError("--starts takes 1 to 64, not \(starts)")
    }
    _ = try settings()
  }

  func settings() throws -> GaussianProcessFit.Settings {
    let known = GaussianProcessFit.Solver(rawValue: solver)
    guard known != nil || solver == "auto" else {
      throw ValidationError(
        "--solver takes auto, "
          + GaussianProcessFit.Solver.allCases.map(\.rawValue).joined(separator: ", ")
          + ", not \(solver)")
    }
    var settings = GaussianProcessFit.Settings(
      solver: known, priorStd: priorStd, noiseStd: noiseStd)
    (settings.hasLayerPriors, settings.starts) = (perLayerPrior, starts)
    try iterative.apply(to: &settings)
    return settings
  }

  /// Whether nothing is asked for.
  var isDefault: Bool {
    network == nil && parameters == nil && layers == "all" && priorMean == nil && priorStd == nil
      && noiseStd == nil && !perLayerPrior && starts == MarginalLikelihood.defaultStarts
      && solver == "auto" && iterative.isDefault
  }

  /// The settings with what devices are known to reach.
  func settings(_ backend: BackendOptions) throws -> GaussianProcessFit.Settings {
    var settings = try settings()
    if let rate = try iterative.contractionRate(backend) { settings.rates.products = rate }
    return settings
  }

  /// What is wrong with these options for classes, a sentence; nil where nothing is.
  var misuseOfClasses: String? {
    let others = [
      ("--noise-std", noiseStd != nil), ("--per-layer-prior", perLayerPrior),
      ("--starts", starts != MarginalLikelihood.defaultStarts),
      ("--probes", iterative.probes != nil),
      ("--variance-method", iterative.varianceMethod != nil),
    ]
    for (option, isGiven) in others where isGiven {
      return "\(option) goes with --likelihood gaussian; leave it out"
    }
    guard solver == "auto" || ClassificationFit.Solver(rawValue: solver) != nil else {
      return
        "--likelihood softmax takes --solver auto, exact or parameter-space, not \(solver)"
    }
    return nil
  }

  /// The network file, of a run's folder where none is given.
  var networkFile: String { network ?? (parameters ?? "") + "/network.json" }

  /// - Throws: `Misuse` where there are no parameters.
  func start(_ network: Network) throws -> [Double] {
    guard let parameters else { throw Misuse("give --parameters, θ") }
    return try ParameterSet.start(parameters, network)
  }

  /// The files, to be kept from being overwritten.
  var files: [(option: String, argument: String?)] {
    [
      ("--network", network), ("--parameters", parameters),
      ("--parameters", parameters.map { $0 + "/final.safetensors" }),
      ("--parameters", parameters.map { $0 + "/network.json" }),
    ]
  }

  /// The process at θ, on a back end; one that only counts reads no parameters.
  func model(
    _ network: Network, _ type: ScalarType, on device: any Backend
  ) throws -> LinearizedNetwork {
    let center = try device.matrix(1, network.parameterCount, type)
    if !(device is NullBackend) {
      try device.upload(start(network), to: center)
    }
    return LinearizedNetwork(
      network, at: center, scales: try TensorSelection.scales(layers, network),
      priorMean: priorMean ?? .network, on: device)
  }
}
