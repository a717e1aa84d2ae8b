import Compute

/// Extreme eigenvalues of a symmetric operator by Lanczos's method (1950) with full
/// reorthogonalization, done twice (Parlett, The Symmetric Eigenvalue Problem, chapter 13).
///
/// After m products A Q = Q T + β_m q_{m+1} e_mᵀ, Q orthonormal rows q_1 … q_m, T tridiagonal. An
/// eigenpair (θ, s) of T gives x = Σ s_i q_i with ‖Ax − θx‖ = |β_m s_m|: within that of θ there is
/// an eigenvalue of A (up to the rounding of the products). The largest θ is never above the largest
/// eigenvalue and the smallest never below the smallest. T's eigenvalues are found on the host in
/// Double, and sums by canonical orders, so that results have the same bits on every back end.
///
/// One start sees one eigenvector of a multiple eigenvalue; `largest` starts anew beside what it has
/// found, so that it counts multiplicities.
public struct Lanczos: Sendable {
  /// Bounds are wanted at most this times the largest |θ|.
  public var tolerance: Double
  /// The most products with A (for `largest`, per eigenvalue).
  public var limit: Int
  /// Of the starts, normal numbers of a stream of their own.
  public var seed: UInt64

  public init(tolerance: Double = 1e-3, limit: Int = 100, seed: UInt64 = 0) {
    precondition(limit >= 1, "at least one product")
    self.tolerance = tolerance
    self.limit = limit
    self.seed = seed
  }

  /// θ and |β_m s_m|; not numbers where the operator's products are not finite.
  public struct Value: Sendable, Equatable {
    public var value: Double
    public var residual: Double
  }

  public struct Extremes: Sendable, Equatable {
    public var largest: Value
    public var smallest: Value
    /// Products with A.
    public var products: Int
    /// Whether both bounds are below the tolerance.
    public var isConverged: Bool
  }

  /// Both ends of the spectrum. Waits.
  public func extremes(_ a: any SymmetricOperator) throws -> Extremes {
    var run = try Run(a, OrthonormalBasis(a.dimension, a.type, on: a.backend), seed, start: 0)
    let isConverged = try run.iterate(self) { [$0[0], $0[$0.count - 1]] }
    return Extremes(
      largest: run.ritz[0], smallest: run.ritz[run.ritz.count - 1], products: run.products,
      isConverged: isConverged)
  }

  /// The `count` largest eigenvalues, descending, with their multiplicities; fewer where the space
  /// has fewer dimensions. Waits.
  public func largest(_ count: Int, of a: any SymmetricOperator) throws -> [Value] {
    let found = OrthonormalBasis(a.dimension, a.type, on: a.backend)
    var values: [Value] = []
    for index in 0..<min(count, a.dimension) {
      let basis = OrthonormalBasis(a.dimension, a.type, on: a.backend)
      for row in 0..<found.count { try basis.append(1, found[row]) }
      var run = try Run(
        a, basis, seed, start: index, size: values.reduce(0) { max($0, abs($1.value)) })
      _ = try run.iterate(self) { [$0[0]] }
      guard let value = run.ritz.first else { break }
      values.append(value)
      guard index + 1 < count, let vector = try run.firstVector() else { break }
      try found.append(1, vector)
    }
    return values.sorted { $0.value > $1.value }
  }
}
