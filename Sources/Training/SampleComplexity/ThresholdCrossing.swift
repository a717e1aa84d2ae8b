import Glibc

/// The number of examples from which on an error stays below a threshold.
public enum ThresholdCrossing: Sendable, Equatable {
  /// Between two measured numbers, by interpolation of log error over log n.
  case at(Double)
  /// The error is below it from the smallest measured number on.
  case atMost(Int)
  /// The error is not below it at the largest measured number.
  case above(Int)

  /// - Parameter errors: by ascending number of examples; those that are not finite are above any
  ///   threshold. Nil if there are none.
  public init?(_ errors: [(examples: Int, error: Double)], threshold: Double) {
    func isBelow(_ error: Double) -> Bool { error <= threshold }
    guard let first = errors.first, let last = errors.last else { return nil }
    guard let above = errors.lastIndex(where: { !isBelow($0.error) }) else {
      self = .atMost(first.examples)
      return
    }
    guard above + 1 < errors.count else {
      self = .above(last.examples)
      return
    }
    let (left, right) = (errors[above], errors[above + 1])
    // Beyond an infinite error there is nothing to interpolate.
    guard left.error.isFinite, right.error > 0 else {
      self = .at(Double(right.examples))
      return
    }
    let share = log(left.error / threshold) / log(left.error / right.error)
    self = .at(
      Double(left.examples) * pow(Double(right.examples) / Double(left.examples), share))
  }

  /// The number where it was found.
  public var examples: Double? {
    if case .at(let examples) = self { examples } else { nil }
  }
}
