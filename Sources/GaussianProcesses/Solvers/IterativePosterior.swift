import Compute
import Glibc
import TangentKernels

/// The posterior in function space from products with K alone, which is never formed:
/// A α = y − m by preconditioned conjugate gradients, A = σp²K + σ²I, then
///
///     mean        m* + σp²J* R² Jᵀα
///     covariance  σp²K** − C A⁻¹ Cᵀ,   C = σp²K*.
///
/// By solves A X = Cᵀ with residuals E = Cᵀ − A X it is CX + XᵀE that is taken away, which leaves out
/// EᵀA⁻¹E alone; by Lanczos's method C Qᵀ(σp²T + σ²I)⁻¹Q Cᵀ, Q the Krylov space of y − m. Both leave the
/// covariance too large, if anything, so that no variance can become negative but by rounding.
///
/// Gardner et al. 2018, arXiv 1809.11165; Pleiss et al. 2018, arXiv 1803.06058; Maddox et al. 2021,
/// arXiv 2103.01439.
public final class IterativePosterior: IterativelySolved {
  public let system: KernelSystem
  public let hyperparameters: GaussianHyperparameters
  /// α, [n·O].
  public let weights: [Double]
  /// Of the solve for α.
  public let outcome: SolverOutcome
  /// Of all solves for covariances so far.
  public private(set) var covarianceOutcome: SolverOutcome?
  /// (y − m)ᵀA⁻¹(y − m)
  public let quadraticForm: Double
  private let space: FunctionSpace
  private let method: BlockConjugateGradients
  /// R Jᵀα, 1×P.
  private let direction: Matrix

  public var model: LinearizedNetwork { system.model }

  /// - Throws: `GaussianProcessError` for a noise of 0, and where products are not finite. Waits.
  public convenience init(
    _ model: LinearizedNetwork, _ observations: Observations,
    _ hyperparameters: GaussianHyperparameters, _ settings: IterativeSettings = .init(),
    by algebra: any DenseLinearAlgebra
  ) throws {
    try self.init(KernelSystem(model, observations, settings, by: algebra), hyperparameters)
  }

  public init(_ system: KernelSystem, _ hyperparameters: GaussianHyperparameters) throws {
    try system.check(hyperparameters, solver: .cg)
    (self.system, self.hyperparameters) = (system, hyperparameters)
    let model = system.model
    space = FunctionSpace(
      products: system.products, hyperparameters: hyperparameters,
      preconditioner: try system.preconditioner(hyperparameters))
    method = BlockConjugateGradients(
      tolerance: system.settings.tolerance(model.type), limit: system.settings.limit)
    let solution = try method.solve(space, system.residuals, count: 1)
    guard solution.outcome.residual.isFinite else {
      throw GaussianProcessError(
        "products with the kernel are not finite; scale the inputs or the weights down")
    }
    (weights, outcome) = (solution.x, solution.outcome)
    // rᵀA⁻¹r = rᵀα + αᵀe + eᵀA⁻¹e, e the solve's residual.
    quadraticForm =
      space.products(system.residuals, weights)[0] + space.products(weights, solution.residual)[0]
    direction = try model.pull(
      model.backend.matrix(system.inputs.rows, model.outputs, model.type, weights), count: 1,
      system.inputs)
  }

  /// log p(y), with the determinant by stochastic Lanczos quadrature and the quadratic form by the
  /// solve. Waits.
  public func logMarginalLikelihood() throws -> KrylovLikelihood.Estimate {
    var estimate = try system.likelihood().estimate(hyperparameters)
    estimate.replace(quadraticForm: quadraticForm)
    return estimate
  }

  /// How covariances of so many outputs are found.
  public func varianceMethod(_ count: Int) -> VarianceMethod {
    system.settings.variances ?? .choose(count, rows: system.residuals.count)
  }

