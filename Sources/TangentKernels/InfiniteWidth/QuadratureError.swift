/// What the series of activations without a closed form leave out.
///
/// With degree D a layer's T is off by at most √(τ_a τ_b), τ_a = E[φ(√a z)²] − Σ_{n<D} A_n(a)², for
/// examples with variances a and b, and its T′ likewise by those of φ′. These are the largest τ over all
/// examples, positions and layers seen, so they bound the error of every element of T and of T′ that
/// one layer adds; what later layers make of it, and rounding, is not in them.
public struct QuadratureError: Sendable, Equatable {
  /// Of T.
  public private(set) var value = 0.0
  /// Of T′.
  public private(set) var slope = 0.0

  mutating func include(_ series: HermiteSeries) {
    value = max(value, series.valueTail)
    slope = max(slope, series.slopeTail)
  }

  mutating func include(_ other: QuadratureError) {
    value = max(value, other.value)
    slope = max(slope, other.slope)
  }
}
