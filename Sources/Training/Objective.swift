import Compute
import Jets
import Networks

/// A loss on a batch, with everything it writes.
///
/// mse is ½·mean over batch and outputs of (F − t)²; cross-entropy the mean over the batch of
/// −Σ t log softmax(F).
public struct Objective {
  public var kind: Loss.Kind

  public init(_ kind: Loss.Kind) { self.kind = kind }

  /// What the sum of the per-example losses is multiplied by to give the mean loss.
  public func factor(examples: Int, outputs: Int) -> Double {
    kind == .mse ? 1 / Double(examples * outputs) : 1 / Double(examples)
  }

  /// Per-example results of a model on a batch.
  public struct Outputs {
    public var values: Matrix
    public var losses: Matrix
    public var correct: Matrix

    /// Results for `count` examples.
    public init(_ backend: any Backend, count: Int, outputs: Int, type: ScalarType) throws {
      values = try backend.matrix(count, outputs, type)
      losses = try backend.matrix(1, count, type)
      correct = try backend.matrix(1, count, type)
    }

    /// The results of examples `range`.
    func part(_ range: Range<Int>) -> Outputs {
      var part = self
      part.values = values.rows(range)
      part.losses = losses.slice(at: range.lowerBound, rows: 1, columns: range.count)
      part.correct = correct.slice(at: range.lowerBound, rows: 1, columns: range.count)
      return part
    }
  }

  /// Evaluates the loss of `model`'s output jet; the cotangent is that of the mean loss.
  public func evaluate(
    _ model: Model, logits: Jet, targets: Matrix, into outputs: Outputs, cotangent: Jet?
  ) throws {
    try evaluate(
      logits: logits, scale: model.scale, targets: targets, into: outputs, cotangent: cotangent,
      on: model.backend)
  }

  /// The same of any jet along sΔ, s being `scale`, or 1.
  func evaluate(
    logits: Jet, scale: Matrix?, targets: Matrix, into outputs: Outputs, cotangent: Jet? = nil,
    on backend: any Backend
  ) throws {
    try backend.run(
      .loss(
        Loss(
          kind, logits: logits, targets: targets, scale: scale,
          factor: factor(examples: logits.block, outputs: logits.columns),
          outputs: outputs.values, losses: outputs.losses, correct: outputs.correct,
          cotangent: cotangent)))
  }

  /// Mean loss and its gradient with respect to the model's state at a batch. The per-example
  /// losses are left in `outputs`.
  ///
  /// - Parameters:
  ///   - dropout: what dropout layers drop; nil: nothing.
  ///   - centerProducts: of the batch, where they are known.
  public func gradient(
    _ model: Model, inputs: Matrix, targets: Matrix, into gradient: Matrix, outputs: Outputs,
    isTrainable: [Bool]? = nil, dropout: Network.DropoutKey? = nil,
    centerProducts: CenterProducts? = nil
  ) throws {
    model.stateChanges(squares: false)
    try stepGradient(
      model, inputs: inputs, targets: targets, into: gradient, outputs: outputs,
      isTrainable: isTrainable, dropout: dropout, centerProducts: centerProducts)
  }

  /// The same behind another step, whose update may have left what s needs; `use` as in
  /// `Network.pullback`.
  func stepGradient(
    _ model: Model, inputs: Matrix, targets: Matrix, into gradient: Matrix, outputs: Outputs,
    isTrainable: [Bool]?, dropout: Network.DropoutKey?, centerProducts: CenterProducts?,
    use: ((_ tensor: Int, _ gradient: Matrix) -> Operation?)? = nil
  ) throws {
    try model.updateScaleForStep()
    let tape = Network.Tape()
    let logits = try model.pushforward(
      inputs, tape: tape, dropout: dropout, centerProducts: centerProducts)
    let cotangent = try model.cotangent(for: logits)
    try evaluate(model, logits: logits, targets: targets, into: outputs, cotangent: cotangent)
    try model.pullback(cotangent, tape, into: gradient, isTrainable: isTrainable, use: use)
  }
}
