import ArgumentParser
import Maclaurin

/// The shapes that a preset takes from a data set, or from the command line.
struct ShapeOptions: ParsableArguments {
  @Option(help: "Data set whose shapes a preset takes: \(DataSetSpecification.forms).")
  var data = "digits"

  @Option(help: "Input features of a preset, instead of a data set's.")
  var inputs: Int?

  @Option(help: "Outputs of a preset, instead of a data set's.")
  var outputs: Int?

  func network(_ options: NetworkOptions) throws -> Network {
    for (name, value) in [("--inputs", inputs), ("--outputs", outputs)] {
      if let value, value < 1 { throw Misuse("\(name) takes a positive number, not \(value)") }
    }
    if let inputs, let outputs { return try options.network(input: [inputs], outputs: outputs) }
    if try NetworkPreset(parsing: options.model) == nil {
      return try options.network(input: [], outputs: 0)
    }
    let set = try DataSetSpecification(parsing: data).load()
    return try options.network(
      input: inputs.map { [$0] } ?? set.inputShape, outputs: outputs ?? set.outputs)
  }
}

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Draw a network's initial parameters and write them.")

  @OptionGroup var network: NetworkOptions
  @OptionGroup var shapes: ShapeOptions
  @OptionGroup var backend: BackendOptions
  @OptionGroup var report: OutputOptions

  @Option(help: "Seed of the random numbers.")
  var seed: UInt64 = 0

  @Option(help: "Safetensors file to write.")
  var output: String

  func run() throws {
    let network = try shapes.network(network)
    let device = try backend.makeBackend()
    let type = try backend.scalarType()
    let vector = try device.matrix(1, network.parameterCount, type)
    try network.initialize(vector, seed: seed, on: device)
    let values = try device.download(vector)
    try SafetensorsFile.write(
      network.namedTensors(values, type: type), metadata: ["format": "maclaurin"], to: output)
    let hash = Trainer.hash(values)
    if report.json {
      Console.json([
        "parameters": .number(Double(network.parameterCount)), "parameters_sha256": .string(hash),
        "output": .string(output),
      ])
    } else {
      print("\(network.parameterCount) parameters in \(output), sha256 \(hash)")
    }
  }
}

struct SummaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "summary", abstract: "Print a network's layers, shapes, parameters and flops.")

  @OptionGroup var network: NetworkOptions
  @OptionGroup var shapes: ShapeOptions
  @OptionGroup var report: OutputOptions

  func run() throws {
    let network = try shapes.network(network)
    let flops = network.layers.reduce(0) { $0 + 2 * $1.products }
    if report.json {
      Console.json([
        "input": .array(network.description.input.map { .number(Double($0)) }),
        "parameters": .number(Double(network.parameterCount)),
        "flops_per_example": .number(Double(flops)),
        "parameterization": .string(network.description.parameterization.name),
        "layers": .array(
          network.layers.map { layer in
            .object([
              "index": .number(Double(layer.index)), "name": .string(layer.name),
              "output_shape": .array(layer.outputShape.map { .number(Double($0)) }),
              "parameters": .number(Double(layer.parameterCount)),
              "flops_per_example": .number(Double(2 * layer.products)),
            ])
          }),
      ])
      return
    }
    var rows = [["layer", "output", "parameters", "flops/example"]]
    func shape(_ extents: [Int]) -> String {
      extents.map { String($0) }.joined(separator: "×")
    }
    rows.append(["input", shape(network.description.input), "", ""])
    for layer in network.layers {
      rows.append([
        "\(layer.index) \(layer.name)", shape(layer.outputShape),
        layer.parameterCount == 0 ? "" : String(layer.parameterCount),
        layer.products == 0 ? "" : String(2 * layer.products),
      ])
    }
    rows.append(["total", "", String(network.parameterCount), String(flops)])
    print(table(rows))
  }
}
