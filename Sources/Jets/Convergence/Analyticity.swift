/// What a power series can meet in the complex plane, as far as the function's make is known.
public enum Analyticity: String, Sendable, Codable, Comparable {
  /// The series ends.
  case polynomial
  /// It converges everywhere.
  case entire
  /// Where it is singular, it has poles, at least at the nearest place.
  case poles
  /// Logarithms or roots, besides poles.
  case branchPoints = "branch_points"

  private var rank: Int {
    switch self {
    case .polynomial: 0
    case .entire: 1
    case .poles: 2
    case .branchPoints: 3
    }
  }

  public static func < (a: Analyticity, b: Analyticity) -> Bool { a.rank < b.rank }
}
