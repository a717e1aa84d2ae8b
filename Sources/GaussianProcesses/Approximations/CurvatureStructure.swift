/// What is kept of JᵀHJ where P numbers squared are too many.
public enum CurvatureStructure: String, Sendable, Codable, CaseIterable {
  /// Its diagonal.
  case diagonal
  /// For each layer a Kronecker product A ⊗ G (`KroneckerFactors`).
  case kronecker
}
