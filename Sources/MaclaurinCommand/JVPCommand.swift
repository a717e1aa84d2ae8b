import ArgumentParser
import Maclaurin

struct JVPCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jvp",
    abstract: "Jacobian-vector products of a network's outputs, V tangents in one pass.")

  @Option(help: "Network file (JSON).")
  var network: String

  @Option(help: "θ: file.safetensors[:prefix.].")
  var parameters: String

  @Option(help: "Tangents, [V, P] or [P], in the order of the flat parameter vector.")
  var tangents: String

  @Option(help: "Inputs, [batch, features].")
  var inputs: String

  @Option(help: "File for J·v, [V, batch, outputs].")
  var output: String

  @OptionGroup var backend: BackendOptions
  @OptionGroup var report: OutputOptions

  func run() throws {
    try OutputFile.checkArray(
      output,
      inputs: [
        ("--network", network), ("--parameters", parameters), ("--tangents", tangents),
        ("--inputs", inputs),
      ])
    let type = try backend.scalarType()
    let network = try NetworkOptions.read(network)
    let device = try backend.makeBackend()
    let center = try ParameterSet(parsing: parameters).matrix(network, type, on: device)
    let array = try ArrayFiles.finite(tangents)
    let count = network.parameterCount
    guard array.shape.last == count, array.shape.count <= 2, array.count > 0 else {
      throw NetworkError(
        "the tangents in \(tangents) have shape \(array.shape), but the network has \(count) "
          + "parameters: give [V, \(count)]")
    }
    let directions = array.count / count
    let x = try ArrayFiles.inputs(inputs, for: network, type, on: device)
    let displacement = try device.matrix(directions, count, type, array.doubles())
    let jet = try network.jacobianVectorProducts(
      x, at: center, along: displacement, on: device)
    let shape = [directions, x.rows, network.outputCount]
    try ArrayFiles.write(try device.download(jet), shape: shape, type, to: output)
    report.result(
      ["output": .string(output), "shape": .array(shape.map { .number(Double($0)) })],
      "J·v \(shape) in \(output)", Trace(device, backend))
  }
}
