import Compute
import Jets

/// φ(x(t)) where no affine layer stands directly before it.
struct ActivationLayer: Layer {
  var activation: Activation
  var tensors: Range<Int>

  func push(_ x: Signal, _ pass: ForwardPass) throws -> (Signal, Pullback?) {
    let algebra = pass.algebra
    guard pass.keepsTape else {
      let value = try algebra.compose(activation, x.jet, bias: nil, withSlope: false).value
      return (Signal(jet: value, isOwned: true), nil)
    }
    // The slope takes its argument's memory, which must be ours and large enough.
    let capacity = algebra.slopeDegree(activation, of: x.jet.degree)
    let isRoom = x.isOwned && x.jet.capacity >= capacity
    let z = isRoom ? x.jet : try algebra.scaled(1, x.jet, capacity: capacity)
    let composed = try algebra.compose(activation, z, bias: nil, withSlope: true)
    let (slope, input) = (composed.slope!, z.degree)
    return (
      Signal(jet: composed.value, isOwned: true),
      { cotangent, isWanted, pass in
        guard isWanted, algebra.order == 0 || input > 0 else { return nil }
        return Signal(
          jet: try Self.pull(cotangent, slope: slope, degree: input, pass), isOwned: true)
      }
    )
  }

  /// z̄ for an argument of degree `degree`, in the cotangent's memory if that is ours.
  static func pull(
    _ cotangent: Signal, slope: Jet, degree: Int, _ pass: BackwardPass
  ) throws -> Jet {
    let degree = max(1, degree)
    let fits = cotangent.isOwned && cotangent.jet.capacity >= degree
    let mine = fits ? cotangent.jet : try pass.algebra.scaled(1, cotangent.jet, capacity: degree)
    return try pass.algebra.composeAdjoint(mine, slope: slope, degree: degree)
  }
}
