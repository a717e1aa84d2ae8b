/// What is observed of a network's outputs f, and the Hessian H of its negative logarithm there, which
/// is also its Fisher information.
public enum OutputLikelihood: String, Sendable, Codable, CaseIterable {
  /// Numbers with noise of standard deviation 1: H = I. With σ it is I/σ².
  case gaussian
  /// A class, with the probabilities p = softmax(f): H = diag(p) − ppᵀ.
  case softmax
}
