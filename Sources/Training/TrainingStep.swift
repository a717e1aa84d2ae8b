import Compute
import Networks

/// One optimizer step on a backend, and the memory it needs: gradient and moments.
///
/// The rule: gradient g of the batch's mean loss; g ← g·min(1, c/‖g‖₂) over all tensors;
/// g ← g + λθ (adamw instead: θ ← θ − ηλθ); then the optimizer. η is a tensor's own where the
/// network or `TrainingSettings.layerRates` gives it a factor. Nothing here waits.
///
/// With `MovementSettings`: the gradient is that of the loss under the step's signs, with respect
/// to the movement; the penalty's gradient is added before clipping; noise σξ after the decay, which
/// is that of the parameters the step used. In a signed frame (`SignedMovement`) all of this is done
/// to Δ̃, and noise is drawn in the frame, where it has the same distribution.
public final class TrainingStep {
  public let model: Model
  let settings: TrainingSettings
  let objective: Objective
  /// 1×P; free between steps, and then also exchanged as scratch memory.
  var gradient: Matrix
  /// Optimizer state, 1×P each: velocity, or first and second moment.
  let moments: [Matrix]
  private let isTrainable: [Bool]
  /// What the optimizer takes at a time: maximal runs, in the flat vector, of trainable tensors with
  /// one factor on η, but signed tensors one by one.
  private let pieces: [Piece]
  let penalty: MovementPenalty?
  /// Clipping factor and gradient norm.
  private let scalars: Matrix

  public init(_ model: Model, _ settings: TrainingSettings) throws {
    self.model = model
    self.settings = settings
    objective = Objective(settings.loss)
    let backend = model.backend
    let count = model.network.parameterCount
    gradient = try backend.matrix(1, count, model.type)
    moments = try (0..<settings.momentCount).map { _ in
      let moment = try backend.matrix(1, count, model.type)
      try backend.run(.fill(Fill(moment, value: 0)))
      return moment
    }
    scalars = try backend.matrix(1, 2, model.type)
    let isTrainable = try FreezePattern.trainable(
      model.network.parameters, frozen: settings.frozen)
    self.isTrainable = isTrainable
    pieces = Self.pieces(
      model, isTrainable, try settings.rateFactors(of: model.network.parameters))
    penalty = try settings.movement.flatMap { movement in
      guard movement.movementPenalty > 0 else { return nil }
      return try MovementPenalty(
        model, factor: movement.movementPenalty, exponent: movement.movementExponent,
        isTrainable: isTrainable)
    }
    if settings.movement?.fixesCenter == true, settings.relinearizeEvery > 0 {
      throw TrainingError(
        "--relinearize-every does not go with --randomize, --coefficient, --movement-std and "
          + "--movement-penalty, whose movement is that from the start; leave it out")
    }
  }

  private struct Piece {
    var range: Range<Int>
    var rateFactor: Double
    /// Its neurons, a row for each, in a signed frame.
    var neurons: Range<Int>?
  }

  private static func pieces(
    _ model: Model, _ isTrainable: [Bool], _ factors: [Double]
  ) -> [Piece] {
    let signs = model.signs.flatMap { $0.hasFrames ? $0 : nil }
    let signed = Dictionary(
      uniqueKeysWithValues: (signs?.neurons.parts ?? []).map { ($0.tensor.offset, $0.neurons) })
    var pieces: [Piece] = []
    for (index, tensor) in model.network.parameters.enumerated() where isTrainable[index] {
      if signs == nil, let last = pieces.last, last.range.upperBound == tensor.offset,
        last.rateFactor == factors[index]
      {
        pieces[pieces.count - 1].range = last.range.lowerBound..<tensor.range.upperBound
      } else {
        pieces.append(
          Piece(
            range: tensor.range, rateFactor: factors[index], neurons: signed[tensor.offset]))
      }
    }
    return pieces
  }

  /// The moments that are kept in the displacement's frame: of the first order.
  var framedMoments: [Matrix] { Array(moments.prefix(1)) }

