import Compute
import Jets

/// One step of a network's propagation, its shapes resolved.
///
/// A layer of images has a row for every position and a column for every channel
/// (`ConvolutionGeometry`); every other layer has a row for every example.
protocol Layer: Sendable {
  /// Its parameters: a range of the network's tensors.
  var tensors: Range<Int> { get }
  /// The output, and how to get from its cotangent to the input's, if the pass keeps a tape.
  func push(_ x: Signal, _ pass: ForwardPass) throws -> (Signal, Pullback?)
}

/// A jet on its way through a network.
struct Signal {
  var jet: Jet
  /// Whether nobody else needs its memory: then it may be overwritten.
  var isOwned: Bool
}

/// From the cotangent of a layer's output to that of its input, leaving gradients of parameters on
/// the way. Uses up the memory that the layer kept, so it may be called once.
///
/// The second argument says whether the input's cotangent is wanted; nil where it is not, or where
/// the input does not depend on the parameters.
typealias Pullback = (Signal, Bool, BackwardPass) throws -> Signal?

/// What a pushforward leaves for its pullback, given back piece by piece as it is used.
final class PullbackStack {
  private var pullbacks: [Pullback] = []

  func append(_ pullback: @escaping Pullback) { pullbacks.append(pullback) }
  func removeLast() -> Pullback { pullbacks.removeLast() }
}

/// What is the same for all layers on the way forward.
struct ForwardPass {
  let algebra: JetAlgebra
  let parameters: ParameterJet
  let tensors: [ParameterTensor]
  let keepsTape: Bool
  /// Nil: nothing is dropped.
  let dropout: Network.DropoutKey?
  /// What is known of the dense layers' coefficients 0, or is to be kept of them.
  let centerProducts: CenterProducts?

  /// A tensor along the ray as a matrix: first extent × the others.
  func tensor(_ index: Int) -> TensorJet {
    let tensor = tensors[index]
    let rows = tensor.shape.count == 1 ? 1 : tensor.shape[0]
    return parameters.tensor(at: tensor.offset, rows: rows, columns: tensor.count / rows)
  }
}

/// What is the same for all layers on the way back.
struct BackwardPass {
  let algebra: JetAlgebra
  let parameters: ParameterJet
  let tensors: [ParameterTensor]
  /// Which tensors' gradients are wanted.
  let isWanted: [Bool]
  /// Where gradients go.
  let sink: any GradientSink

  func wantsAny(_ tensors: Range<Int>) -> Bool { isWanted[tensors].contains(true) }

  /// The index of a tensor whose gradient is wanted.
  func wanted(_ index: Int) -> Int? { isWanted[index] ? index : nil }

  /// Whether a layer whose input has this degree has to go on: for order 0 always, else if the
  /// input depends on the parameters.
  func reaches(_ input: Jet) -> Bool { algebra.order == 0 || input.degree > 0 }
}

extension Signal {
  /// The same cotangent without coefficients above `degree`, which are zero in what it belongs to.
  func truncated(to degree: Int) -> Signal {
    var result = self
    result.jet.degree = min(jet.degree, max(1, degree))
    return result
  }
}
