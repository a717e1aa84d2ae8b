import Compute
import Networks

/// One optimizer step on a backend, and the memory it needs: gradient and moments.
///
/// The rule: gradient g of the batch's mean loss; g ← g·min(1, c/‖g‖₂) over all tensors;
/// g ← g + λθ (adamw instead: θ ← θ − ηλθ); then the optimizer. η is a tensor's own where the
/// network or `TrainingSettings.layerRates` gives it a factor. Nothing here waits, but for
/// gauss-newton, which is never clipped and replaces g by the solution of (G + λ′)x = g.
public final class TrainingStep {
  public let model: Model
  let settings: TrainingSettings
  let objective: Objective
  /// What has become of the expansion; with the model and the moments, all that a run goes on from.
  var expansion: ExpansionState
  /// Whether steps are those of a plan.
  var isRehearsing = false
  /// 1×P; free between steps, and then also exchanged as scratch memory.
  var gradient: Matrix
  /// Optimizer state, 1×P each: velocity, or first and second moment.
  let moments: [Matrix]
  private let isTrainable: [Bool]
  /// Maximal runs, in the flat vector, of trainable tensors with one factor on η.
  private let segments: [Segment]

  private struct Segment {
    var range: Range<Int>
    var rateFactor: Double
  }
  /// Clipping factor and gradient norm.
  private let scalars: Matrix
  /// Of the optimizer gauss-newton.
  let gaussNewton: GaussNewtonSolver?

  public init(_ model: Model, _ settings: TrainingSettings) throws {
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
    isTrainable = try FreezePattern.trainable(model.network.parameters, frozen: settings.frozen)
    segments = Self.segments(
      model.network.parameters, isTrainable,
      try settings.rateFactors(of: model.network.parameters))
    gaussNewton =
      settings.optimizer == .gaussNewton
      ? try GaussNewtonSolver(
        settings.gaussNewton ?? GaussNewton(), model, loss: settings.loss,
        isTrainable: isTrainable) : nil
  }

  private static func segments(
    _ tensors: [ParameterTensor], _ isTrainable: [Bool], _ factors: [Double]
  ) -> [Segment] {
    var segments: [Segment] = []
    for (index, tensor) in tensors.enumerated() where isTrainable[index] {
      if let last = segments.last, last.range.upperBound == tensor.offset,
        last.rateFactor == factors[index]
      {
        segments[segments.count - 1].range = last.range.lowerBound..<tensor.range.upperBound
      } else {
        segments.append(Segment(range: tensor.range, rateFactor: factors[index]))
      }
    }
    return segments
  }

  /// Step number `step` (from 0) with learning rate `rate`. `lossSum` receives the sum of the
  /// batch's per-example losses, `squares`, where wanted, ‖g‖² before clipping.
  public func run(
    step: Int, rate: Double, inputs: Matrix, targets: Matrix, lossSum: Matrix, squares: Matrix?
  ) throws {
    let backend = model.backend
    if isRehearsing { try rehearseExpansion(inputs, targets) }
    if expansion.isDue(step) { try reconsider(step, inputs, targets) }
    if isTrainable.contains(false) {
      try backend.run(.fill(Fill(gradient, value: 0)))
    }
    let outputs = try Objective.Outputs(
      backend, count: inputs.rows, outputs: targets.columns, type: model.type)
    try objective.gradient(
      model, inputs: inputs, targets: targets, into: gradient, outputs: outputs,
      isTrainable: isTrainable, dropout: Network.DropoutKey(seed: settings.seed, step: step))
    try backend.run(.reduction(Reduction(.sum, of: outputs.losses, into: lossSum)))

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
      for segment in segments where settings.weightDecay != 0 {
        try regularize(segment.range, decay: settings.weightDecay, clips: false)
      }
      try gaussNewton.solve(
        gradient, decay: settings.weightDecay, inputs: inputs, targets: targets)
    }
    for segment in segments {
      try update(segment.range, step: step, rate: rate * segment.rateFactor, clips: clips)
    }
  }

  private func part(_ vector: Matrix, _ segment: Range<Int>) -> Matrix {
    vector.slice(at: segment.lowerBound, rows: 1, columns: segment.count)
  }

  /// g ← clip·g + λθ.
  private func regularize(_ segment: Range<Int>, decay: Double, clips: Bool) throws {
    try model.backend.run(
      .regularization(
        Regularization(
          .gradient(part(gradient, segment), clip: clips ? scalars.element(0) : nil, decay: decay),
          state: part(model.state, segment), center: model.stateCenter.map { part($0, segment) })))
  }

  private func update(_ segment: Range<Int>, step: Int, rate: Double, clips: Bool) throws {
    let backend = model.backend
    let (state, center) = (
      part(model.state, segment), model.stateCenter.map { part($0, segment) }
    )
    let gradient = part(gaussNewton?.direction ?? self.gradient, segment)
    let decoupled = settings.optimizer == .adamw
    let decay = decoupled || gaussNewton != nil ? 0 : settings.weightDecay
    if gaussNewton == nil, clips || decay != 0 {
      try regularize(segment, decay: decay, clips: clips)
    }
    if decoupled, settings.weightDecay != 0 {
      try backend.run(
        .regularization(
          Regularization(
            .state(rate: -(rate * settings.weightDecay)), state: state, center: center)))
    }
    let rule: OptimizerUpdate.Rule
    switch settings.optimizer {
    case .sgd, .gaussNewton: rule = .sgd
    case .momentum: rule = .momentum(velocity: part(moments[0], segment), settings.momentum)
    case .adam, .adamw:
      rule = .adam(
        first: part(moments[0], segment), second: part(moments[1], segment),
          beta1: TrainingSettings.beta1,
        beta2: TrainingSettings.beta2, epsilon: TrainingSettings.epsilon,
        step: step + 1 - momentsSince)
    }
    try backend.run(
      .optimizerUpdate(OptimizerUpdate(rule, state: state, gradient: gradient, learningRate: rate)))
  }
}
