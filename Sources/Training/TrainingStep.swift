import Compute
import Networks

/// One optimizer step on a backend, and the memory it needs: gradient and moments.
///
/// The rule: gradient g of the batch's mean loss; g ← g·min(1, c/‖g‖₂) over all tensors;
/// g ← g + λθ (adamw instead: θ ← θ − ηλθ); then the optimizer. η is a tensor's own where the
/// network or `TrainingSettings.layerRates` gives it a factor. Nothing here waits, but for
/// gauss-newton, which is never clipped and replaces g by the solution of (G + λ′)x = g.
///
/// With `MovementSettings`: the gradient is that of the loss under the step's signs, with respect
/// to the movement; the penalty's gradient is added before clipping; noise σξ after the decay, which
/// is that of the parameters the step used. In a signed frame (`SignedMovement`) all of this is done
/// to Δ̃, and noise is drawn in the frame, where it has the same distribution.
public final class TrainingStep {
  public let model: Model
  let settings: TrainingSettings
  let objective: Objective
  /// What has become of the expansion; with the model and the moments, all that a run goes on from.
  var expansion: ExpansionState
  /// What is known of the training set's examples while the center stays.
  var orderZeroCache: OrderZeroCache?
  /// Whether steps are those of a plan.
  var isRehearsing = false
  /// 1×P; free between steps, and then also exchanged as scratch memory.
  var gradient: Matrix
  /// Optimizer state, 1×P each: velocity, or first and second moment.
  let moments: [Matrix]
  private let isTrainable: [Bool]
  /// What the optimizer takes at a time.
  private let pieces: [UpdatePiece]
  /// On η, by tensor.
  private let rateFactors: [Double]
  /// Tensors that the last step updated as soon as their gradients were there, and what the optimizer
  /// takes at a time of the others.
  private var atOnce: (tensors: Set<Int>, others: [UpdatePiece]) = ([], [])
  let penalty: MovementPenalty?
  /// Clipping factor and gradient norm.
  private let scalars: Matrix
  /// Of the optimizer gauss-newton.
  let gaussNewton: GaussNewtonSolver?

  public init(_ model: Model, _ settings: TrainingSettings) throws {
    try settings.checkMovement()
    if case .adaptiveOrder = settings.relinearization.rule, model.network.hasGates {
      throw TrainingError(
        "--adaptive-order does not go with relu, leaky_relu and max_pool: their expansions end, and "
          + "the error of their frozen gates is in no coefficient; give --relinearize-trust, or "
          + "another --activation")
    }
    self.model = model
    self.settings = settings
    objective = Objective(settings.loss)
    expansion = ExpansionState(settings)
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
    rateFactors = try settings.rateFactors(of: model.network.parameters)
    pieces = UpdatePiece.pieces(model, isTrainable, rateFactors: rateFactors)
    penalty = try settings.movement.flatMap { movement in
      guard movement.movementPenalty > 0 else { return nil }
      return try MovementPenalty(
        model, factor: movement.movementPenalty, exponent: movement.movementExponent,
        isTrainable: isTrainable)
    }
    gaussNewton =
      settings.optimizer == .gaussNewton
      ? try GaussNewtonSolver(
        settings.gaussNewton ?? GaussNewton(), model, loss: settings.loss,
        isTrainable: isTrainable) : nil
  }

  /// Smaller tensors are updated together with the others.
  private static let leastUpdate = 1 << 16

  /// Whether nothing is to be known of the gradient as a whole, and nothing else to be done to it or
  /// to the state: then the gradient of a weight can be gone before the next one is made. Worth it
  /// where the back end then never writes it.
  private var canUpdateAtOnce: Bool {
    model.backend.runsSequencesAtOnce && settings.optimizer == .sgd && settings.clipNorm == 0
      && settings.weightDecay == 0 && settings.movement == nil && model.signs == nil
      && model.sum == nil
  }

  /// The moments that are kept in the displacement's frame: of the first order.
  var framedMoments: [Matrix] { Array(moments.prefix(1)) }

