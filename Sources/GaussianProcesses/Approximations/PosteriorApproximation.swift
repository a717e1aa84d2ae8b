import Compute
import TangentKernels

/// Which cheaper posterior, as `--approximation` says it: `none`, `diagonal`, `kronecker`, `nystrom` or
/// `nystrom:M` with M inducing examples.
public enum PosteriorApproximation: Sendable, Equatable {
  /// The covariance alone; the mean stays the solver's.
  case structure(CurvatureStructure)
  /// Mean and covariance.
  case nystrom(inducing: Int)

  public static let forms = "none, diagonal, kronecker, or nystrom:M with M inducing examples"
  private static let defaultInducing = 100
  /// Examples at which it is compared.
  private static let comparedExamples = 32

  /// - Returns: nil for `none`.
  /// - Throws: `GaussianProcessError` for anything else.
  public static func parse(_ text: String) throws -> PosteriorApproximation? {
    if text == "none" { return nil }
    if let structure = CurvatureStructure(rawValue: text) { return .structure(structure) }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    if parts[0] == "nystrom" {
      if parts.count == 1 { return .nystrom(inducing: defaultInducing) }
      if parts.count == 2, let count = Int(parts[1]), count > 0 { return .nystrom(inducing: count) }
    }
    throw GaussianProcessError("--approximation takes \(forms), not \(text)")
  }

  /// The approximation of a posterior. Waits.
  ///
  /// - Throws: `GaussianProcessError` for a noise of 0, and as the approximations do.
  public func posterior(
    of base: any Posterior, _ observations: Observations,
    _ hyperparameters: GaussianHyperparameters, by algebra: any DenseLinearAlgebra
  ) throws -> any Posterior {
    switch self {
    case .structure(let structure):
      return try StructuredPosterior(
        base.model, structure, inputs: observations.inputs, hyperparameters, meanOf: base,
        by: algebra)
    case .nystrom(let count):
      return try NystromPosterior(
        base.model, observations, hyperparameters,
        inducing: NystromPosterior.choose(count, of: observations.count), by: algebra)
    }
  }

  /// How far an approximation is from a posterior at the first of some inputs. Waits.
  public static func error(
    of approximation: any Posterior, from base: any Posterior, at inputs: Matrix,
    noiseStd: Double, by algebra: any DenseLinearAlgebra
  ) throws -> PosteriorComparison {
    let some = inputs.rows(0..<min(inputs.rows, comparedExamples))
    return try PosteriorComparison(
      of: approximation.predict(some, .full), from: base.predict(some, .full),
      noiseStd: noiseStd, by: algebra)
  }
}

extension GaussianHyperparameters {
  /// Refuses a noise of 0, of which curvatures would be divided.
  func checkNoise() throws {
    guard noiseStd > 0 else {
      throw GaussianProcessError(
        "an approximate posterior needs a noise above 0, and --noise-std is \(noiseStd); give a positive "
          + "one, or take --approximation none")
    }
  }
}
