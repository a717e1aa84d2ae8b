import Compute
import Networks
import TangentKernels

/// What a Gaussian process is asked for, in sizes and in work: all that a solver's cost depends on.
public struct SolverProblem: Sendable, Equatable {
  /// n·O and m·O.
  public var rows: Int
  public var testRows: Int
  /// P
  public var parameters: Int
  public var scalarBytes: Int
  /// Whether covariances are wanted, and whether all of them.
  public var form: CovarianceForm
  /// Whether σp or σ is to be chosen.
  public var choosesHyperparameters: Bool
  /// Of the kernel between training examples.
  public var assemblyFlops: Double
  /// Beyond the kernel itself.
  public var assemblyBytes: Double
  /// Of K v and of JᵀJ v.
  public var productFlops: Double
  public var gaussNewtonFlops: Double
  /// Of their passes with one vector.
  public var productBytes: Double
  public var gaussNewtonBytes: Double
  public var settings: IterativeSettings

  public init(
    rows: Int, testRows: Int, parameters: Int, scalarBytes: Int, form: CovarianceForm,
    choosesHyperparameters: Bool, assemblyFlops: Double, assemblyBytes: Double = 0,
    productFlops: Double, gaussNewtonFlops: Double, productBytes: Double = 0,
    gaussNewtonBytes: Double = 0, settings: IterativeSettings = IterativeSettings()
  ) {
    (self.rows, self.testRows, self.parameters) = (rows, testRows, parameters)
    (self.scalarBytes, self.form) = (scalarBytes, form)
    self.choosesHyperparameters = choosesHyperparameters
    (self.assemblyFlops, self.assemblyBytes) = (assemblyFlops, assemblyBytes)
    (self.productFlops, self.gaussNewtonFlops) = (productFlops, gaussNewtonFlops)
    (self.productBytes, self.gaussNewtonBytes) = (productBytes, gaussNewtonBytes)
    self.settings = settings
  }

  /// The work of passes by what a back end that only counts is asked to run; of many examples that of
  /// some, enlarged.
  public init(
    _ model: LinearizedNetwork, examples n: Int, testExamples m: Int, _ form: CovarianceForm,
    choosesHyperparameters: Bool, _ settings: IterativeSettings
  ) throws {
    let assembly = try model.plannedKernelCost(n)
    let sample = min(n, Self.sample)
    let share = Double(n) / Double(sample)
    func pass(
      _ body: (LinearizedNetwork, Matrix, NullBackend) throws -> Void
    ) throws -> (flops: Double, bytes: Double) {
      let null = NullBackend(workspace: Workspace(convolutionBytes: model.backend.workspaceBytes))
      let (copy, x) = try model.counting(on: null, examples: sample)
      let before = null.statistics.liveBytes
      try body(copy, x, null)
      return (null.contractionCost.flops * share, Double(null.statistics.peakBytes - before))
    }
    let product = try pass { model, x, null in
      let v = try null.matrix(x.rows, model.outputs, model.type)
      _ = try model.kernel(x).products(v, count: 1)
    }
    let gaussNewton = try pass { model, x, null in
      _ = try model.gaussNewton(null.matrix(1, model.parameterCount, model.type), x)
    }
    self.init(
      rows: n * model.outputs, testRows: m * model.outputs, parameters: model.parameterCount,
      scalarBytes: model.type.byteCount, form: form,
      choosesHyperparameters: choosesHyperparameters,
      assemblyFlops: assembly.flops, assemblyBytes: assembly.bytes, productFlops: product.flops,
      gaussNewtonFlops: gaussNewton.flops, productBytes: product.bytes,
      gaussNewtonBytes: gaussNewton.bytes, settings: settings)
  }

  /// Examples of which the work is counted.
  private static let sample = 2048
}

extension LinearizedNetwork {
  /// `kernelCost` of n examples; of many outputs that of fewer examples, and of a last layer with fewer
  /// outputs, enlarged, so that planning takes no time: the work is counted pair by pair of outputs.
  func plannedKernelCost(_ n: Int) throws -> (flops: Double, bytes: Double) {
    let few = 10
    guard outputs > few,
      let fewer = try? Network(network.description.replacing(outputs: few)),
      fewer.parameters.count == scales.count
    else {
      let block = min(n, max(1, 20_000 / outputs))
      let cost = try kernelCost(block)
      let blocks = Double(n) / Double(block)
      return (cost.contractions.flops * blocks * blocks, Double(cost.peakBytes))
    }
    let null = NullBackend(workspace: Workspace(convolutionBytes: backend.workspaceBytes))
    let smaller = LinearizedNetwork(
      fewer, at: try null.matrix(1, fewer.parameterCount, type), scales: scales,
      priorMean: priorMean, passBytes: passBytes, on: null)
    let cost = try smaller.plannedKernelCost(n)
    let share = Double(outputs) / Double(few)
    return (cost.flops * share * share, cost.bytes)
  }
}

