import ArgumentParser
import Maclaurin

struct BenchKernel: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernel",
    abstract: "Tangent kernels at infinite and at finite width: time, rate and memory.",
    discussion: """
      Each kernel as one block that stays on the device, after a first one that does not count; \
      medians over --repeats, the kernels taking turns. Without --network: dense and convolutional \
      kernels at infinite width, and the traced kernels of a fully connected, a convolutional and a \
      residual network. Benchmarks/kernels.py sets them beside neural-tangents.
      """)

  @OptionGroup var kernel: KernelBenchOptions
  @Option(help: "Measurements of each kernel.") var repeats = 9
  @OptionGroup var backend: BackendOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    try validateRepeats(repeats)
    try backend.validateWithoutTrace()
  }

  func run() throws {
    let result = try kernel.measure(backend, repeats: repeats, output)
    if output.json { Console.json(result) }
  }
}

/// What `bench kernel` measures.
struct KernelBenchOptions: ParsableArguments {
  @Option(help: "Network file (JSON) whose kernel is measured instead of the usual ones.")
  var network: String?

  @Option(help: "Inputs for it, [n, features].")
  var inputs: String?

  @Option(help: "nngp or ntk.")
  var kind = KernelKind.ntk

  @Option(help: "infinite or finite, for --network.")
  var width = KernelWidth.infinite

  @Option(help: "θ at finite width: file.safetensors[:prefix.] (default: drawn).")
  var parameters: String?

  func validate() throws {
    guard (network == nil) == (inputs == nil) else {
      throw ValidationError("--network and --inputs go together")
    }
    guard parameters == nil || network != nil && width == .finite else {
      throw ValidationError("--parameters goes with --network and --width finite")
    }
  }

  /// One kernel to measure; inputs are drawn where there are none.
  private struct Case {
    var name: String
    var network: Network
    var width: KernelWidth
    var examples: Int
    var inputs: [Double]?
  }

  private func cases() throws -> [Case] {
    if let network, let inputs {
      let network = try NetworkOptions.read(network)
      let array = try ArrayFiles.finite(inputs)
      return [
        Case(
          name: "\(width.rawValue) \(kind.rawValue)", network: network, width: width,
          examples: try ArrayFiles.rows(array, inputs, for: network), inputs: array.doubles())
      ]
    }
    return try Self.usual.map { name, input, layers, outputs, width, examples in
      let parameterization = width == .infinite ? "ntk" : "standard"
      let text = """
        {"input": \(input), "parameterization": "\(parameterization)", "layers": [\(layers), \
        {"dense": {"units": \(outputs), "weight_std": 1.5, "bias_std": 0.1}}]}
        """
      let description = try NetworkDescription(json: Array(text.utf8), named: name)
      return Case(
        name: name, network: try Network(description), width: width, examples: examples)
    }
  }

