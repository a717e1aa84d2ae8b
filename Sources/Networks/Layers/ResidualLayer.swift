import Compute
import Jets

/// shortcut(x(t)) + a·main(x(t)); a shortcut without layers is the identity.
struct ResidualLayer: Layer {
  var main: LayerSequence
  var shortcut: LayerSequence
  var scale: Double
  var tensors: Range<Int>

  func push(_ x: Signal, _ pass: ForwardPass) throws -> (Signal, Pullback?) {
    // Both branches read x, so neither may overwrite it.
    let input = Signal(jet: x.jet, isOwned: false)
    let (main, mainPullback) = try self.main.push(input, pass)
    let (shortcut, shortcutPullback) = try self.shortcut.push(input, pass)
    let output = Signal(
      jet: try sum(shortcut, main, scale, pass.algebra), isOwned: true)
    guard let mainPullback, let shortcutPullback else { return (output, nil) }
    let degrees = (main: main.jet.degree, shortcut: shortcut.jet.degree)
    return (
      output,
      { cotangent, isWanted, pass in
        func pull(
          _ pullback: Pullback, _ cotangent: Signal, _ degree: Int, _ tensors: Range<Int>
        ) throws -> Signal? {
          // A branch that does not depend on the parameters has no gradients.
          guard isWanted || pass.wantsAny(tensors), pass.algebra.order == 0 || degree > 0 else {
            return nil
          }
          return try pullback(cotangent.truncated(to: degree), isWanted, pass)
        }
        let shared = Signal(jet: cotangent.jet, isOwned: false)
        let direct = try pull(
          shortcutPullback, shared, degrees.shortcut, self.shortcut.tensors)
        // An identity hands on the very cotangent, which main must not overwrite then.
        let isHandedOn = self.shortcut.layers.isEmpty && direct != nil
        let scaled =
          scale == 1
          ? Signal(jet: cotangent.jet, isOwned: cotangent.isOwned && !isHandedOn)
          : Signal(jet: try pass.algebra.scaled(scale, cotangent.jet), isOwned: true)
        let through = try pull(mainPullback, scaled, degrees.main, self.main.tensors)
        guard isWanted, pass.reaches(x.jet) else { return nil }
        guard let direct, let through else { return direct ?? through }
        return Signal(jet: try sum(direct, through, 1, pass.algebra), isOwned: true)
      }
    )
  }

  /// x + a·y, in the memory of one of them if that is ours.
  private func sum(
    _ x: Signal, _ y: Signal, _ a: Double, _ algebra: JetAlgebra
  ) throws -> Jet {
    if a == 1, y.isOwned { return try algebra.add(1, x.jet, to: y.jet, reuses: true) }
    return try algebra.add(a, y.jet, to: x.jet, reuses: x.isOwned)
  }
}
