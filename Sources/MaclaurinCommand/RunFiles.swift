import FoundationEssentials
import Maclaurin

/// What `train` prints and keeps of a run.
enum RunFiles {
  static func summary(
    _ result: Trainer.Result, seconds: Double, examplesPerSecond: Double, backend: String,
    numerics: Numerics
  ) -> [String: JSONValue] {
    var members: [String: JSONValue] = [
      "steps": .number(Double(result.steps)),
      "parameters_sha256": .string(result.parametersSHA256),
      "seconds": .number(seconds), "examples_per_second": .number(examplesPerSecond),
      "backend": .string(backend), "numerics": .string(numerics.rawValue),
      "stopped_early": .bool(result.stoppedEarly), "test_loss": .null, "test_accuracy": .null,
    ]
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

/// run.json: the effective settings, so that a resumed run is the same run.
struct RunRecord {
  var settings: TrainingSettings
  var data: String
  var network: Network

  private func settingsJSON() throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(settings))
  }

  func write(to directory: RunDirectory, backend: any Backend, start: [Double]) throws {
    try directory.write("network.json", network.description.json)
    try directory.writeParameters(
      start, network: network, type: settings.type, as: "initial.safetensors")
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let record = JSONValue.object([
      "format": .number(1), "version": .string(MainCommand.configuration.version),
      "settings": try settingsJSON(), "order": .string(settings.orderName),
      "data": .string(data), "backend": .string(backend.name),
      "numerics": .string(backend.numerics.rawValue),
      "parameters": .number(Double(network.parameterCount)),
    ])
    // Last: a folder with run.json is complete.
    try directory.write("run.json", [UInt8](encoder.encode(record)))
  }

  /// A resumed run must have the settings it began with.
  func check(against directory: RunDirectory) throws {
    let name = directory.path + "/run.json"
    guard case .object(let record) = try JSONValue(text: directory.read("run.json"), named: name),
      case .object(let before)? = record["settings"], case .object(let now) = try settingsJSON()
    else {
      throw TrainingError("\(name) is damaged; the run in \(directory.path) cannot be resumed")
    }
    for key in Set(before.keys).union(now.keys).sorted() where before[key] != now[key] {
      throw TrainingError(
        "the run in \(directory.path) was made with \(key) \(before[key]?.line ?? "unset"), not "
          + "\(now[key]?.line ?? "unset"); resume with the same settings or choose another --out")
    }
    guard record["data"] == .string(data) else {
      throw TrainingError(
        "the run in \(directory.path) was made with data \(record["data"]?.line ?? ""); resume "
          + "with the same --data")
    }
    guard
      try NetworkDescription(json: directory.read("network.json"), named: "network.json")
        == network.description
    else {
      throw TrainingError(
        "the run in \(directory.path) was made with another network; resume with the same --model")
    }
  }
}
