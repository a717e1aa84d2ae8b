import Compute
import Glibc
import Networks
import TestSupport
import Training

/// f(x) = Σ_r a_r tanh(w_r·x + b_r) in plain Swift, and the network that computes the same.
struct TwoLayerNetwork {
  let network: Network
  let inputs: Int
  let neurons: Int
  /// θ0 and Δ: rows of weights, biases, outgoing weights.
  let center: [Double]
  var displacement: [Double]
  /// Four examples, row-major.
  let x: [Double]

  init(inputs: Int = 3, neurons: Int, movement: Double = 0.5) throws {
    network = try Network(
      NetworkDescription(
        input: [inputs],
        layers: [
          .dense(.init(units: neurons, biasStd: 0.3)), .activation(.tanh),
          .dense(.init(units: 1, hasBias: false)),
        ]))
    (self.inputs, self.neurons) = (inputs, neurons)
    center = sample(network.parameterCount, seed: 31)
    let hidden = neurons * (inputs + 1)
    displacement = sample(network.parameterCount, seed: 32).enumerated().map {
      $0.offset < hidden ? movement * $0.element : 0
    }
    x = sample(4 * inputs, seed: 33)
  }

  /// f at example `i`, row r of the movement times `z[r]`, outgoing weight r times `factor[r]`.
  func value(_ i: Int, z: [Double], factor: [Double]? = nil) -> Double {
    var sum = 0.0
    for r in 0..<neurons {
      var u = 0.0
      for j in 0..<inputs {
        let at = r * inputs + j
        u += (center[at] + z[r] * displacement[at]) * x[i * inputs + j]
      }
      let bias = neurons * inputs + r
      u += center[bias] + z[r] * displacement[bias]
      sum += center[neurons * (inputs + 1) + r] * (factor?[r] ?? 1) * tanh(u)
    }
    return sum
  }

  /// Every element of {−1, 1}^count.
  static func signs(_ count: Int) -> [[Double]] {
    (0..<(1 << count)).map { code in (0..<count).map { code >> $0 & 1 == 0 ? 1 : -1 } }
  }

  @BackendActor func inputs(on backend: any Backend) throws -> Matrix {
    try backend.matrix(4, inputs, .float64, x)
  }

  /// The outgoing weights stay.
  static let frozen = ["layers.2"]

  /// A model at θ0 + Δ in float64.
  @BackendActor func model(
    order: Int, _ movement: MovementSettings? = nil, seed: UInt64 = 5, on backend: any Backend
  ) throws -> Model {
    let model = try Model(
      network, center: backend.matrix(1, center.count, .float64), order: order, on: backend,
      movement: movement, seed: seed, frozen: Self.frozen)
    try model.load(center: center, displacement: displacement)
    return model
  }

  /// y_0…y_k along Δ, by example, from an expansion without signs.
  @BackendActor func coefficients(_ order: Int, on backend: any Backend) throws -> [[Double]] {
    let model = try model(order: order, on: backend)
    try model.updateScale()
    let jet = try model.pushforward(inputs(on: backend))
    let s = try model.scale.map { try backend.download($0)[0] } ?? 1
    return try (0...order).map { i in
      try backend.download(jet[i]).map { $0 / (0..<i).reduce(1.0) { power, _ in power * s } }
    }
  }
}