  /// Step number `step` (from 0) with learning rate `rate`. `lossSum` receives the sum of the
  /// batch's per-example losses, `squares`, where wanted, ‖g‖² before clipping. `rows`, int32, say
  /// which examples of the training set the batch is, where it has an `OrderZeroCache`.
  public func run(
    step: Int, rate: Double, inputs: Matrix, targets: Matrix, lossSum: Matrix, squares: Matrix?,
    rows: Matrix? = nil
  ) throws {
    let backend = model.backend
    if isRehearsing {
      try rehearseExpansion(inputs, targets)
      try orderZeroCache?.fill(expansion, batches: 1)
    }
    if expansion.isDue(step) { try reconsider(step, inputs, targets) }
    try model.enter(step: step, moments: framedMoments)
    if isTrainable.contains(false) {
      try backend.run(.fill(Fill(gradient, value: 0)))
    }
    let outputs = try Objective.Outputs(
      backend, count: inputs.rows, outputs: targets.columns, type: model.type)
    var updated: Set<Int> = []
    try objective.stepGradient(
      model, inputs: inputs, targets: targets, into: gradient, outputs: outputs,
      isTrainable: isTrainable, dropout: Network.DropoutKey(seed: settings.seed, step: step),
      centerProducts: rows.flatMap { try orderZeroCache?.products($0, step: step, expansion) },
      use: (squares == nil || isRehearsing) && canUpdateAtOnce
        ? { [self] tensor, gradient in
          guard gradient.count >= Self.leastUpdate else { return nil }
          updated.insert(tensor)
          return .optimizerUpdate(
            OptimizerUpdate(
              .sgd,
              state: model.state.slice(
                at: model.network.parameters[tensor].offset, rows: 1, columns: gradient.count),
              gradient: gradient.flat, learningRate: rate * rateFactors[tensor]))
        } : nil)
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
    if let gaussNewton {
      if settings.weightDecay != 0 { try addDecay(scratch: gaussNewton.direction) }
      try gaussNewton.solve(
        gradient, decay: settings.weightDecay, inputs: inputs, targets: targets)
    }
    let noise = try drawNoise(step)
    let framed = model.signs.flatMap { $0.hasFrames ? $0 : nil }
    let next = try framed?.drawNext()
    if updated != atOnce.tensors {
      atOnce = (
        updated,
        UpdatePiece.pieces(
          model, isTrainable.enumerated().map { $1 && !updated.contains($0) },
          rateFactors: rateFactors)
      )
    }
    for piece in updated.isEmpty ? pieces : atOnce.others {
      try update(piece, step: step, rate: rate, clips: clips, noise: noise, next: next)
    }
    framed?.advance()
    model.leaveStep()
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

  /// g ← fma(λ, θ, g) on trained tensors, for gauss-newton, which solves for the whole of it.
  private func addDecay(scratch: Matrix) throws {
    let backend = model.backend
    for piece in pieces {
      let (sum, gradient, state) = (
        piece.of(scratch), piece.of(gradient), piece.of(model.state)
      )
      if let center = model.stateCenter.map(piece.of) {
        try backend.run(.linearCombination(LinearCombination(sum, 1, center, 1, state)))
      } else {
        try backend.run(.linearCombination(LinearCombination(sum, 1, state)))
      }
      try backend.run(
        .linearCombination(LinearCombination(sum, 1, gradient, settings.weightDecay, sum)))
      try backend.run(.linearCombination(LinearCombination(gradient, 1, sum)))
    }
  }

  private func update(
    _ piece: UpdatePiece, step: Int, rate: Double, clips: Bool, noise: Matrix?, next: Matrix?
  ) throws {
    let rate = rate * piece.rateFactor
    let rule: OptimizerUpdate.Rule
    switch settings.optimizer {
    case .sgd, .gaussNewton: rule = .sgd
    case .momentum: rule = .momentum(velocity: piece.of(moments[0]), settings.momentum)
    case .adam, .adamw:
      rule = .adam(
        first: piece.of(moments[0]), second: piece.of(moments[1]), beta1: TrainingSettings.beta1,
        beta2: TrainingSettings.beta2, epsilon: TrainingSettings.epsilon,
        step: step + 1 - momentsSince)
    }
    var update = OptimizerUpdate(
      rule, state: piece.of(model.state),
      gradient: piece.of(gaussNewton?.direction ?? gradient), learningRate: rate,
      center: model.stateCenter.map(piece.of), noise: noise.map(piece.of),
      parameters: model.sum.map(piece.of))
    if gaussNewton == nil {
      if clips { update.clip = scalars.element(0) }
      if settings.weightDecay != 0 {
        update.decay =
          settings.optimizer == .adamw
          ? .state(rate: -(rate * settings.weightDecay)) : .gradient(settings.weightDecay)
      }
    }
    if let neurons = piece.neurons, let now = model.signs?.signs, let next {
      func own(_ vector: Matrix) -> Matrix {
        vector.slice(at: neurons.lowerBound, rows: 1, columns: neurons.count)
      }
      update.signs = OptimizerUpdate.SignedRows(now: own(now), next: own(next))
    } else if piece.range.count == model.state.count {
      update.squares = model.displacementSquares
    }
    model.stateChanges(squares: update.squares != nil)
    try model.backend.run(.optimizerUpdate(update))
  }
}
