import Networks

/// One line of metrics.jsonl: a logged step, an evaluation, or both.
public struct MetricsRecord: Sendable {
  /// Steps done.
  public var step: Int
  public var epoch: Double
  public var learningRate: Double
  /// Mean loss of the step's batch, before its update.
  public var loss: Double?
  /// ‖g‖₂ over all tensors, before clipping.
  public var gradientNorm: Double?
  public var train: Evaluation?
  public var validation: Evaluation?
  public var test: Evaluation?
  /// ‖θ − θ0‖ per tensor, absolute and relative to ‖θ0‖, θ0 the run's start.
  public var movement: [TensorMovement] = []

  /// What else was measured at an evaluation, under its columns' names: `TrainingSettings.measures`.
  public var measures: [(name: String, value: Double)] = []

  public struct TensorMovement: Sendable, Equatable {
    public var name: String
    public var absolute: Double
    public var relative: Double
  }

  /// Name and value of everything there is, in a fixed order.
  public var fields: [(name: String, value: Double)] {
    var fields: [(String, Double)] = [
      ("step", Double(step)), ("epoch", epoch), ("learning_rate", learningRate),
    ]
    func add(_ name: String, _ value: Double?) {
      if let value { fields.append((name, value)) }
    }
    add("loss", loss)
    add("gradient_norm", gradientNorm)
    for (name, evaluation) in [("train", train), ("validation", validation), ("test", test)] {
      add("\(name)_loss", evaluation?.loss)
      add("\(name)_accuracy", evaluation?.accuracy)
    }
    fields += measures
    for tensor in movement {
      fields.append(("movement.\(tensor.name)", tensor.absolute))
      fields.append(("relative_movement.\(tensor.name)", tensor.relative))
    }
    return fields
  }

  public var json: JSONValue {
    .object(
      Dictionary(
        uniqueKeysWithValues: fields.map { field in
          (field.name, field.value.isFinite ? JSONValue.number(field.value) : .null)
        }))
  }

  /// The columns of metrics.csv.
  static func columns(_ network: Network, measures: [String]) -> [String] {
    [
      "step", "epoch", "learning_rate", "loss", "gradient_norm", "train_loss", "train_accuracy",
      "validation_loss", "validation_accuracy", "test_loss", "test_accuracy",
    ] + measures
      + network.parameters.flatMap {
        ["movement.\($0.name)", "relative_movement.\($0.name)"]
      }
  }
}
