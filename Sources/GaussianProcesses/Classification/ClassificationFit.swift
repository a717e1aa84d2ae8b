import Compute
import TangentKernels

/// A linearized network that has learned classes, and what is to be said of it: the one place where a solver
/// is chosen and σp is.
public struct ClassificationFit {
  public enum Solver: String, Sendable, CaseIterable {
    /// `LaplacePosterior`
    case exact
    /// `LaplaceParameterPosterior`
    case parameterSpace = "parameter-space"
  }

  /// What is asked for.
  public struct Settings: Sendable {
    /// nil: chosen.
    public var solver: Solver?
    /// σp; nil where Laplace's evidence is to choose it.
    public var priorStd: Double?
    /// Bytes that may be used.
    public var memory = HostMachine.memory
    /// Of the solver in parameter space.
    public var limits = LaplaceParameterPosterior.Limits()
    /// a where the exact solver's Newton's method begins with a given σp; 0 for nil.
    public var start: [Double]?

    public init(solver: Solver? = nil, priorStd: Double? = nil) {
      (self.solver, self.priorStd) = (solver, priorStd)
    }

    /// What of a normal likelihood's settings goes for classes; a solver that they have not is nil.
    public init(_ settings: GaussianProcessFit.Settings) {
      self.init(
        solver: settings.solver.flatMap { Solver(rawValue: $0.rawValue) },
        priorStd: settings.priorStd)
      memory = settings.memory
      (limits.tolerance, limits.iterations) = (
        settings.iterative.tolerance, settings.iterative.limit
      )
    }
  }

  /// Which solver, and what it takes before predictions; nothing is computed.
  public struct Plan: Sendable {
    public var solver: Solver
    /// Why, a sentence.
    public var reason: String
    public var bytes: Double
    /// Nil in parameter space, whose iterations are not known before.
    public var flops: Double?
    /// What the other solver takes.
    public var otherBytes: Double
  }

  public var posterior: any Posterior
  public var priorStd: Double
  public var solver: Solver
  public var reason: String
  /// Laplace's log evidence of all examples; nil in parameter space, which has no determinant.
  public var logEvidence: Double?
  /// Steps of Newton's method to the mode, and what is left of its condition there: max |a − (t − p)|, or
  /// ‖∇ψ‖/max(1, ‖ŵ‖) in parameter space.
  public var newtonSteps: Int
  public var residual: Double
  /// How σp was found; nil where it was given.
  public var search: LaplacePriorSearch?
  /// The examples whose evidence chose σp.
  public var searchExamples = 0
  /// Floating-point operations of the kernel's contractions, and of factorizations; in parameter space of
  /// products with J and Jᵀ, each about a pass forward and back.
  public var flops: Double

  /// Logits up to which the exact solver is chosen, if it fits: beyond, factorizations take minutes.
  public static let exactSize = 10_000
  /// Logits whose evidence chooses σp for the solver in parameter space, about.
  static let searchSize = 2000

  /// The plan for n examples.
  ///
  /// - Throws: `NetworkError` for a network without derivatives.
  public static func plan(
    _ model: LinearizedNetwork, examples n: Int, _ settings: Settings
  ) throws -> Plan {
    let size = Double(n * model.outputs)
    let kernel = try model.plannedKernelCost(n)
    // K, A, and a product of K beside it. A mode takes some eight steps, a search some twenty modes.
    let bytes = 3 * 8 * size * size + kernel.bytes
    let steps = settings.priorStd == nil ? 160.0 : 8
    let exact =
      "the exact solver factorizes \(Int(size)) logits, in \(SolverChoice.bytes(bytes))"
    // Five vectors of conjugate gradients in float64 and three on the backend, for each right side.
    let parameters = model.parameterCount
    let vectors =
      Double(LaplaceParameterPosterior.block(parameters) * parameters)
      * Double(5 * 8 + 3 * model.type.byteCount)
    let isSmall = size <= Double(exactSize) && bytes <= Double(settings.memory)
    if settings.solver == .exact || settings.solver == nil && isSmall {
      return Plan(
        solver: .exact, reason: exact, bytes: bytes,
        flops: kernel.flops + steps * size * size * size / 3, otherBytes: vectors)
    }
    return Plan(
      solver: .parameterSpace,
      reason: "parameter space holds vectors of \(parameters) parameters, in "
        + "\(SolverChoice.bytes(vectors)); \(exact)",
      bytes: vectors, otherBytes: bytes)
  }

