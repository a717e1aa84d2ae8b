import ArgumentParser
import FoundationEssentials
import Maclaurin

/// A preset or a network file, and what a preset needs besides.
struct NetworkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A network file (JSON), or \(NetworkPreset.forms).", valueName: "model"))
  var model = NetworkOptions.standardModel

  static let standardModel = "mlp:512x3"

  @Option(
    help: ArgumentHelp(
      "Activation of a preset: "
        + Activation.allCases.map(\.rawValue).joined(separator: ", ") + ".",
      valueName: "name"))
  var activation: String?

  @Option(
    help: ArgumentHelp(
      "standard, ntk, improved_standard[:WIDTH_SCALE], taylor[:ORDER] or mup[:BASE_WIDTH].",
      valueName: "name"))
  var parameterization: String?

  @Option(
    help: ArgumentHelp(
      "Initial weights of a preset: lecun (default, variance σw²/fan_in) or glorot (the published "
        + "one: 2/(fan_in + fan_out)).", valueName: "name"))
  var initialization: Initialization?

  @Option(
    help: ArgumentHelp(
      "Standard deviation σw of a preset's weights (default 1; √2 keeps ReLU's scale).",
      valueName: "σ"))
  var weightStd: Double?

  @Option(
    help: ArgumentHelp("Standard deviation σb of a preset's biases (default 0).", valueName: "σ"))
  var biasStd: Double?

  @Flag(
    help: "Start a preset with neurons in pairs of opposite outgoing weights: outputs of 0.")
  var symmetric = false

  @Flag(help: "Start a preset's output weights at ± their standard deviation.")
  var outputSigns = false

  /// The network for inputs of shape `input` and `outputs` outputs.
  ///
  /// - Parameter width: in place of a preset's own.
  func network(input: [Int], outputs: Int, width: Int? = nil) throws -> Network {
    guard var preset = try NetworkPreset(parsing: model) else {
      let network = try Self.read(model)
      guard width == nil else {
        throw Misuse(
          "--grid width goes with a preset; \(model) is a network file, which says its widths itself"
        )
      }
      guard activation == nil, parameterization == nil, initialization == nil, weightStd == nil,
        biasStd == nil, !symmetric, !outputSigns
      else {
        throw Misuse(
          "--activation, --parameterization, --initialization, --weight-std, --bias-std, --symmetric "
            + "and --output-signs go with a preset; \(model) is a network file, which says them itself"
        )
      }
      return network
    }
    if let width { preset = preset.replacing(width: width) }
    let name = activation ?? "relu"
    guard let activation = Activation(named: name) else {
      throw Misuse(
        "unknown activation \"\(name)\"; known are "
          + Activation.allCases.map(\.rawValue).joined(separator: ", "))
    }
    for (option, value) in [("--weight-std", weightStd), ("--bias-std", biasStd)] {
      if let value, !(value >= 0 && value.isFinite) {
        throw Misuse("\(option) must not be negative, and is \(value)")
      }
    }
    let parameterization = try parsedParameterization()
    let initialization = initialization ?? .lecun
    if initialization != .lecun {
      guard parameterization == .standard, weightStd == nil, biasStd == nil else {
        throw Misuse(
          "--initialization \(initialization.rawValue) goes with the standard parameterization and "
            + "without --weight-std and --bias-std, which it sets")
      }
    }
    var description = preset.description(
      input: input, outputs: outputs, activation: activation,
      parameterization: parameterization, initialization: initialization,
      weightStd: weightStd ?? 1, biasStd: biasStd ?? 0)
    description.isSymmetric = symmetric
    description.hasOutputSigns = outputSigns
    return try Network(description)
  }

  private func parsedParameterization() throws -> Parameterization {
    let text = parameterization ?? "standard"
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    let argument = parts.count == 2 ? Int(parts[1]) : nil
    switch (parts.first ?? "", parts.count) {
    case ("standard", 1): return .standard
    case ("ntk", 1): return .ntk
    case ("improved_standard", 1): return .improvedStandard(widthScale: 1)
    case ("taylor", 1): return .taylor(order: 1)
    case ("mup", 1): return .mup(baseWidth: Parameterization.defaultBaseWidth)
    case ("improved_standard", 2):
      if let argument, argument > 0 { return .improvedStandard(widthScale: argument) }
    case ("taylor", 2):
      if let argument, argument > 0 { return .taylor(order: argument) }
    case ("mup", 2):
      if let argument, argument > 0 { return .mup(baseWidth: argument) }
    default: break
    }
    throw Misuse(
      "unknown parameterization \"\(text)\"; known are standard, ntk, "
        + "improved_standard[:WIDTH_SCALE], taylor[:ORDER] and mup[:BASE_WIDTH]")
  }

  /// Reads a network file.
  static func read(_ path: String) throws -> Network {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw NetworkError(
        "\"\(path)\" is neither a preset (\(NetworkPreset.forms)) nor a network file that can be "
          + "read; check the path")
    }
    guard data.count <= 1 << 26 else {
      throw NetworkError("\(path) has \(data.count) bytes, too many for a network file")
    }
    return try Network(NetworkDescription(json: [UInt8](data), named: path))
  }
}

/// A set of parameters on the command line: `file.safetensors` or `file.safetensors:prefix.`.
struct ParameterSet {
  let file: SafetensorsFile
  let prefix: String

  init(parsing text: String) throws {
    if let argument = try? ArrayArgument(parsing: text), argument.format == .safetensors {
      file = try SafetensorsFile(argument.path)
      prefix = argument.name ?? ""
    } else {
      file = try SafetensorsFile(text)
      prefix = ""
    }
  }

  /// What a run may start from: a set of parameters, a run's folder (its final parameters), or a
  /// checkpoint (θ0 + Δ, where it has two parts).
  static func start(_ text: String, _ network: Network) throws -> [Double] {
    var isFolder = false
    if FileManager.default.fileExists(atPath: text, isDirectory: &isFolder), isFolder {
      guard FileManager.default.fileExists(atPath: text + "/final.safetensors") else {
        throw TrainingError(
          "\(text) has no final.safetensors; finish the run there, or name a file of parameters")
      }
      return try ParameterSet(parsing: text + "/final.safetensors").vector(network)
    }
    let set = try ParameterSet(parsing: text)
    func has(_ prefix: String) -> Bool {
      set.prefix.isEmpty && set.file.names.contains { $0.hasPrefix(prefix) }
    }
    if has("displacement.") {
      let center = try network.readParameters(set.file, prefix: "center.")
      let displacement = try network.readParameters(set.file, prefix: "displacement.")
      return zip(center, displacement).map { $0 + $1 }
    }
    return has("parameters.")
      ? try network.readParameters(set.file, prefix: "parameters.") : try set.vector(network)
  }

  func vector(_ network: Network) throws -> [Double] {
    try network.readParameters(file, prefix: prefix)
  }

  /// The same, on a backend, tensor by tensor.
  func matrix(_ network: Network, _ type: ScalarType, on backend: any Backend) throws -> Matrix {
    let vector = try backend.matrix(1, network.parameterCount, type)
    try network.readParameters(file, prefix: prefix) { tensor, values in
      try backend.upload(
        values, to: vector.slice(at: tensor.offset, rows: 1, columns: tensor.count))
    }
    return vector
  }

  /// A hash of all values, as float64.
  func hash(_ network: Network) throws -> String {
    var hash = SHA256()
    try network.readParameters(file, prefix: prefix) { _, values in
      values.withUnsafeBytes { hash.update($0) }
    }
    return hash.hexadecimalDigest()
  }
}
