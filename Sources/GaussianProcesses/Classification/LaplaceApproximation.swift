import TangentKernels

/// Laplace's approximation of the logits of n examples in function space: f ~ N(m, K), K = σp²J R² Jᵀ,
/// with the likelihood of a softmax. The mode f̂ = m + K a maximises
///
///     ψ = log p(t | f) − ½ aᵀ(f − m)
///
/// by Newton's method with a = b − B A⁻¹ BᵀK b, b = W(f − m) + t − p, A = I + BᵀK B = L Lᵀ, W = B Bᵀ; a
/// step is halved until ψ grows by 10⁻⁴ of what its slope promises. At the mode a = t − p. ψ is concave,
/// so there is one. The approximate log evidence is
///
///     log p(t) ≈ −½ aᵀ(f̂ − m) + log p(t | f̂) − ½ log det A.
///
/// Rasmussen and Williams, Gaussian Processes for Machine Learning, algorithms 3.1 and 3.3, here with
/// outputs that depend on each other. The logits are linear in the parameters, so W is their exact
/// Hessian. Float64 on the host.
public struct LaplaceApproximation: Sendable {
  /// a, [n·O].
  public let weights: [Double]
  /// f̂, [n·O].
  public let logits: [Double]
  /// p at the mode, [n·O].
  public let probabilities: [Double]
  /// A = L Lᵀ at the mode.
  public let factor: CholeskyFactor
  public let logLikelihood: Double
  public let logEvidence: Double
  /// Steps of Newton's method.
  public let iterations: Int
  /// max |a − (t − p)|, 0 at the mode.
  public let residual: Double

  /// Newton's method ends where max |a − (t − p)| is at most this, or where rounding hides what a
  /// step gains.
  public static let tolerance = 1e-10
  static let mostIterations = 100
  /// What rounding may leave of the residual.
  static let largestResidual = 1e-6
  public var isConverged: Bool { residual <= Self.largestResidual }

  /// - Parameters:
  ///   - kernel: J R² Jᵀ, [n·O, n·O].
  ///   - prior: σp².
  ///   - mean: m, [n·O].
  ///   - targets: t, [n·O].
  ///   - start: a to begin with; 0 for nil.
  /// - Throws: `GaussianProcessError` where the kernel or the mean holds what is no number.
  public init(
    kernel: [Double], prior: Double, mean: [Double], targets: [Double], outputs: Int,
    start: [Double]? = nil, by algebra: any DenseLinearAlgebra
  ) throws {
    let size = mean.count
    precondition(targets.count == size && kernel.count == size * size && prior > 0)
    func covariance(_ x: [Double]) throws -> [Double] {
      var result = try algebra.product(kernel, x, m: size, k: size, n: 1)
      for index in result.indices { result[index] *= prior }
      return result
    }
    func inner(_ x: [Double], _ y: [Double]) -> Double {
      var sum = 0.0
      for index in x.indices { sum += x[index] * y[index] }
      return sum
    }
    func moved(_ x: [Double], _ step: Double, _ direction: [Double]) -> [Double] {
      var result = x
      for index in result.indices { result[index] += step * direction[index] }
      return result
    }

    var a = start ?? [Double](repeating: 0, count: size)
    /// f − m = K a
    var movement = try covariance(a)
    var iterations = 0
    var isLast = false
    while true {
      let f = moved(mean, 1, movement)
      let (p, likelihood) = SoftmaxLikelihood.evaluate(f, targets: targets, outputs: outputs)
      let objective = likelihood - inner(a, movement) / 2
      let gradient = moved(targets, -1, p)
      var residual = 0.0
      for index in 0..<size { residual = max(residual, abs(a[index] - gradient[index])) }
      let matrix = SoftmaxLikelihood.system(kernel, factor: prior, p, outputs: outputs)
      guard objective.isFinite, let factor = try CholeskyFactor(matrix, size, by: algebra) else {
        throw GaussianProcessError(
          "the logits or the kernel of the training examples hold values that are no numbers; "
            + "check the parameters and the inputs, or give a smaller --prior-std")
      }
      if residual <= Self.tolerance || isLast || iterations == Self.mostIterations {
        (weights, logits, probabilities, self.factor) = (a, f, p, factor)
        (logLikelihood, self.iterations, self.residual) = (likelihood, iterations, residual)
        logEvidence = objective - factor.logDeterminant / 2
        return
      }
      let b = moved(
        SoftmaxLikelihood.curvature(p, movement, outputs: outputs), 1, gradient)
      var half = try covariance(b)
      SoftmaxLikelihood.transposedRoot(p, rows: &half, outputs: outputs)
      let correction = SoftmaxLikelihood.root(p, try factor.solve(rows: half), outputs: outputs)
      // The direction from a to Newton's point, and what it does to the logits.
      let direction = moved(moved(b, -1, correction), -1, a)
      let change = try covariance(direction)
      let slope = inner(moved(gradient, -1, a), change)
      let rounding = 1e-14 * (1 + abs(objective))
      // A step whose gain is lost in rounding is the last one.
      isLast = !(slope > rounding)
      var step = 1.0
      while step > 1e-12 {
        let value =
          SoftmaxLikelihood.evaluate(
            moved(f, step, change), targets: targets, outputs: outputs
          ).logLikelihood
          - inner(moved(a, step, direction), moved(movement, step, change)) / 2
        if value >= objective + 1e-4 * step * slope - rounding { break }
        step /= 2
      }
      if step <= 1e-12 { isLast = true }
      a = moved(a, step, direction)
      movement = try covariance(a)
      iterations += 1
    }
  }
}
