import FoundationEssentials
import Maclaurin

/// run.json: the effective settings, so that a resumed run is the same run.
struct RunRecord {
  var settings: TrainingSettings
  var data: DataOptions
  /// --initial
  var initial: String?
  var numerics: Numerics
  var network: Network
  /// Training, validation and test examples.
  var examples: [Int]

  /// What a resumed run must share with the one it goes on with, by the option that says it.
  func choices() throws -> [String: JSONValue] {
    let encoded = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(settings))
    guard case .object(let members) = encoded else { return [:] }
    var choices: [String: JSONValue] = [:]
    func add(_ members: [String: JSONValue]) {
      for (name, value) in members {
        // A group of settings is as many options.
        if case .object(let group) = value {
          add(group)
        } else {
          choices[Self.options[name] ?? name] = value
        }
      }
    }
    add(members)
    choices["order"] = .string(settings.orderName)
    choices.merge(try data.choices()) { $1 }
    choices["initial"] = initial.map { .string($0) }
    choices["numerics"] = .string(numerics.rawValue)
    return choices
  }

  /// Options whose names are not those of the settings.
  private static let options = [
    "learningRate": "lr", "schedule": "lr-schedule", "weightDecay": "weight-decay",
    "clipNorm": "clip-norm", "batchSize": "batch-size", "relinearizeEvery": "relinearize-every",
    "relinearizeGrowth": "relinearize-growth", "relinearizeTrust": "relinearize-trust",
    "relinearizeState": "relinearize-state", "adaptiveOrder": "adaptive-order",
    "maxOrder": "max-order", "kernelProbes": "kernel-probes",
    "type": "dtype", "evaluateEvery": "evaluate-every", "checkpointEvery": "checkpoint-every",
    "logEvery": "log-every", "earlyStop": "early-stop", "frozen": "freeze",
    "saveLogits": "save-logits", "evaluatesEarly": "evaluate-early", "outputScale": "output-scale",
    "layerLearningRates": "layer-lr",
    "cgIterations": "cg-iterations", "cgTolerance": "cg-tolerance",
    "diagnosticProbes": "diagnostic-probes", "diagnosticProducts": "diagnostic-products",
    "signOrder": "sign-order", "evaluationDraws": "evaluation-draws", "movementStd": "movement-std",
    "movementPenalty": "movement-penalty", "movementExponent": "movement-exponent",
    "jetProducts": "jet-products",
  ]

  func write(to directory: RunDirectory, backend: any Backend, start: [Double]) throws {
    do {
      try directory.write("network.json", network.description.json)
      try directory.writeParameters(
        start, network: network, type: settings.type, as: "initial.safetensors")
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      let record = JSONValue.object([
        "format": .number(1), "version": .string(MainCommand.configuration.version),
        "settings": .object(try choices()), "backend": .string(backend.name),
        "parameters": .number(Double(network.parameterCount)),
        "examples": .array(examples.map { .number(Double($0)) }),
      ])
      // Last: a folder with run.json is complete.
      try directory.write("run.json", [UInt8](encoder.encode(record)))
    } catch {
      directory.abandon()
      throw error
    }
  }

  /// What a folder holds, by the name of its record.
  enum Kind: String, CaseIterable {
    case run
    case study
    var file: String { rawValue + ".json" }
  }

  /// A resumed run must have the settings it began with.
  func check(in folder: String) throws { try check(in: folder, .run, now: choices()) }

  /// The same for what a folder holds, whose settings are now `now`.
  func check(in folder: String, _ kind: Kind, now: [String: JSONValue]) throws {
    let record = try Self.read(folder, kind)
    guard case .object(var before)? = record["settings"] else {
      throw TrainingError(
        "\(folder)/\(kind.file) has no settings, so the \(kind) in \(folder) cannot be resumed; "
          + "choose another --out")
    }
    before["jet-products"] = .string(try Self.jetProducts(of: folder, kind).rawValue)
    try RecordedSettings.requireSame(
      before, now, of: kind.rawValue, in: folder,
      derived: ["batch-size", "checkpoint-every", "evaluate-every", "steps"])
    let path = folder + "/network.json"
    guard let bytes = FileManager.default.contents(atPath: path) else {
      throw TrainingError("\(path) cannot be read, so the \(kind) in \(folder) cannot be resumed")
    }
    guard try NetworkDescription(json: [UInt8](bytes), named: path) == network.description else {
      throw TrainingError(
        "the \(kind) in \(folder) was made with another network (its network.json); resume with the "
          + "same --model or choose another --out")
    }
    let counts = JSONValue.array(examples.map { .number(Double($0)) })
    guard record["examples"] == counts else {
      throw TrainingError(
        "the \(kind) in \(folder) was made with \(record["examples"]?.line ?? "unknown numbers of") "
          + "training, validation and test examples, and \(data.data) now has \(counts.line); "
          + "restore the data or choose another --out")
    }
  }

  /// The members of a folder's run.json or study.json.
  private static func read(
    _ folder: String, _ kind: Kind = .run
  ) throws -> [String: JSONValue] {
    let path = "\(folder)/\(kind.file)"
    guard let bytes = FileManager.default.contents(atPath: path) else {
      throw TrainingError("\(path) cannot be read; is \(folder) a \(kind)'s folder?")
    }
    guard case .object(let members) = try JSONValue(text: [UInt8](bytes), named: path) else {
      throw TrainingError("\(path) is damaged: it holds no JSON object; choose another \(kind)")
    }
    return members
  }

  /// The data of the run in a folder, and how it was split and scaled.
  static func data(of folder: String) throws -> DataOptions {
    guard case .object(let settings)? = try read(folder)["settings"],
      let options = try DataOptions.restored(settings)
    else {
      throw TrainingError("\(folder)/run.json does not say the run's data; give --data")
    }
    return options
  }

  /// The loss of the run in a folder; nil where its run.json does not say it.
  static func loss(of folder: String) throws -> Loss.Kind? {
    guard case .object(let settings)? = try read(folder)["settings"],
      case .string(let loss)? = settings["loss"]
    else { return nil }
    return Loss.Kind(rawValue: loss)
  }

  /// The batch size of the run in a folder, which `--batch-size auto` goes on with.
  static func batchSize(of folder: String, _ kind: Kind = .run) throws -> Int {
    guard case .object(let settings)? = try read(folder, kind)["settings"],
      case .number(let number)? = settings["batch-size"], let size = Int(exactly: number), size >= 1
    else {
      throw TrainingError(
        "\(folder)/\(kind.file) does not say the \(kind)'s batch size; give --batch-size")
    }
    return size
  }

  /// The --jet-products of the run in a folder; those made before there was a choice are schoolbook.
  static func jetProducts(of folder: String, _ kind: Kind = .run) throws -> JetProducts {
    guard case .object(let settings)? = try read(folder, kind)["settings"],
      case .string(let name)? = settings["jet-products"]
    else { return .schoolbook }
    guard let products = JetProducts(rawValue: name) else {
      throw TrainingError(
        "\(folder)/\(kind.file) names the unknown jet products \"\(name)\"; known are "
          + JetProducts.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return products
  }

  /// What the run in a folder has propagated its series by.
  static func products(of folder: String) throws -> JetProducts {
    let batchSize = (try? batchSize(of: folder)) ?? 0
    return TrainingSettings.products(try jetProducts(of: folder), batchSize: batchSize)
  }

  /// The patterns of tensors that the run in a folder has frozen.
  static func frozen(of folder: String) throws -> [String] {
    guard case .object(let settings)? = try read(folder)["settings"],
      case .array(let patterns)? = settings["freeze"]
    else { return [] }
    return patterns.compactMap { if case .string(let pattern) = $0 { pattern } else { nil } }
  }

  /// The output scale of the run in a folder, if it has one.
  static func outputScale(of folder: String) throws -> Double? {
    guard case .object(let settings)? = try read(folder)["settings"],
      case .number(let scale)? = settings["output-scale"]
    else { return nil }
    return scale
  }

  /// What the run in a folder does with its movement, if anything, and what that depends on.
  static func movement(
    of folder: String
  ) throws -> (settings: MovementSettings, seed: UInt64, frozen: [String])? {
    guard case .object(let settings)? = try read(folder)["settings"] else { return nil }
    func integer(_ name: String) -> Int? {
      guard case .number(let number)? = settings[name] else { return nil }
      return Int(exactly: number)
    }
    func number(_ name: String) -> Double {
      if case .number(let number)? = settings[name] { number } else { 0 }
    }
    guard let draws = integer("evaluation-draws") else { return nil }
    var movement = MovementSettings(
      signOrder: integer("sign-order"), evaluationDraws: draws,
      coefficient: integer("coefficient"), movementStd: number("movement-std"),
      movementPenalty: number("movement-penalty"),
      movementExponent: integer("movement-exponent") ?? 8)
    if case .string(let name)? = settings["randomize"] {
      movement.randomize = MovementSettings.Randomization(rawValue: name)
    }
    var frozen: [String] = []
    if case .array(let patterns)? = settings["freeze"] {
      frozen = patterns.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }
    let seed = try seed(settings["seed"], in: folder)
    return (movement, seed, frozen)
  }

  private static func seed(_ value: JSONValue?, in folder: String) throws -> UInt64 {
    guard case .number(let number)? = value, let seed = UInt64(exactly: number),
      seed < 1 << 53
    else {
      throw TrainingError(
        "\(folder)/run.json does not say the run's seed exactly, and its random signs depend on it; "
          + "take seeds below \(1 << 53)")
    }
    return seed
  }

  /// The order of the run in a folder; 0 for full.
  static func order(of folder: String) throws -> Int {
    guard case .object(let settings)? = try read(folder)["settings"],
      case .string(let order)? = settings["order"], order == "full" || Int(order) != nil
    else { throw TrainingError("\(folder)/run.json does not say the run's order; give --order") }
    return Int(order) ?? 0
  }
}
