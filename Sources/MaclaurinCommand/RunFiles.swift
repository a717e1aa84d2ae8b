import FoundationEssentials
import Maclaurin

/// What `train` prints and keeps of a run.
enum RunFiles {
  /// - Parameter seconds: nil for a member of a study, which has no time of its own.
  static func summary(
    _ result: Trainer.Result, batchSize: Int, seconds: Double?, examplesPerSecond: Double?,
    backend: String, numerics: Numerics
  ) -> [String: JSONValue] {
    var members: [String: JSONValue] = [
      "steps": .number(Double(result.steps)), "batch_size": .number(Double(batchSize)),
      "parameters_sha256": .string(result.parametersSHA256),
      "backend": .string(backend), "numerics": .string(numerics.rawValue),
      "stopped_early": .bool(result.stoppedEarly), "test_loss": .null, "test_accuracy": .null,
    ]
    members["seconds"] = seconds.map { .number($0) }
    members["examples_per_second"] = examplesPerSecond.map { .number($0) }
    let sets = [("train", result.train), ("validation", result.validation), ("test", result.test)]
    for (name, evaluation) in sets {
      guard let evaluation else { continue }
      members["\(name)_loss"] = number(evaluation.loss)
      members["\(name)_accuracy"] = evaluation.accuracy.map { number($0) } ?? .null
    }
    return members
  }

  static func number(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }

  /// The result of a run that has ended, if `folder` holds one.
  static func finishedResult(in folder: String?) throws -> [String: JSONValue]? {
    guard let folder,
      let data = FileManager.default.contents(atPath: folder + "/result.json")
    else { return nil }
    guard
      case .object(let members) = try JSONValue(
        text: [UInt8](data), named: folder + "/result.json")
    else {
      throw TrainingError("\(folder)/result.json is not a result; remove it and resume again")
    }
    return members
  }
}
