/// How predictions are computed, and what that takes: a pure function of sizes and times.
public enum KernelSolve: String, Sendable, Equatable {
  /// R⁻¹ by a factorization: the end of training, t = ∞.
  case cholesky
  /// Functions of R by its eigenvectors: any times.
  case eigendecomposition
  /// Steps of a differential equation, each a product with R: other losses, momentum, and kernels
  /// that are too large for an eigendecomposition.
  case ode

  /// The most rows of an eigendecomposition: its workspace of 1 + 6n + 2n² numbers (LAPACK's dsyevd) is
  /// counted in 32-bit integers.
  public static let largestEigenproblem = 32_766

  /// - Throws: `KernelError` for a matrix of more rows than that.
  static func checkEigenproblem(_ dimension: Int) throws {
    guard dimension > largestEigenproblem else { return }
    throw KernelError(
      "an eigendecomposition of \(dimension) rows has a workspace that LAPACK's 32-bit integers cannot "
        + "count (\(largestEigenproblem) rows is the most); take time inf alone, which needs a "
        + "Cholesky factorization, the ode solver, or fewer training examples")
  }

  /// - Parameters:
  ///   - dimension: rows of the kernel between training examples.
  ///   - times: when predictions are wanted.
  ///   - isLinear: whether the loss is mse, and there is no momentum.
  /// - Throws: `KernelError` where an eigendecomposition would be needed and is too large.
  public static func choose(
    dimension: Int, times: [Double], isLinear: Bool = true
  ) throws -> KernelSolve {
    if times.allSatisfy({ $0 == .infinity }) { return .cholesky }
    guard isLinear else { return .ode }
    try checkEigenproblem(dimension)
    return .eigendecomposition
  }

  /// Bytes at once and floating-point operations, at most, of the solve and the predictions; kernels
  /// count as memory, not as work. Of an ode, operations per step.
  ///
  /// - Parameters:
  ///   - n: rows of the kernel between training examples.
  ///   - m: rows of that between test examples.
  ///   - columns: columns of the targets.
  ///   - hasCovariance: whether covariances are wanted, of which kind, and at how many times.
  public func cost(
    n: Int, m: Int, columns: Int, covariance: KernelKind? = nil, times: Int = 1
  ) -> (bytes: Double, flops: Double) {
    let (n, m, c, times) = (Double(n), Double(m), Double(columns), Double(times))
    // Θ, R and the cross kernel; with a covariance its own block, and K beside Θ.
    var numbers = 2 * n * n + m * n + 2 * (n + m) * c * times
    var flops = 0.0
    switch self {
    case .cholesky:
      numbers += n * n
      // The factorization; both extreme eigenvalues by some 60 products.
      flops += n * n * n / 3 + 120 * n * n + 2 * n * n * c
    case .eigendecomposition:
      numbers += 3 * n * n
      flops += 9 * n * n * n + times * 4 * n * n * c
    case .ode:
      numbers += (n + m) * (n + 9 * c)
      flops += 12 * n * (n + m) * c
    }
    flops += times * 2 * m * n * c
    if let covariance {
      numbers += 3 * m * n + 3 * m * m
      flops += times * (2 * m * n * n + 2 * m * m * n)
      if covariance == .ntk {
        numbers += n * n + m * n
        flops += times * (4 * m * n * n + 2 * m * m * n)
      }
    }
    return (8 * numbers, flops)
  }
}
