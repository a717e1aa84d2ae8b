import Maclaurin

/// What `curvature` says of the movement's signs, coefficient and penalty.
struct MovementReport {
  /// The mean loss; with random signs its mean over the draws. The penalty is no part of it.
  let loss: Double
  private(set) var members: [String: JSONValue] = [:]
  private(set) var rows: [[String]]

  init(
    _ model: Model, _ risk: TrainingRisk, _ kind: Loss.Kind, _ examples: ResidentExamples,
    _ count: Int
  ) throws {
    loss = try risk.loss.value()
    rows = [["loss", String(loss)]]
    if let coefficient = model.coefficient {
      members["coefficient"] = .number(Double(coefficient))
    }
    if risk.loss is RandomizedLoss {
      let part = ResidentExamples(
        inputs: try examples.evaluationInputs(0..<count, on: model.backend),
        targets: examples.targets.rows(0..<count), isClassification: examples.isClassification)
      let mean = try Evaluator(Objective(kind)).evaluate(model, on: part).0.loss
      members["draws"] = .number(Double(model.evaluationDraws))
      members["mean_output_loss"] = .number(mean)
      rows.append(["draws", String(model.evaluationDraws)])
      rows.append(["loss of the mean output", String(mean)])
    }
    if let penalty = try risk.penalty?.value() {
      members["penalty"] = .number(penalty)
      rows.append(["penalty", String(penalty)])
    }
  }
}