/// Operations in a second: of products with Jacobians on the device, and of float64 algebra on the host.
public struct SolverRates: Sendable, Equatable {
  public var products: Double
  public var algebra: Double

  public init(products: Double = 1e11, algebra: Double = 5e10) {
    (self.products, self.algebra) = (products, algebra)
  }
}

/// Memory and work of a solver, from beginning to end.
public struct SolverCost: Sendable, Equatable {
  public var solver: GaussianSolver
  public var bytes: Double
  public var flops: Double
  /// The part of them that is algebra on the host.
  public var hostFlops = 0.0

  public func seconds(_ rates: SolverRates) -> Double {
    (flops - hostFlops) / rates.products + hostFlops / rates.algebra
  }

  /// Iterations that are reckoned with: with a preconditioner, and without.
  static let iterations = 60.0
  static let plainIterations = 200.0

  /// N = n·O, M = m·O. A multiplication and an addition count as two operations, but in factorizations,
  /// whose N³/3 and 4N³/3 are the usual counts.
  public init(_ solver: GaussianSolver, _ problem: SolverProblem) {
    self.solver = solver
    let (n, m) = (Double(problem.rows), Double(problem.testRows))
    let settings = problem.settings
    let hasCovariance = problem.form != .none
    let vector = Double(problem.parameters * problem.scalarBytes)
    // Covariances that are held: all of them, or what is small.
    let held = 8 * (problem.form == .full ? m * m : m)
    let steps = min(n, Double(settings.lanczosSteps))
    // Of the marginal likelihood: signs, and y.
    var (spaces, basis) = (0.0, 0.0)
    if problem.choosesHyperparameters {
      spaces = Double(settings.probes + 1) * steps
      basis = min(Double(1 << 28) + 8 * steps * n, 8 * spaces * n)
    }
    switch solver {
    case .exact:
      bytes = 8 * n * n + problem.assemblyBytes
      hostFlops = n * n * n / 3
      if problem.choosesHyperparameters {
        bytes += 8 * n * n
        hostFlops += 4 * n * n * n / 3
      }
      if hasCovariance {
        bytes += 16 * min(n * m, ExactPosterior.mostNumbers(problem.rows)) + held
        hostFlops += n * n * m
      }
      flops = problem.assemblyFlops * (1 + 2 * m / n) + hostFlops
    case .cg:
      let rank = Double(min(problem.rows, settings.preconditionerRank))
      let iterations = min(n, Self.iterations)
      // Of right sides at a time.
      let block = hasCovariance ? min(32, m) : 1
      bytes = 8 * n * (2 * rank + 12 * block)
      bytes += problem.productBytes + 2 * vector * (block - 1) + basis
      // Besides iterations, passes for the diagonal and for rows of the preconditioner and for the mean.
      var products = iterations + 8 + spaces
      if hasCovariance {
        bytes += held
        if problem.form == .full { bytes += 24 * n * m }
        if (settings.variances ?? .choose(problem.testRows, rows: problem.rows)) == .solves {
          products += m * iterations
        } else {
          let steps = min(n, Double(settings.varianceSteps))
          products += steps
          bytes += 8 * steps * n
        }
      }
      hostFlops = 2 * n * rank * (rank + 2 * products)
      flops = problem.productFlops * products + hostFlops
    case .parameterSpace:
      let iterations = min(n, Double(problem.parameters), Self.plainIterations)
      let solves = hasCovariance ? 1 + m : 1
      let block = hasCovariance ? min(8, m) : 1
      bytes = vector * (7 * block + 2) + problem.gaussNewtonBytes + basis
      if hasCovariance { bytes += held }
      flops = problem.gaussNewtonFlops * solves * (iterations + 2)
      flops += problem.productFlops * spaces
      flops += 12 * Double(problem.parameters) * solves * iterations
    }
  }
}
