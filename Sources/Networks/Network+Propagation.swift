import Compute
import Jets

extension Network {
  /// What a pushforward leaves for its pullback. It is used up piece by piece by the pullback, so
  /// that memory is free as early as possible.
  public final class Tape {
    var pullback: Pullback?

    public init() {}
  }

  /// Which elements a training step drops: those of the stream (seed, dropout, layer) at `step`.
  public struct DropoutKey: Sendable {
    public var seed: UInt64
    public var step: Int

    public init(seed: UInt64, step: Int) {
      self.seed = seed
      self.step = step
    }
  }

  /// The network's output along the parameters' ray: coefficients f_0…f_k at `inputs`,
  /// [batch, features], channels first.
  ///
  /// `tape` receives what `pullback` needs; without it no slopes are kept. With `dropout`, dropout
  /// layers drop elements; without it, and in expansions, they are the identity.
  /// `centerProducts`, of this network at the parameters' center, are read or recorded.
  public func pushforward(
    _ inputs: Matrix, _ parameters: ParameterJet, algebra: JetAlgebra, tape: Tape? = nil,
    dropout: DropoutKey? = nil, centerProducts: CenterProducts? = nil
  ) throws -> Jet {
    precondition(inputs.columns == inputCount, "inputs have the network's features")
    let pass = ForwardPass(
      algebra: algebra, parameters: parameters, tensors: self.parameters, keepsTape: tape != nil,
      dropout: algebra.order == 0 ? dropout : nil, centerProducts: centerProducts)
    let x = algebra.constant(inputs, directions: parameters.directions)
    let (output, pullback) = try layerSequence.push(Signal(jet: x, isOwned: false), pass)
    tape?.pullback = pullback
    return output.jet
  }

  /// The gradient ΔW̄⁽ᵛ⁾ of every tensor for the output's cotangent, into `gradient`, [V, P].
  ///
  /// Uses up the tape and the cotangent. `isTrainable` says which tensors are wanted; the others'
  /// part of `gradient` is left alone. `tensorScales` are numbers r_t that each tensor's gradient is
  /// multiplied by. Statistics that are asked for have gradients of 0. `use` may give an operation
  /// that a dense weight's gradient is made for: it runs as soon as the gradient is there, of which
  /// nothing else remains (see `Backend.run(sequence:)`); it may change that weight.
  public func pullback(
    _ cotangent: Jet, _ tape: Tape, _ parameters: ParameterJet, algebra: JetAlgebra,
    into gradient: Matrix, isTrainable: [Bool]? = nil, tensorScales: [Double]? = nil,
    use: ((_ tensor: Int, _ gradient: Matrix) -> Operation?)? = nil
  ) throws {
    precondition(use == nil || tensorScales == nil, "scaled gradients have no uses")
    let gradients = ParameterGradients(
      algebra: algebra, tensors: self.parameters, scale: parameters.scale, target: gradient,
      use: use)
    for (index, tensor) in self.parameters.enumerated()
    where tensor.statistic != nil && isTrainable?[index] ?? true {
      for v in 0..<gradient.rows {
        try algebra.backend.run(
          .fill(
            Fill(
              gradient.rows(v..<(v + 1)).slice(
                at: tensor.offset, rows: 1, columns: tensor.count), value: 0)))
      }
    }
    try pullback(
      cotangent, tape, parameters, algebra: algebra, isTrainable: isTrainable,
      to: tensorScales.map { ScaledGradients($0, gradients) } ?? gradients)
  }

  /// The same with every layer's gradient to `sink`, from the last layer to the first.
  package func pullback(
    _ cotangent: Jet, _ tape: Tape, _ parameters: ParameterJet, algebra: JetAlgebra,
    isTrainable: [Bool]? = nil, to sink: any GradientSink
  ) throws {
    let pass = BackwardPass(
      algebra: algebra, parameters: parameters, tensors: self.parameters,
      isWanted: isTrainable.map { zip($0, isTrained).map { $0 && $1 } } ?? isTrained, sink: sink)
    guard let pullback = tape.pullback else { return }
    tape.pullback = nil
    _ = try pullback(Signal(jet: cotangent, isOwned: true), false, pass)
  }
}
