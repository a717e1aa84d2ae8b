import ArgumentParser
import FoundationEssentials
import Maclaurin

struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Make parameters of a network from a PyTorch state dictionary in safetensors.",
    discussion: """
      The network file says what the model is; shapes are checked. Layers with tensors are matched, \
      in order, with the file's modules in the order in which nn.Sequential and torchvision's \
      residual networks run. Files with the network's own names are converted to --dtype only.
      """)

  @Option(help: "Network file (JSON).")
  var network: String

  @Option(help: "Safetensors of F64, F32, F16 or BF16: file.safetensors[:prefix.].")
  var weights: String

  @Option(help: "Safetensors file to write.")
  var output: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Pairs NETWORK-TENSOR=FILE-TENSOR, or a JSON file with an object of them.",
      valueName: "pairs"))
  var map: [String] = []

  @Option(help: "float32 or float64.")
  var dtype = "float32"

  @OptionGroup(title: "What to print") var report: OutputOptions

  func run() throws {
    guard let type = ScalarType(rawValue: dtype), type != .int32 else {
      throw Misuse("unknown --dtype \"\(dtype)\"; known are float32 and float64")
    }
    let maps = map.filter { !$0.contains("=") }
    try OutputFile.check(
      output, option: "--output",
      inputs: [("--network", network), ("--weights", weights)] + maps.map { ("--map", $0) })
    let explicit = try pairs()
    let network = try NetworkOptions.read(network)
    let set = try parameterSet()
    let matching = try TensorMatching(network, set.file, prefix: set.prefix, explicit: explicit)
    var vector: [Double] = []
    vector.reserveCapacity(network.parameterCount)
    for pair in matching.pairs {
      vector += try matching.values(pair, in: set.file, as: type)
    }
    try SafetensorsFile.write(
      network.namedTensors(vector, type: type), metadata: ["format": "maclaurin"], to: output)
    try write(matching, of: set.file, network, hash: Trainer.hash(vector), type)
  }

  private func parameterSet() throws -> ParameterSet {
    for ending in [".pt", ".pth", ".bin", ".ckpt"] where weights.hasSuffix(ending) {
      throw NetworkError(
        "\(weights) is a file of PyTorch's own kind, which only Python reads; write it with "
          + "safetensors.torch.save_file(model.state_dict(), \"model.safetensors\")")
    }
    return try ParameterSet(parsing: weights)
  }

  /// The pairs of --map.
  private func pairs() throws -> [String: String] {
    var pairs: [String: String] = [:]
    func add(_ own: String, _ source: String) throws {
      guard pairs.updateValue(source, forKey: own) == nil else {
        throw NetworkError("--map names \"\(own)\" twice; give every tensor one counterpart")
      }
    }
    for entry in map {
      if let sign = entry.firstIndex(of: "=") {
        try add(String(entry[..<sign]), String(entry[sign...].dropFirst()))
        continue
      }
      guard let data = FileManager.default.contents(atPath: entry) else {
        throw NetworkError(
          "--map \(entry) is neither a pair NETWORK-TENSOR=FILE-TENSOR nor a file that can be read; check "
            + "the path")
      }
      guard data.count <= 1 << 26,
        case .object(let members) = try JSONValue(text: [UInt8](data), named: entry)
      else {
        throw NetworkError(
          "\(entry) must hold an object {\"NETWORK-TENSOR\": \"FILE-TENSOR\", …}")
      }
      for (own, value) in members.sorted(by: { $0.key < $1.key }) {
        guard case .string(let source) = value else {
          throw NetworkError("\"\(own)\" of \(entry) must be a tensor's name, not \(value.line)")
        }
        try add(own, source)
      }
    }
    return pairs
  }

  private func write(
    _ matching: TensorMatching, of file: SafetensorsFile, _ network: Network, hash: String,
    _ type: ScalarType
  ) throws {
    var rows = [["tensor", "from", "shape", "of"]]
    var tensors: [JSONValue] = []
    for pair in matching.pairs {
      let (shape, type) = (pair.tensor.shape, try file.info(pair.source).elementType.rawValue)
      rows.append([pair.tensor.name, pair.source, "\(shape)", type])
      tensors.append(
        .object([
          "name": .string(pair.tensor.name), "from": .string(pair.source),
          "shape": .array(shape.map { .number(Double($0)) }), "dtype": .string(type),
        ]))
    }
    let (count, trained) = (network.parameterCount, network.trainedCount)
    report.result(
      [
        "tensors": .array(tensors), "parameters": .number(Double(count)),
        "trained_parameters": .number(Double(trained)), "dtype": .string(type.rawValue),
        "parameters_sha256": .string(hash), "output": .string(output),
      ],
      table(rows) + "\n\(count) parameters"
        + (trained == count ? "" : ", \(trained) of them trained,")
        + " in \(output), \(type.rawValue), sha256 \(hash)", nil)
  }
}
