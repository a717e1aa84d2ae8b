/// How a Gaussian process is solved.
public enum GaussianSolver: String, Sendable, Codable, CaseIterable {
  /// The kernel between all outputs and its factorization (`ExactPosterior`).
  case exact
  /// Conjugate gradients on products with the kernel (`IterativePosterior`).
  case cg
  /// Conjugate gradients on Gauss–Newton products (`ParameterSpacePosterior`).
  case parameterSpace = "parameter-space"
}
