import ArgumentParser
import Maclaurin

struct VJPCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vjp",
    abstract: "Vector-Jacobian products of a network's outputs, V cotangents in one pass.")

  @OptionGroup var jacobian: JacobianOptions

  @Option(help: "Cotangents, [V, batch, outputs] or [batch, outputs].")
  var cotangents: String

  @Option(help: "File for Jᵀ·u, [V, P].")
  var output: String

  func run() throws {
    try jacobian.compute(output: output, vectors: ("--cotangents", cotangents)) { point in
      try run(at: point)
    }
  }

  private func run(at point: JacobianOptions.Point) throws {
    let array = try ArrayFiles.finite(cotangents)
    let block = [point.inputs.rows, point.network.outputCount]
    guard array.count > 0, array.shape == block || Array(array.shape.dropFirst()) == block else {
      throw NetworkError(
        "the cotangents in \(cotangents) have shape \(array.shape); give [V, \(block[0]), "
          + "\(block[1])]")
    }
    let rows = array.count / block[1]
    let cotangent = try point.device.matrix(rows, block[1], point.type, array.doubles())
    let directions = rows / block[0]
    let products = try point.network.vectorJacobianProducts(
      cotangent, point.inputs, at: point.center, directions: directions, on: point.device)
    try jacobian.write(
      products, shape: [directions, point.network.parameterCount], of: "Jᵀ·u", at: point,
      to: output)
  }
}
