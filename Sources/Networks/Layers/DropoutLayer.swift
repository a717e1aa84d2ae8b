import Compute
import Jets

/// Drops elements in steps of ordinary training; otherwise the identity.
struct DropoutLayer: Layer {
  var probability: Double
  /// Among the network's dropout layers: its stream of random numbers.
  var number: Int
  var tensors: Range<Int>

  func push(_ x: Signal, _ pass: ForwardPass) throws -> (Signal, Pullback?) {
    guard let key = pass.dropout, probability > 0 else {
      return (x, pass.keepsTape ? { cotangent, _, _ in cotangent } : nil)
    }
    let output = try dropped(x, key, pass.algebra)
    guard pass.keepsTape else { return (output, nil) }
    // The cotangent meets the same mask.
    return (
      output,
      { cotangent, isWanted, pass in isWanted ? try dropped(cotangent, key, pass.algebra) : nil }
    )
  }

  private func dropped(
    _ x: Signal, _ key: Network.DropoutKey, _ algebra: JetAlgebra
  ) throws -> Signal {
    let jet = x.isOwned ? x.jet : try algebra.scaled(1, x.jet)
    try algebra.dropout(
      jet, probability: probability, seed: key.seed, layer: number, step: key.step)
    return Signal(jet: jet, isOwned: true)
  }
}
