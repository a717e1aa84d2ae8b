import ArgumentParser
import Maclaurin

struct JVPCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "jvp",
    abstract: "Jacobian-vector products of a network's outputs, V tangents in one pass.")

  @OptionGroup var jacobian: JacobianOptions

  @Option(help: "Tangents, [V, P] or [P], in the order of the flat parameter vector.")
  var tangents: String

  @Option(help: "File for J·v, [V, batch, outputs].")
  var output: String

  func run() throws {
    try jacobian.compute(output: output, vectors: ("--tangents", tangents)) { point in
      try run(at: point)
    }
  }

  private func run(at point: JacobianOptions.Point) throws {
    let array = try ArrayFiles.finite(tangents)
    let count = point.network.parameterCount
    guard array.shape.last == count, array.shape.count <= 2, array.count > 0 else {
      throw NetworkError(
        "the tangents in \(tangents) have shape \(array.shape), but the network has \(count) "
          + "parameters: give [V, \(count)]")
    }
    let directions = array.count / count
    let displacement = try point.device.matrix(directions, count, point.type, array.doubles())
    let products = try point.network.jacobianVectorProducts(
      point.inputs, at: point.center, along: displacement, on: point.device)
    try jacobian.write(
      products, shape: [directions, point.inputs.rows, point.network.outputCount], of: "J·v",
      at: point, to: output)
  }
}
