import Compute
import Jets

/// The average or the maximum over windows of an image; the maximum's choice is made at coefficient
/// 0 and holds for all.
struct PoolingLayer: Layer {
  var kind: Pooling.Kind
  var window: PoolingWindow
  var tensors: Range<Int>

  func push(_ x: Signal, _ pass: ForwardPass) throws -> (Signal, Pullback?) {
    let output: Jet
    var choice: Matrix?
    switch kind {
    case .average: output = try pass.algebra.averagePool(x.jet, window)
    case .max:
      let pooled = try pass.algebra.maxPool(x.jet, window, withChoice: pass.keepsTape)
      (output, choice) = (pooled.value, pooled.choice)
    }
    let value = Signal(jet: output, isOwned: true)
    guard pass.keepsTape else { return (value, nil) }
    let (degree, room) = (x.jet.degree, x.isOwned ? x.jet : nil)
    return (
      value,
      { cotangent, isWanted, pass in
        guard isWanted, pass.algebra.order == 0 || degree > 0 else { return nil }
        let cotangent = cotangent.truncated(to: degree).jet
        let result =
          if let choice {
            try pass.algebra.maxPoolAdjoint(cotangent, window, choice: choice, over: room)
          } else {
            try pass.algebra.averagePoolAdjoint(cotangent, window, over: room)
          }
        return Signal(jet: result, isOwned: true)
      }
    )
  }
}
