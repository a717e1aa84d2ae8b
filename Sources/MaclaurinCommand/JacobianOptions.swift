import ArgumentParser
import Maclaurin

/// What both Jacobian products need: a network, its parameters, inputs, and where to compute.
struct JacobianOptions: ParsableArguments {
  @Option(help: "Network file (JSON).")
  var network: String

  @Option(help: "θ: file.safetensors[:prefix.].")
  var parameters: String

  @Option(help: "Inputs, [batch, features].")
  var inputs: String

  @OptionGroup var backend: BackendOptions
  @OptionGroup var report: OutputOptions

  /// A network at a point, on a back end.
  struct Point {
    let network: Network
    let type: ScalarType
    let device: any Backend
    /// θ, 1×P.
    let center: Matrix
    /// [batch, features]
    let inputs: Matrix
  }

  /// - Parameters:
  ///   - output: the file that will be written, checked before any work.
  ///   - vectors: the option that names the tangents or cotangents, and its file.
  func compute(
    output: String, vectors: (option: String, file: String), _ body: (Point) throws -> Void
  ) throws {
    try compute(outputs: [("--output", output)], vectors: [vectors], body)
  }

  /// The same for several files.
  func compute(
    outputs: [(option: String, file: String)], vectors: [(option: String, file: String)],
    _ body: (Point) throws -> Void
  ) throws {
    var known: [(option: String, argument: String?)] = [
      ("--network", network), ("--parameters", parameters), ("--inputs", inputs),
    ]
    for vector in vectors { known.append((vector.option, vector.file)) }
    for output in outputs {
      try OutputFile.checkArray(output.file, option: output.option, inputs: known)
      known.append((output.option, output.file))
    }
    let type = try backend.scalarType()
    let network = try NetworkOptions.read(network)
    try backend.compute(report) { device in
      let center = try ParameterSet(parsing: parameters).matrix(network, type, on: device)
      let inputs = try ArrayFiles.inputs(inputs, for: network, type, on: device)
      try body(Point(network: network, type: type, device: device, center: center, inputs: inputs))
    }
  }

  /// Writes the products, called `name` in the report.
  func write(
    _ products: Matrix, shape: [Int], of name: String, at point: Point, to output: String
  ) throws {
    try ArrayFiles.write(
      try point.device.download(products), shape: shape, point.type, to: output)
    report.result(
      ["output": .string(output), "shape": .array(shape.map { .number(Double($0)) })],
      "\(name) \(shape) in \(output)", Trace(point.device, backend))
  }
}