  public func predict(_ inputs: Matrix, _ form: CovarianceForm) throws -> GaussianOutputs {
    var mean = try model.mean(inputs)
    let change = try model.backend.download(model.push(direction, inputs))
    for index in mean.indices { mean[index] += hyperparameters.priorVariance * change[index] }
    guard form != .none else { return GaussianOutputs(outputs: model.outputs, mean: mean) }
    let (m, o) = (inputs.rows, model.outputs)
    let method = varianceMethod(m * o)
    // The whole covariance needs all rows at a time.
    let most = max(1, system.products.vectorsAtOnce / o)
    let step = form == .full ? m : min(m, most)
    var covariance: [Double] = []
    for first in stride(from: 0, to: m, by: step) {
      let part = inputs.rows(first..<min(m, first + step))
      var prior = try model.priorCovariance(part, form)
      for index in prior.indices { prior[index] *= hyperparameters.priorVariance }
      let explained = try explained(part, method)
      Self.subtract(explained, from: &prior, form, outputs: o)
      covariance += prior
    }
    return GaussianOutputs(outputs: o, mean: mean, form, covariance)
  }

  /// About C A⁻¹ Cᵀ, [m·O, m·O].
  private func explained(_ x: Matrix, _ method: VarianceMethod) throws -> [Double] {
    let (n, algebra) = (system.products.dimension, system.algebra)
    var cross = try system.products.rows(x)
    for index in cross.indices { cross[index] *= hyperparameters.priorVariance }
    let rows = cross.count / n
    switch method {
    case .solves:
      var (solutions, residuals) = ([Double](), [Double]())
      for first in stride(from: 0, to: rows, by: system.products.vectorsAtOnce) {
        let last = min(rows, first + system.products.vectorsAtOnce)
        let solution = try self.method.solve(
          space, Array(cross[(first * n)..<(last * n)]), count: last - first)
        solutions += solution.x
        residuals += solution.residual
        note(solution.outcome)
      }
      var result = try algebra.product(
        cross, transposed: false, solutions, transposed: true, m: rows, k: n, n: rows)
      let rest = try algebra.product(
        solutions, transposed: false, residuals, transposed: true, m: rows, k: n, n: rows)
      for index in result.indices { result[index] += rest[index] }
      return result
    case .lanczos:
      let krylov = try system.krylovSpace()
      let k = krylov.count
      guard k > 0 else { return [Double](repeating: 0, count: rows * rows) }
      var small = [Double](repeating: 0, count: k * k)
      for i in 0..<k {
        small[i * k + i] =
          hyperparameters.priorVariance * krylov.diagonal[i] + hyperparameters.noiseVariance
        guard i + 1 < k else { break }
        small[i * k + i + 1] = hyperparameters.priorVariance * krylov.beside[i]
        small[(i + 1) * k + i] = small[i * k + i + 1]
      }
      guard let factor = try CholeskyFactor(small, k, by: algebra) else {
        throw GaussianProcessError(
          "the noise is below the rounding of products; give a larger --noise-std, or --dtype float64"
        )
      }
      let projected = try algebra.product(
        cross, transposed: false, krylov.basis, transposed: true, m: rows, k: n, n: k)
      let half = try factor.halfSolve(rows: projected)
      return try algebra.product(
        half, transposed: false, half, transposed: true, m: rows, k: k, n: rows)
    }
  }

  private func note(_ outcome: SolverOutcome) {
    guard var sum = covarianceOutcome else {
      covarianceOutcome = outcome
      return
    }
    sum.merge(outcome)
    covarianceOutcome = sum
  }

  /// covariance ← covariance − E, made symmetric, no variance below 0.
  ///
  /// - Parameter explained: E, [m·O, m·O].
  static func subtract(
    _ explained: [Double], from covariance: inout [Double], _ form: CovarianceForm, outputs: Int
  ) {
    let size = form == .full ? explained.count : covariance.count
    var m = 0
    while m * m < explained.count { m += 1 }
    precondition(size > 0 && m * m == explained.count)
    for i in 0..<m {
      let first = form == .full ? 0 : form == .blocks ? i / outputs * outputs : i
      let width = form == .full ? m : form == .blocks ? outputs : 1
      for j in first...i {
        let (a, b) = (i * width + j - first, j * width + i - first)
        let place = form == .variances ? i : a
        let value = covariance[place] - 0.5 * (explained[i * m + j] + explained[j * m + i])
        covariance[place] = i == j ? max(0, value) : value
        if form != .variances { covariance[b] = covariance[place] }
      }
    }
  }
}