  /// - Parameter progress: called with what is done now, and how many of its parts are done.
  /// - Throws: `GaussianProcessError` where the solver does not fit into memory or does not converge. Waits.
  public init(
    _ model: LinearizedNetwork, _ observations: ClassObservations, _ settings: Settings,
    by algebra: any DenseLinearAlgebra,
    progress: (String, Int, Int) -> Void = { _, _, _ in }
  ) throws {
    let plan = try Self.plan(model, examples: observations.count, settings)
    (solver, reason) = (plan.solver, plan.reason)
    guard plan.bytes <= Double(settings.memory) else {
      throw GaussianProcessError(
        "the \(solver.rawValue) solver needs \(SolverChoice.bytes(plan.bytes)) for "
          + "\(observations.count) examples with \(model.outputs) classes, and there are "
          + "\(SolverChoice.bytes(Double(settings.memory))); "
          + (plan.otherBytes <= Double(settings.memory)
            ? "--solver \(solver == .exact ? Solver.parameterSpace.rawValue : Solver.exact.rawValue) "
              + "fits (\(SolverChoice.bytes(plan.otherBytes)))"
            : "no solver fits; give fewer examples or a smaller network"))
    }
    var work = 0.0
    /// Of a kernel between examples, and of factorizations for modes with so many Newton steps.
    func count(_ examples: Int, _ factorizations: Int) throws {
      let size = Double(examples * model.outputs)
      work += try model.kernelCost(examples).contractions.flops
      work += Double(factorizations) * size * size * size / 3
    }
    func search(_ examples: ClassObservations) throws -> LaplacePriorSearch {
      let kernel = try model.kernelMatrix(examples.inputs) {
        progress("tiles of the kernel", $0, $1)
      }
      progress("the search for --prior-std", 0, 1)
      let found = try LaplacePriorSearch(
        kernel: kernel, mean: model.mean(examples.inputs), targets: examples.targets,
        outputs: examples.classes, by: algebra)
      try count(examples.count, found.evaluations.reduce(0) { $0 + $1.iterations + 1 })
      return found
    }
    switch solver {
    case .exact:
      let approximation: LaplaceApproximation
      if let given = settings.priorStd {
        let kernel = try model.kernelMatrix(observations.inputs) {
          progress("tiles of the kernel", $0, $1)
        }
        progress("Newton's method", 0, 1)
        priorStd = given
        approximation = try LaplaceApproximation(
          kernel: kernel, prior: given * given, mean: model.mean(observations.inputs),
          targets: observations.targets, outputs: observations.classes, start: settings.start,
          by: algebra)
        try count(observations.count, approximation.iterations + 1)
      } else {
        let found = try search(observations)
        (self.search, searchExamples) = (found, observations.count)
        (priorStd, approximation) = (found.priorStd, found.approximation)
      }
      posterior = try LaplacePosterior(
        model, observations.inputs, approximation, priorStd: priorStd)
      logEvidence = approximation.logEvidence
      (newtonSteps, residual) = (approximation.iterations, approximation.residual)
    case .parameterSpace:
      if let given = settings.priorStd {
        priorStd = given
      } else {
        let part = try observations.part(
          max(1, Self.searchSize / observations.classes), on: model.backend)
        let found = try search(part)
        (self.search, searchExamples, priorStd) = (found, part.count, found.priorStd)
        reason += "; the prior is chosen by the evidence of \(part.count) examples"
      }
      progress("Newton's method", 0, 1)
      let found = try LaplaceParameterPosterior(
        model, observations, priorStd: priorStd, limits: settings.limits)
      posterior = found
      (newtonSteps, residual) = (found.newtonSteps, found.residual)
      work +=
        Double(found.iterations + found.newtonSteps) * 12 * Double(observations.count)
        * Double(model.network.layers.reduce(0) { $0 + $1.products })
    }
    flops = work
  }
}

extension ClassObservations {
  /// At most `count` of the examples, evenly chosen.
  func part(_ count: Int, on backend: any Backend) throws -> ClassObservations {
    guard count < self.count else { return self }
    let (values, features) = (try backend.download(inputs), inputs.columns)
    var (chosen, targets): ([Double], [Double]) = ([], [])
    for place in 0..<count {
      let row = place * self.count / count
      chosen += values[(row * features)..<((row + 1) * features)]
      targets += self.targets[(row * classes)..<((row + 1) * classes)]
    }
    return try ClassObservations(
      backend.matrix(count, features, inputs.type, chosen), targets: targets, classes: classes)
  }
}
