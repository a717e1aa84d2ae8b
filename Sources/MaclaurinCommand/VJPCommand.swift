import ArgumentParser
import Maclaurin

struct VJPCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vjp",
    abstract: "Vector-Jacobian products of a network's outputs, V cotangents in one pass.")

  @Option(help: "Network file (JSON).")
  var network: String

  @Option(help: "θ: file.safetensors[:prefix.].")
  var parameters: String

  @Option(help: "Cotangents, [V, batch, outputs] or [batch, outputs].")
  var cotangents: String

  @Option(help: "Inputs, [batch, features].")
  var inputs: String

  @Option(help: "File for Jᵀ·u, [V, P].")
  var output: String

  @OptionGroup var backend: BackendOptions
  @OptionGroup var report: OutputOptions

  func run() throws {
    try OutputFile.checkArray(
      output,
      inputs: [
        ("--network", network), ("--parameters", parameters), ("--cotangents", cotangents),
        ("--inputs", inputs),
      ])
    let type = try backend.scalarType()
    let network = try NetworkOptions.read(network)
    let device = try backend.makeBackend()
    let center = try ParameterSet(parsing: parameters).matrix(network, type, on: device)
    let x = try ArrayFiles.inputs(inputs, for: network, type, on: device)
    let array = try ArrayFiles.finite(cotangents)
    let block = [x.rows, network.outputCount]
    guard array.count > 0, array.shape == block || Array(array.shape.dropFirst()) == block else {
      throw NetworkError(
        "the cotangents in \(cotangents) have shape \(array.shape); give "
          + "[V, \(x.rows), \(network.outputCount)]")
    }
    let directions = array.count / (x.rows * network.outputCount)
    let cotangent = try device.matrix(
      directions * x.rows, network.outputCount, type, array.doubles())
    let products = try network.vectorJacobianProducts(
      cotangent, x, at: center, directions: directions, on: device)
    let shape = [directions, network.parameterCount]
    try ArrayFiles.write(try device.download(products), shape: shape, type, to: output)
    report.result(
      ["output": .string(output), "shape": .array(shape.map { .number(Double($0)) })],
      "Jᵀ·u \(shape) in \(output)", Trace(device, backend))
  }
}
