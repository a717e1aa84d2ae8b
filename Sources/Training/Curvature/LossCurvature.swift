import Compute
import Jets
import Networks

/// The Hessian of a model's mean loss on some examples, or its Gauss–Newton part, as an operator on
/// the model's state:
///
///     H = Jᵀ H_L J + D²f[·,·]ᵀ ḡ,      G = Jᵀ H_L J,
///
/// J as in `ModelDerivatives`, H_L the loss's Hessian at the outputs F and ḡ = ∂L/∂F. For mse
/// H_L = 1/(n·outputs); for cross-entropy with targets t it is, example by example,
/// (Σt/n)(diag(p) − ppᵀ). F and ḡ are those of the state at which the operator was made (or
/// `update` was called); dropout drops nothing. With random signs the state is what the model
/// propagates at the time (see `RandomizedLoss`).
public final class LossCurvature: DifferentiableLoss {
  public enum Kind: Sendable { case hessian, gaussNewton }

  public let kind: Kind
  public let loss: Loss.Kind
  public let derivatives: ModelDerivatives
  private let examples: Int
  private var batches: [Batch] = []

  /// Some examples at a time: they share a pass.
  private struct Batch {
    let count: Int
    /// [n, features], made anew for every pass where images are normalised.
    let inputs: () throws -> Matrix
    let targets: Matrix
    /// F, [n, outputs].
    let outputs: Matrix
    /// Per-example losses.
    let losses: Matrix
    /// Rows u (of the product at hand) and ḡ, [2, n·outputs].
    let cotangents: Matrix
  }

  public var backend: any Backend { derivatives.model.backend }
  public var type: ScalarType { derivatives.model.type }
  public var dimension: Int { derivatives.model.network.parameterCount }
  private var width: Int { derivatives.model.network.outputCount }

  /// On one batch, as an operator in a training step.
  public convenience init(
    _ model: Model, _ kind: Kind, loss: Loss.Kind, inputs: Matrix, targets: Matrix,
    isTrainable: [Bool]? = nil
  ) throws {
    try self.init(
      model, kind, loss: loss, isTrainable: isTrainable, [(inputs.rows, { inputs }, targets)])
  }

  /// On the first `count` of a set's examples, `batchSize` of which share a pass.
  public convenience init(
    _ model: Model, _ kind: Kind, loss: Loss.Kind, examples: ResidentExamples, count: Int,
    batchSize: Int = 512, isTrainable: [Bool]? = nil
  ) throws {
    precondition((1...examples.count).contains(count), "some of the examples")
    let backend = model.backend
    try self.init(
      model, kind, loss: loss, isTrainable: isTrainable,
      stride(from: 0, to: count, by: batchSize).map { first in
        let range = first..<min(count, first + batchSize)
        return (
          range.count, { try examples.evaluationInputs(range, on: backend) },
          examples.targets.rows(range)
        )
      })
  }

  private init(
    _ model: Model, _ kind: Kind, loss: Loss.Kind, isTrainable: [Bool]?,
    _ parts: [(count: Int, inputs: () throws -> Matrix, targets: Matrix)]
  ) throws {
    self.kind = kind
    self.loss = loss
    examples = parts.reduce(0) { $0 + $1.count }
    derivatives = try ModelDerivatives(model, isTrainable: isTrainable)
    let (backend, type, width) = (model.backend, model.type, model.network.outputCount)
    batches = try parts.map { count, inputs, targets in
      Batch(
        count: count, inputs: inputs, targets: targets,
        outputs: try backend.matrix(count, width, type),
        losses: try backend.matrix(1, count, type),
        cotangents: try backend.matrix(2, count * width, type))
    }
    try evaluate()
  }

  /// Call it when the model's state has changed. Waits.
  public func update() throws {
    try derivatives.update()
    try evaluate()
  }

  /// From the sum of per-example losses to the mean loss.
  private var factor: Double {
    Objective(loss).factor(examples: examples, outputs: width)
  }

  /// F, losses and ḡ at the present state.
  private func evaluate() throws {
    let model = derivatives.model
    try model.updateScale()
    for batch in batches {
      let logits = try model.pushforward(batch.inputs())
      let correct = try backend.matrix(1, batch.count, type)
      func run(_ logits: Jet, _ scale: Matrix?, outputs: Matrix, _ cotangent: Jet?) throws {
        try backend.run(
          .loss(
            Loss(
              loss, logits: logits, targets: batch.targets, scale: scale, factor: factor,
              outputs: outputs, losses: batch.losses, correct: correct, cotangent: cotangent)))
      }
      try run(logits, model.scale, outputs: batch.outputs, nil)
      // Again with F as a jet of degree 0: its cotangent is ∂L/∂F itself.
      let bar = try backend.matrix(batch.count, width, type)
      try run(
        Jet(batch.outputs, block: batch.count, degree: 0, capacity: 0), nil,
        outputs: backend.matrix(batch.count, width, type),
        Jet(bar, block: batch.count, degree: 1, capacity: 1, hasZero: false))
      try backend.run(
        .linearCombination(
          LinearCombination(batch.cotangents.rows(1..<2), 1 / (model.outputScale ?? 1), bar)))
    }
  }

  public func value() throws -> Double { try meanLoss() }

  /// The mean loss. Waits.
  public func meanLoss() throws -> Double {
    var sum = 0.0
    for batch in batches {
      let part = try backend.matrix(1, 1, type)
      try backend.run(.reduction(Reduction(.sum, of: batch.losses, into: part)))
      sum += try backend.download(part)[0]
    }
    return sum * factor
  }

  /// target ← the gradient of the mean loss with respect to the state (with an output scale α over
  /// α²), zero where tensors are frozen.
  public func gradient(into target: Matrix) throws {
    try forEachBatch(into: target) { batch, target in
      let bar = batch.cotangents.rows(1..<2).reshaped(rows: batch.count, columns: width)
      try derivatives.pull(bar, batch.inputs(), into: target)
    }
  }

  /// target ← Hv or Gv. Waits.
  public func apply(_ v: Matrix, into target: Matrix) throws {
    try forEachBatch(into: target) { batch, target in
      try derivatives.pullAfterPush(
        v, batch.inputs(), into: target, bends: kind == .hessian
      ) { tangent in
        try curve(tangent, batch)
        return batch.cotangents
      }
    }
  }

  public func restrict(_ v: Matrix) throws { try derivatives.restrict(v) }

  /// u ← H_L d.
  private func curve(_ tangent: Matrix, _ batch: Batch) throws {
    let product = batch.cotangents.rows(0..<1).reshaped(rows: batch.count, columns: width)
    switch loss {
    case .mse:
      try backend.run(.linearCombination(LinearCombination(product, factor, tangent)))
    case .crossEntropy:
      try backend.run(
        .softmaxCurvature(
          SoftmaxCurvature(
            product, outputs: batch.outputs, targets: batch.targets, tangents: tangent,
            factor: factor)))
    }
  }

  /// target ← Σ over batches, in their order.
  private func forEachBatch(
    into target: Matrix, _ body: (Batch, Matrix) throws -> Void
  ) throws {
    let part = batches.count > 1 ? try backend.matrix(1, dimension, type) : target
    for (index, batch) in batches.enumerated() {
      try body(batch, index == 0 ? target : part)
      guard index > 0 else { continue }
      try backend.run(.linearCombination(LinearCombination(target, 1, part, 1, target)))
    }
  }
}