  /// Step number `step` (from 0) with learning rate `rate`. `lossSum` receives the sum of the
  /// batch's per-example losses, `squares`, where wanted, ‖g‖² before clipping.
  public func run(
    step: Int, rate: Double, inputs: Matrix, targets: Matrix, lossSum: Matrix, squares: Matrix?
  ) throws {
    let backend = model.backend
    if settings.relinearizeEvery > 0, step > 0, step % settings.relinearizeEvery == 0 {
      try model.relinearize(spare: &gradient)
    }
    try model.enter(step: step, moments: framedMoments)
    if isTrainable.contains(false) {
      try backend.run(.fill(Fill(gradient, value: 0)))
    }
    let outputs = try Objective.Outputs(
      backend, count: inputs.rows, outputs: targets.columns, type: model.type)
    try objective.gradient(
      model, inputs: inputs, targets: targets, into: gradient, outputs: outputs,
      isTrainable: isTrainable, dropout: Network.DropoutKey(seed: settings.seed, step: step))
    try backend.run(.reduction(Reduction(.sum, of: outputs.losses, into: lossSum)))
    try model.pullBackDraw(gradient, isTrainable: isTrainable)
    try penalty?.add(to: gradient)

    let clips = settings.clipNorm > 0
    if clips || squares != nil {
      let squares = try squares ?? backend.matrix(1, 1, model.type)
      try backend.run(.reduction(Reduction(.sumOfSquares, of: gradient, into: squares)))
      if clips {
        try backend.run(
          .gradientClipping(
            GradientClipping(
              factor: scalars.element(0), norm: scalars.element(1), squares: squares,
              limit: settings.clipNorm)))
      }
    }
    let noise = try drawNoise(step)
    let framed = model.signs.flatMap { $0.hasFrames ? $0 : nil }
    let next = try framed?.drawNext()
    for piece in pieces {
      try update(
        piece, step: step, rate: rate * piece.rateFactor, clips: clips, noise: noise, next: next)
    }
    framed?.advance()
  }

  /// σξ, ξ ~ N(0, I) on trained tensors, 1×P; nil without noise.
  private func drawNoise(_ step: Int) throws -> Matrix? {
    guard let noise = settings.movement?.noise, noise > 0 else { return nil }
    let vector = try model.backend.matrix(1, model.network.parameterCount, model.type)
    for (index, tensor) in model.network.parameters.enumerated() where isTrainable[index] {
      let part = vector.slice(at: tensor.offset, rows: 1, columns: tensor.count)
      try model.backend.run(
        .randomFill(
          RandomFill(
            part, .normal, factor: noise, seed: settings.seed, purpose: .gradientNoise,
            tensor: index, firstBlock: step << 32)))
    }
    return vector
  }

  private func update(
    _ piece: Piece, step: Int, rate: Double, clips: Bool, noise: Matrix?, next: Matrix?
  ) throws {
    let backend = model.backend
    func part(_ vector: Matrix) -> Matrix {
      vector.slice(at: piece.range.lowerBound, rows: 1, columns: piece.range.count)
    }
    let (state, center, gradient) = (
      part(model.state), model.stateCenter.map(part), part(self.gradient)
    )
    let decoupled = settings.optimizer == .adamw
    let decay = decoupled ? 0 : settings.weightDecay
    if clips || decay != 0 {
      try backend.run(
        .regularization(
          Regularization(
            .gradient(gradient, clip: clips ? scalars.element(0) : nil, decay: decay),
            state: state, center: center)))
    }
    if decoupled, settings.weightDecay != 0 {
      try backend.run(
        .regularization(
          Regularization(
            .state(rate: -(rate * settings.weightDecay)), state: state, center: center)))
    }
    if let noise {
      try backend.run(.linearCombination(LinearCombination(gradient, 1, part(noise), 1, gradient)))
    }
    let rule: OptimizerUpdate.Rule
    switch settings.optimizer {
    case .sgd: rule = .sgd
    case .momentum: rule = .momentum(velocity: part(moments[0]), settings.momentum)
    case .adam, .adamw:
      rule = .adam(
        first: part(moments[0]), second: part(moments[1]), beta1: TrainingSettings.beta1,
        beta2: TrainingSettings.beta2, epsilon: TrainingSettings.epsilon, step: step + 1)
    }
    let sum = model.sum.map(part)
    var signs: OptimizerUpdate.SignedRows?
    if let neurons = piece.neurons, let now = model.signs?.signs, let next {
      func own(_ vector: Matrix) -> Matrix {
        vector.slice(at: neurons.lowerBound, rows: 1, columns: neurons.count)
      }
      signs = OptimizerUpdate.SignedRows(now: own(now), next: own(next))
      if let center, let sum { signs?.sum = (center, sum) }
    }
    try backend.run(
      .optimizerUpdate(
        OptimizerUpdate(
          rule, state: state, gradient: gradient, learningRate: rate, signs: signs)))
    if let center, let sum, signs == nil {
      try backend.run(.linearCombination(LinearCombination(sum, 1, center, 1, state)))
    }
  }
}
