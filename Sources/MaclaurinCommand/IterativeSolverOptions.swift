import ArgumentParser
import Maclaurin

extension VarianceMethod: ExpressibleByArgument {}

/// How `--solver cg` and `parameter-space` work, and what any solver may take.
struct IterativeSolverOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Residual at which solvers cg and parameter-space stop, relative (default: 1e-8 in float64, 1e-5 "
        + "in float32).", valueName: "r"))
  var cgTolerance: Double?

  @Option(help: ArgumentHelp("The most iterations of a solve.", valueName: "n"))
  var cgIterations = IterativeSettings().limit

  @Option(help: ArgumentHelp("Pivots of cg's preconditioner; 0 for none.", valueName: "r"))
  var preconditionerRank = IterativeSettings().preconditionerRank

  @Option(
    help: ArgumentHelp(
      "Random signs for the log determinant; asks for the marginal likelihood where nothing else does "
        + "(default: \(IterativeSettings().probes)).", valueName: "n"))
  var probes: Int?

  @Option(
    help: ArgumentHelp(
      "Products with each of them; --variance-method lanczos takes four times as many.",
      valueName: "k"))
  var lanczosSteps = IterativeSettings().lanczosSteps

  @Option(
    help: ArgumentHelp(
      "cg's variances by solves, or bounds from above by lanczos (default: solves for up to "
        + "\(VarianceMethod.fewOutputs) outputs and where examples are few).", valueName: "how"))
  var varianceMethod: VarianceMethod?

  @Option(
    help: ArgumentHelp(
      "Memory that a solver may take, as in 1GiB (default: the machine's).", valueName: "bytes"))
  var memoryLimit: String?

  func validate() throws {
    guard cgTolerance.map({ $0 > 0 && $0 < 1 }) ?? true else {
      throw ValidationError("--cg-tolerance is between 0 and 1, not \(cgTolerance ?? 0)")
    }
    let numbers = [
      ("--cg-iterations", cgIterations, 1), ("--preconditioner-rank", preconditionerRank, 0),
      ("--probes", probes ?? 2, 2), ("--lanczos-steps", lanczosSteps, 1),
    ]
    for (name, value, least) in numbers where !(least...100_000).contains(value) {
      throw ValidationError("\(name) takes \(least) to 100000, not \(value)")
    }
    guard memoryLimit == nil || memoryLimit.flatMap(ByteCount.parse) != nil else {
      throw ValidationError(
        "--memory-limit takes bytes, as in 1GiB or 500MB, not \"\(memoryLimit ?? "")\"")
    }
  }

  /// Whether nothing is asked for.
  var isDefault: Bool {
    let other = IterativeSettings()
    return cgTolerance == nil && cgIterations == other.limit && probes == nil
      && preconditionerRank == other.preconditionerRank && lanczosSteps == other.lanczosSteps
      && varianceMethod == nil && memoryLimit == nil
  }

  func apply(to settings: inout GaussianProcessFit.Settings) throws {
    settings.iterative = IterativeSettings(
      tolerance: cgTolerance, limit: cgIterations, preconditionerRank: preconditionerRank,
      probes: probes ?? IterativeSettings().probes, lanczosSteps: lanczosSteps,
      variances: varianceMethod)
    settings.wantsLikelihood = probes != nil
    if let memoryLimit, let bytes = ByteCount.parse(memoryLimit) { settings.memory = bytes }
  }

  /// Operations of a contraction in a second, on the fastest device whose speed is known; nil where none
  /// is.
  func contractionRate(_ backend: BackendOptions) throws -> Double? {
    var backend = backend
    backend.givenType = backend.givenType ?? ScalarType.float64.rawValue
    let type = try backend.scalarType()
    let known = try backend.selection().knownProfiles(
      numerics: backend.numerics, threads: backend.threads, family: backend.kernelFamily,
      type: type)
    var fastest: Double?
    for profile in known {
      let plan = ProfiledPlan(profile)
      let (a, b, c) = (
        try plan.matrix(256, 1024, type), try plan.matrix(1024, 1024, type),
        try plan.matrix(256, 1024, type)
      )
      let product = Contraction(a, b, into: c, transposeB: true)
      try plan.run(.contraction(product))
      guard plan.seconds > 0 else { continue }
      fastest = max(fastest ?? 0, product.cost.flops / plan.seconds)
    }
    return fastest
  }
}
