/// What of a product decides which tile suits it: where its operands' neighbours lie, and which way
/// its result extends.
public enum ContractionClass: String, CaseIterable, Sendable {
  /// At least 2²³ outputs, whatever the operands.
  case large
  /// B transposed: a layer. Neither transposed: its adjoint. A transposed: its gradient.
  case forward, adjoint, gradient
  /// At most 64 rows, or columns.
  case fewRows = "few_rows"
  case fewColumns = "few_columns"

  /// Nil for products so small that tuning cannot tell.
  init?(m: Int, n: Int, batch: Int, transposeA: Bool, transposeB: Bool) {
    let outputs = m * n * batch
    guard outputs >= 1 << 14 else { return nil }
    switch (m, n) {
    case (...64, 512...): self = .fewRows
    case (512..., ...64): self = .fewColumns
    case _ where outputs < 1 << 18: return nil
    case _ where outputs >= 1 << 23: self = .large
    default: self = transposeA ? .gradient : transposeB ? .forward : .adjoint
    }
  }
}