  private static var usual:
    [(
      name: String, input: [Int], layers: String, outputs: Int, width: KernelWidth, examples: Int
    )]
  {
    func dense(_ units: Int, _ activation: String) -> String {
      repeating(
        #"{"dense": {"units": \#(units), "weight_std": 1.5, "bias_std": 0.1}}, "\#(activation)""#, 3
      )
    }
    func conv(_ channels: Int, _ padding: String) -> String {
      #"{"conv": {"channels": \#(channels), "kernel": 3, "padding": "\#(padding)", "weight_std": 1.5,"#
        + #" "bias_std": 0.1}}"#
    }
    func repeating(_ text: String, _ count: Int) -> String {
      Array(repeating: text, count: count).joined(separator: ", ")
    }
    let convolutions = repeating(conv(32, "same") + #", "relu""#, 3)
    let block =
      #"{"residual": {"main": ["relu", \#(conv(32, "same")), "relu", \#(conv(32, "same"))]}}"#
    return [
      ("dense relu", [784], dense(512, "relu"), 1, .infinite, 2000),
      ("dense erf", [784], dense(512, "erf"), 1, .infinite, 2000),
      ("conv pooled", [3, 16, 16], convolutions + #", "global_avg_pool""#, 1, .infinite, 8),
      ("conv flat", [3, 16, 16], convolutions + #", "flatten""#, 1, .infinite, 64),
      ("mlp", [784], dense(2048, "relu"), 10, .finite, 64),
      (
        "cnn", [3, 32, 32],
        repeating(conv(64, "valid") + #", "relu""#, 4) + #", "global_avg_pool""#, 10, .finite, 16
      ),
      (
        "resnet", [3, 32, 32],
        "\(conv(32, "same")), \(repeating(block, 3)), " + #""relu", "global_avg_pool""#, 10,
        .finite, 16
      ),
    ]
  }

  func measure(
    _ options: BackendOptions, repeats: Int, _ output: OutputOptions
  ) throws -> [String: JSONValue] {
    let type = try options.scalarType()
    let cases = try cases()
    let benches = try cases.map { try Bench($0, self, type, options.makeBackend()) }
    for bench in benches { try bench.run() }
    var times = benches.map { _ in Measurement() }
    for _ in 0..<repeats {
      for (index, bench) in benches.enumerated() { try times[index].add { try bench.run() } }
    }
    let flops = try benches.map { try $0.flops() }
    var rows = [["kernel", "inputs", "ms", "GFLOP", "GFLOP/s", "peak memory"]]
    var members: [JSONValue] = []
    for (index, bench) in benches.enumerated() {
      let (seconds, peak) = (times[index].median, bench.backend.statistics.peakBytes)
      rows.append([
        "\(cases[index].name) (\(cases[index].width.rawValue))", String(cases[index].examples),
        fixed(seconds * 1e3, 2), fixed(flops[index] / 1e9, 2),
        fixed(flops[index] / seconds / 1e9, 1), bytesText(peak),
      ])
      members.append(
        .object([
          "name": .string(cases[index].name), "width": .string(cases[index].width.rawValue),
          "kind": .string(kind.rawValue), "examples": .number(Double(cases[index].examples)),
          "milliseconds": .number(seconds * 1e3), "flops": .number(flops[index]),
          "peak_bytes": .number(Double(peak)),
        ]))
    }
    output.show(table(rows))
    return [
      "kernels": .array(members), "backend": .string(benches[0].backend.name),
      "dtype": .string(type.rawValue), "numerics": .string(options.numerics.rawValue),
    ]
  }

  /// A kernel on a back end of its own, so that memory is told apart.
  private struct Bench {
    let backend: any Backend
    private let kernel: any TiledKernel
    private let make: (any Backend) throws -> any TiledKernel

    init(
      _ it: Case, _ options: KernelBenchOptions, _ type: ScalarType, _ backend: any Backend
    ) throws {
      let count = it.network.inputCount
      let inputs = it.inputs ?? (0..<it.examples * count).map(Self.number)
      let infinite =
        it.width == .infinite ? try InfiniteWidthKernel(it.network.description, options.kind) : nil
      make = { backend in
        if let infinite {
          return InfiniteKernelTiles(infinite, options.kind, inputs, type: type, on: backend)
        }
        let parameters: Matrix
        if let file = options.parameters {
          parameters = try ParameterSet(parsing: file).matrix(it.network, type, on: backend)
        } else {
          parameters = try backend.matrix(1, it.network.parameterCount, type)
          try it.network.initialize(parameters, seed: 0, on: backend)
        }
        return try EmpiricalKernel(
          it.network, options.kind, at: parameters,
          backend.matrix(it.examples, count, type, inputs), on: backend)
      }
      self.backend = backend
      kernel = try make(backend)
    }

    /// A number in [−1, 1) from a multiplicative sequence: like any other, and reproducible.
    private static func number(_ index: Int) -> Double {
      let bits = (index &* 2_654_435_761) >> 7 & 1023
      return Double(bits) / 512 - 1
    }

    func run() throws {
      _ = try kernel.block(rows: 0..<kernel.rowCount, columns: 0..<kernel.columnCount)
      try backend.finish()
    }

    /// Of contractions and everything else, counted.
    func flops() throws -> Double {
      let null = NullBackend(workspace: Workspace(convolutionBytes: backend.workspaceBytes))
      let kernel = try make(null)
      let before = null.cost.flops
      _ = try kernel.block(rows: 0..<kernel.rowCount, columns: 0..<kernel.columnCount)
      return null.cost.flops - before
    }
  }
}
