import Compute
import Jets
import Networks

/// A model's loss and accuracy on a set, with the outputs.
public struct Evaluation: Sendable, Codable, Equatable {
  public var loss: Double
  /// Share of examples whose largest output is the target's; nil for regression.
  public var accuracy: Double?
}

/// Examples that live on a backend: inputs [n, features], targets [n, outputs].
public struct ResidentExamples {
  public var inputs: Matrix
  public var targets: Matrix
  public var isClassification: Bool
  /// What is done to images on their way into the network; nil where that is nothing.
  public var images: ResidentImages?
  public var count: Int { inputs.rows }
}

/// Evaluates a model on a whole set, in batches.
///
/// Per-example results go to one place and are reduced once, and an example's results do not
/// depend on its batch, so the batch size cannot change bits.
public struct Evaluator {
  public var objective: Objective
  public var batchSize: Int

  public init(_ objective: Objective, batchSize: Int = 512) {
    self.objective = objective
    self.batchSize = batchSize
  }

  /// An evaluation whose sums are on their way to the host.
  public struct Pending {
    let sums: any Download
    let type: ScalarType
    let count: Int
    /// From the sum of losses to the mean loss.
    let factor: Double
    let isClassification: Bool

    /// The evaluation, once its sums are there.
    public func wait() throws -> Evaluation {
      let values = try sums.values(type)
      return Evaluation(
        loss: values[0] * factor, accuracy: isClassification ? values[1] / Double(count) : nil)
    }
  }

  public func evaluate(
    _ model: Model, on examples: ResidentExamples
  ) throws -> (Evaluation, outputs: Matrix) {
    let (pending, outputs) = try start(model, on: examples)
    return (try pending.wait(), outputs)
  }

  /// Enqueues an evaluation and waits for nothing. The outputs are [n, outputs].
  public func start(
    _ model: Model, on examples: ResidentExamples
  ) throws -> (Pending, outputs: Matrix) {
    try start(model, on: examples, batches: .max)
  }

  /// The memory of an evaluation, at the work of one batch.
  func rehearse(_ model: Model, on examples: ResidentExamples) throws {
    _ = try start(model, on: examples, batches: 1)
  }

  private func start(
    _ model: Model, on examples: ResidentExamples, batches: Int
  ) throws -> (Pending, outputs: Matrix) {
    let backend = model.backend
    let (count, width) = (examples.count, examples.targets.columns)
    let outputs = try Objective.Outputs(backend, count: count, outputs: width, type: model.type)
    try evaluate(
      model, targets: examples.targets, into: outputs, batches: batches,
      inputs: { try examples.evaluationInputs($0, on: backend) })
    let sums = try backend.matrix(1, 2, model.type)
    try backend.run(.reduction(Reduction(.sum, of: outputs.losses, into: sums.element(0))))
    try backend.run(.reduction(Reduction(.sum, of: outputs.correct, into: sums.element(1))))
    let pending = Pending(
      sums: try backend.startDownload(sums), type: model.type, count: count,
      factor: objective.factor(examples: count, outputs: width),
      isClassification: examples.isClassification)
    return (pending, outputs.values)
  }

  /// The model's outputs F at inputs, [n, outputs]; with random signs their mean over the
  /// evaluation's draws.
  public func outputs(_ model: Model, at inputs: Matrix) throws -> Matrix {
    let (backend, width) = (model.backend, model.network.outputCount)
    let outputs = try Objective.Outputs(
      backend, count: inputs.rows, outputs: width, type: model.type)
    let targets = try backend.matrix(inputs.rows, width, model.type)
    try backend.run(.fill(Fill(targets, value: 0)))
    try Evaluator(Objective(.mse), batchSize: batchSize)
      .evaluate(
        model, targets: targets, into: outputs, batches: .max, inputs: { inputs.rows($0) })
    return outputs.values
  }

  private func evaluate(
    _ model: Model, targets: Matrix, into outputs: Objective.Outputs, batches: Int,
    inputs: (Range<Int>) throws -> Matrix
  ) throws {
    let (backend, count) = (model.backend, targets.rows)
    let all = (count + batchSize - 1) / batchSize
    let draws = model.evaluationDraws
    let sum = draws > 1 ? try backend.matrix(count, targets.columns, model.type) : nil
    try model.forEachEvaluationDraw { draw in
      // Batches write disjoint rows.
      try backend.runIndependently(min(all, batches)) { index in
        let first = index * batchSize
        let range = first..<min(count, first + batchSize)
        let logits = try model.pushforward(inputs(range))
        try objective.evaluate(
          model, logits: logits, targets: targets.rows(range), into: outputs.part(range),
          cotangent: nil)
      }
      guard let sum else { return }
      try backend.run(
        .linearCombination(
          LinearCombination(sum, 1, outputs.values, 1, draw == 0 ? nil : sum)))
    }
    guard let sum else { return }
    // The loss of the mean, taken once.
    let mean = try backend.matrix(count, targets.columns, model.type)
    try backend.run(.linearCombination(LinearCombination(mean, 1 / Double(draws), sum)))
    let logits = Jet(mean, block: count, degree: 0, capacity: 0)
    try objective.evaluate(logits: logits, scale: nil, targets: targets, into: outputs, on: backend)
  }
}
