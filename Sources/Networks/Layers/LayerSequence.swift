import Compute
import Jets

/// Layers one behind the other.
struct LayerSequence: Layer {
  var layers: [any Layer]
  var tensors: Range<Int>

  func push(_ x: Signal, _ pass: ForwardPass) throws -> (Signal, Pullback?) {
    var x = x
    let stack = PullbackStack()
    for layer in layers {
      let (output, pullback) = try layer.push(x, pass)
      if let pullback { stack.append(pullback) }
      x = output
    }
    guard pass.keepsTape else { return (x, nil) }
    return (
      x,
      { cotangent, isWanted, pass in
        var cotangent = cotangent
        for layer in layers.reversed() {
          let earlier = tensors.lowerBound..<layer.tensors.lowerBound
          let goesOn = isWanted || pass.wantsAny(earlier)
          guard goesOn || pass.wantsAny(layer.tensors) else { return nil }
          guard let next = try stack.removeLast()(cotangent, goesOn, pass) else { return nil }
          cotangent = next
        }
        return cotangent
      }
    )
  }
}
