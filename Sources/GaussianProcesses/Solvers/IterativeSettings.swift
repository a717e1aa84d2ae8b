import Compute

/// How iterative solvers work.
public struct IterativeSettings: Sendable, Codable, Equatable {
  /// Of ‖b − A x‖/‖b‖; nil for 10⁻⁸ with products in float64 and 10⁻⁵ in float32.
  public var tolerance: Double?
  /// The most products for one right side.
  public var limit: Int
  /// Pivots of the preconditioner; 0 for none.
  public var preconditionerRank: Int
  /// Random vectors for the log determinant.
  public var probes: Int
  /// Products with each of them.
  public var lanczosSteps: Int
  /// Products for variances by Lanczos's method, four times as many: the variances are as much too large
  /// as the space leaves of A⁻¹, while a likelihood averages.
  public var varianceSteps: Int { 4 * lanczosSteps }
  /// Nil: the choice of `VarianceMethod.choose`.
  public var variances: VarianceMethod?
  /// Of the probes.
  public var seed: UInt64

  public init(
    tolerance: Double? = nil, limit: Int = 1000, preconditionerRank: Int = 100, probes: Int = 10,
    lanczosSteps: Int = 100, variances: VarianceMethod? = nil, seed: UInt64 = 0
  ) {
    (self.tolerance, self.limit, self.preconditionerRank) = (tolerance, limit, preconditionerRank)
    (self.probes, self.lanczosSteps) = (probes, lanczosSteps)
    (self.variances, self.seed) = (variances, seed)
  }

  public func tolerance(_ type: ScalarType) -> Double {
    tolerance ?? (type == .float64 ? 1e-8 : 1e-5)
  }
}

/// How covariances are found without a factorization.
public enum VarianceMethod: String, Sendable, Codable, CaseIterable {
  /// A solve for every output of every test example, to the tolerance.
  case solves
  /// The part of A⁻¹ in one Krylov space (Pleiss et al. 2018, arXiv 1803.06058): a bound from above,
  /// and products whose number does not grow with the test examples.
  case lanczos

  /// Outputs of test examples that are always solved for: a block of right sides.
  public static let fewOutputs = 32
  /// Numbers in all right sides up to which they are solved for too.
  static let fewNumbers = 1 << 20

  /// - Parameters:
  ///   - count: m·O.
  ///   - rows: n·O.
  public static func choose(_ count: Int, rows: Int) -> VarianceMethod {
    count <= fewOutputs || count * rows <= fewNumbers ? .solves : .lanczos
  }
}
