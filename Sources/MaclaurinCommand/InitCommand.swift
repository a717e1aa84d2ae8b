import ArgumentParser
import Maclaurin

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
    try OutputFile.check(output, option: "--output", inputs: [("--model", network.model)])
    let network = try shapes.network(network)
    try backend.compute(report) { device in
      let type = try backend.scalarType()
      let vector = try device.matrix(1, network.parameterCount, type)
      try network.initialize(vector, seed: seed, on: device)
      let values = try device.download(vector)
      try SafetensorsFile.write(
        network.namedTensors(values, type: type), metadata: ["format": "maclaurin"], to: output)
      let hash = Trainer.hash(values)
      report.result(
        [
          "parameters": .number(Double(network.parameterCount)), "parameters_sha256": .string(hash),
          "output": .string(output),
        ], "\(network.parameterCount) parameters in \(output), sha256 \(hash)",
        Trace(device, backend))
    }
  }
}
