import Compute
import Jets
import Networks
import TestSupport

/// A network along rays θ0 + t·s·Δ⁽ᵛ⁾ at some inputs, on one backend.
@BackendActor struct Ray {
  let network: Network
  let backend: any Backend
  let type: ScalarType
  let inputs: Matrix
  let parameters: ParameterJet
  let order: Int

  /// - Parameter displacements: one flat vector per direction; none for order 0.
  init(
    _ network: Network, inputs: [Double], center: [Double], displacements: [[Double]] = [],
    scale: Double? = nil, order: Int, _ type: ScalarType, on backend: any Backend
  ) throws {
    self.network = network
    self.backend = backend
    self.type = type
    self.order = order
    self.inputs = try backend.matrix(
      inputs.count / network.inputCount, network.inputCount, type, inputs)
    parameters = ParameterJet(
      center: try backend.matrix(1, center.count, type, center),
      displacement: displacements.isEmpty
        ? nil
        : try backend.matrix(
          displacements.count, center.count, type, displacements.flatMap { $0 }),
      scale: try scale.map { try backend.matrix(1, 1, type, [$0]) })
  }

  /// f_0…f_k: [coefficient][direction], as stored (with powers of the scale).
  func coefficients() throws -> [[[Double]]] {
    let jet = try network.pushforward(
      inputs, parameters, algebra: JetAlgebra(backend, order: order))
    return try (0...jet.degree).map { n in
      try (0..<(n == 0 ? 1 : jet.directions)).map {
        try backend.download(n == 0 ? jet[0] : jet[n, direction: $0])
      }
    }
  }

  /// The gradient for cotangents ȳ_1… of every direction, [direction][coefficient − 1] (for order
  /// 0 the only one is ȳ_0).
  func gradient(_ cotangents: [[[Double]]]) throws -> [[Double]] {
    let algebra = JetAlgebra(backend, order: order)
    let tape = Network.Tape()
    let output = try network.pushforward(inputs, parameters, algebra: algebra, tape: tape)
    let degree = max(1, output.degree)
    let directions = cotangents.count
    let values = cotangents.flatMap { $0[..<degree].flatMap { $0 } }
    let matrix = try backend.matrix(
      directions * degree * output.block, output.columns, type, values)
    let cotangent = Jet(
      matrix, block: output.block, degree: degree, capacity: degree, directions: directions,
      hasZero: false)
    let gradient = try backend.matrix(directions, network.parameterCount, type)
    try network.pullback(
      cotangent, tape, parameters, algebra: algebra, into: gradient)
    return try (0..<directions).map { try backend.download(gradient.rows($0..<($0 + 1))) }
  }
}
