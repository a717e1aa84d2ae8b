import Compute
import Jets

/// Changes between a row for every example, channels first, [batch, C·H·W], and a row for every
/// position, [batch·H·W, C].
struct LayoutLayer: Layer {
  var positions: Int
  var channels: Int
  /// Towards a row for every position.
  var toImage: Bool
  var tensors: Range<Int>

  func push(_ x: Signal, _ pass: ForwardPass) throws -> (Signal, Pullback?) {
    let output = try changed(x, toImage: toImage, pass.algebra)
    guard pass.keepsTape else { return (output, nil) }
    let input = x.jet.degree
    return (
      output,
      { cotangent, isWanted, pass in
        guard isWanted, pass.algebra.order == 0 || input > 0 else { return nil }
        return try changed(cotangent, toImage: !toImage, pass.algebra)
      }
    )
  }

  private func changed(_ x: Signal, toImage: Bool, _ algebra: JetAlgebra) throws -> Signal {
    let rows = toImage ? x.jet.block * positions : x.jet.block / positions
    let columns = toImage ? channels : channels * positions
    if positions == 1 || channels == 1 {
      return Signal(jet: x.jet.reshaped(block: rows, columns: columns), isOwned: x.isOwned)
    }
    let (first, second) = toImage ? (channels, positions) : (positions, channels)
    return Signal(
      jet: try algebra.transposed(
        x.jet, rows: first, columns: second, block: rows, into: columns), isOwned: true)
  }
}
