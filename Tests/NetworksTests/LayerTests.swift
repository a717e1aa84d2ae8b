import Compute
import Glibc
import Jets
import Networks
import TestSupport
import Testing

/// Every kind of layer inside a network: derivatives against differences, remainders, directions,
/// bits.
@BackendActor @Suite struct LayerTests {
  /// Networks on images of 2×6×5, by what is special about them.
  nonisolated static let networks: [(name: String, layers: String)] = [
    (
      "average pools",
      #"""
      {"conv": {"channels": 3, "kernel": 3, "padding": "same", "bias_std": 0.1}}, "tanh",
      {"avg_pool": {"window": 2}}, {"conv": {"channels": 4, "kernel": 2}}, "tanh",
      "global_avg_pool", {"dense": {"units": 3}}
      """#
    ),
    (
      "max pools that overlap",
      #"""
      {"conv": {"channels": 3, "kernel": 3, "padding": 1, "bias_std": 0.1}}, "gelu",
      {"max_pool": {"window": [3, 2], "stride": [2, 1]}}, "tanh", "flatten", {"dense": {"units": 3}}
      """#
    ),
    (
      "layer norm of channels, with gain and bias",
      #"""
      {"conv": {"channels": 5, "kernel": 3, "stride": 2, "padding": "same", "bias_std": 0.2}},
      {"layer_norm": {"affine": true}}, "tanh", {"conv": {"channels": 4, "kernel": 1}},
      {"layer_norm": {}}, {"dense": {"units": 4}}, {"layer_norm": {"epsilon": 0.1}},
      {"dense": {"units": 3}}
      """#
    ),
    (
      "max pools with padding",
      #"""
      {"conv": {"channels": 3, "kernel": 3, "padding": 1, "bias_std": 0.1}}, "gelu",
      {"max_pool": {"window": 3, "stride": 2, "padding": 1}}, "tanh",
      {"max_pool": {"window": 2, "stride": 1, "padding": "same"}}, {"dense": {"units": 3}}
      """#
    ),
    (
      "batch norm of channels and of features, with and without gain and bias",
      #"""
      {"batch_norm": {}}, {"conv": {"channels": 5, "kernel": 3, "stride": 2, "padding": 1,
        "bias": false}}, {"batch_norm": {"epsilon": 0.001}}, "tanh",
      {"residual": {"main": [{"conv": {"channels": 5, "kernel": 3, "padding": 1}},
        {"batch_norm": {"affine": false}}]}}, {"dense": {"units": 4}}, {"batch_norm": {}}, "gelu_tanh",
      {"dense": {"units": 3}}, {"batch_norm": {"affine": false}}
      """#
    ),
    (
      "convolutions in groups, depthwise, of one position, and of the whole image",
      #"""
      {"conv": {"channels": 6, "kernel": 3, "padding": 1, "groups": 2, "bias_std": 0.1}}, "tanh",
      {"conv": {"channels": 6, "kernel": [3, 2], "stride": 2, "groups": 6, "bias_std": 0.1}}, "silu",
      {"conv": {"channels": 8, "kernel": 1, "groups": 2}}, "gelu_tanh",
      {"conv": {"channels": 4, "kernel": [2, 2], "groups": 4}}, {"dense": {"units": 3}}
      """#
    ),
    (
      "residual blocks, one of them scaled, one with a shortcut",
      #"""
      {"residual": {"main": ["tanh"]}},
      {"conv": {"channels": 3, "kernel": 3, "padding": "same", "bias_std": 0.1}},
      {"residual": {"main": ["tanh", {"conv": {"channels": 3, "kernel": 3, "padding": "same"}}],
        "scale": 0.5}},
      {"residual": {"main": ["softplus", {"conv": {"channels": 4, "kernel": 3, "stride": 2,
        "padding": "same"}}, "tanh"],
        "shortcut": [{"conv": {"channels": 4, "kernel": 1, "stride": 2}}, "sin"]}},
      {"residual": {"main": [{"residual": {"main": ["tanh"]}}, {"layer_norm": {}}],
        "shortcut": ["tanh", "erf"], "scale": -2}},
      "flatten", {"residual": {"main": [{"dense": {"units": 36}}, "tanh"]}}, {"dense": {"units": 3}}
      """#
    ),
    (
      "dropout, which expansions take as the identity",
      #"""
      {"dropout": {"rate": 0.5}}, {"conv": {"channels": 3, "kernel": 3}}, "tanh",
      {"dropout": {"rate": 0.25}}, {"dense": {"units": 3}}
      """#
    ),
  ]

  private func network(_ name: String) throws -> Network {
    let layers = Self.networks.first { $0.name == name }!.layers
    let text = "{\"input\": [2, 6, 5], \"layers\": [\(layers)]}"
    return try Network(NetworkDescription(json: Array(text.utf8), named: name))
  }

  private func ray(
    _ network: Network, _ center: [Double], _ displacements: [[Double]] = [], order: Int,
    type: ScalarType = .float64, batch: Int = 3, on place: BackendUnderTest = .openblas2
  ) throws -> Ray {
    try Ray(
      network, inputs: sample(batch * network.inputCount, seed: 3), center: center,
      displacements: displacements, order: order, type, on: place.backend())
  }

  private func moved(_ x: [Double], _ t: Double, _ direction: [Double]) -> [Double] {
    zip(x, direction).map { $0 + t * $1 }
  }

  /// ⟨u, f(θ)⟩ along a random direction, by differences of fourth order.
  @Test(arguments: networks.map(\.name))
  func gradientOfOrderZero(_ name: String) throws {
    let network = try network(name)
    let center = network.sampleParameters(seed: 1)
    let direction = network.sampleDirection(seed: 2)
    let u = sample(3 * network.outputCount, seed: 4)
    let gradient = try ray(network, center, order: 0).gradient([[u]])[0]
    func value(_ t: Double) throws -> Double {
      inner(u, try ray(network, moved(center, t, direction), order: 0).coefficients()[0][0])
    }
    let h = 1e-3
    let slope =
      (8 * (try value(h) - value(-h)) - (try value(2 * h) - value(-2 * h))) / (12 * h)
    // The difference's own error is of order h⁴ = 10⁻¹² times a fifth derivative, and 10⁻¹⁶/h.
    #expect(abs(inner(gradient, direction) - slope) < 1e-8 * (norm(gradient) + 1), "\(name)")
  }

  /// f_0…f_k are Taylor's: the remainder falls as t^{k+1}.
  @Test(arguments: networks.map(\.name))
  func remainders(_ name: String) throws {
    let network = try network(name)
    let center = network.sampleParameters(seed: 1)
    let delta = network.sampleDirection(seed: 5, scale: 0.3)
    let f = try ray(network, center, [delta], order: 3).coefficients().map { $0[0] }
    #expect(f.count == 4)
    func remainder(_ k: Int, _ t: Double) throws -> Double {
      let exact = try ray(network, moved(center, t, delta), order: 0).coefficients()[0][0]
      let sum = exact.indices.map { i in (0...k).reversed().reduce(0.0) { $0 * t + f[$1][i] } }
      return norm(zip(exact, sum).map { $0 - $1 })
    }
    for k in 0...3 {
      let t = 1.0 / 64
      let slope = log2(try remainder(k, t) / remainder(k, t / 2))
      #expect(abs(slope - Double(k + 1)) < 0.15, "\(name), order \(k): \(slope)")
    }
  }

  /// The gradient of Σ ⟨u_i, f_i⟩ with respect to Δ, along a random direction, against differences:
  /// f_i is a polynomial of Δ, so that central differences of step h err by h² at most.
  @Test(arguments: networks.map(\.name))
  func gradientOfOrderThree(_ name: String) throws {
    let network = try network(name)
    let center = network.sampleParameters(seed: 1)
    let delta = network.sampleDirection(seed: 5, scale: 0.5)
    let direction = network.sampleDirection(seed: 6)
    let size = 3 * network.outputCount
    let u = (1...3).map { sample(size, seed: UInt64(10 + $0)) }
    let gradient = try ray(network, center, [delta], order: 3).gradient([u])[0]
    func value(_ t: Double) throws -> Double {
      let f = try ray(network, center, [moved(delta, t, direction)], order: 3).coefficients()
      return (1...3).reduce(0) { $0 + inner(u[$1 - 1], f[$1][0]) }
    }
    let h = 1e-3
    let slope =
      (8 * (try value(h) - value(-h)) - (try value(2 * h) - value(-2 * h))) / (12 * h)
    #expect(abs(inner(gradient, direction) - slope) < 1e-8 * (norm(gradient) + 1), "\(name)")
  }

  /// Two directions at once are each of them alone, and everything has the same bits everywhere.
  @Test(arguments: networks.map(\.name))
  func directionsAndBits(_ name: String) throws {
    let network = try network(name)
    let center = network.sampleParameters(seed: 1)
    let deltas = [5, 7].map { network.sampleParameters(seed: UInt64($0), scale: 0.5) }
    let size = 3 * network.outputCount
    let u = (0..<2).map { v in (1...2).map { sample(size, seed: UInt64(20 + 2 * v + $0)) } }
    var first: [[[UInt64]]]?
    for place in BackendUnderTest.canonical {
      let both = try ray(network, center, deltas, order: 2, type: .float32, on: place)
      let f = try both.coefficients()
      let gradients = try both.gradient(u)
      if place == .openblas2 {
        for v in 0..<2 {
          let alone = try ray(network, center, [deltas[v]], order: 2, type: .float32, on: place)
          let g = try alone.coefficients()
          for n in 1...2 { #expect(bits(f[n][v]) == bits(g[n][0]), "\(name): \(n), \(v)") }
          #expect(
            relativeError(gradients[v], try alone.gradient([u[v]])[0]) < 1e-5, "\(name): \(v)")
        }
      }
      let all = (f.map { $0.map { bits($0) } }) + [gradients.map { bits($0) }]
      if let first { #expect(all == first, "\(name): \(place)") } else { first = all }
    }
  }

  /// With a key, a step drops and scales; the same key drops the same, another one something else.
  @Test func dropoutFollowsItsKey() throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let network = try network("dropout, which expansions take as the identity")
    let center = network.sampleParameters(seed: 1)
    let parameters = ParameterJet(
      center: try backend.matrix(1, center.count, .float64, center))
    let inputs = try backend.matrix(
      3, network.inputCount, .float64, sample(3 * network.inputCount, seed: 3))
    func output(_ step: Int?) throws -> [Double] {
      let key = step.map { Network.DropoutKey(seed: 9, step: $0) }
      return try backend.download(
        network.pushforward(
          inputs, parameters, algebra: JetAlgebra(backend, order: 0), dropout: key
        ).matrix)
    }
    #expect(try output(1) == output(1))
    #expect(try output(1) != output(2) && output(1) != output(nil))
    // The mean over many steps is the output without dropout where the network is linear in it.
    let text = """
      {"input": [2, 3, 3], "layers": [{"dropout": {"rate": 0.5}}, {"dense": {"units": 1}}]}
      """
    let linear = try Network(NetworkDescription(json: Array(text.utf8), named: "linear"))
    let weights = [Double](repeating: 1, count: linear.parameterCount)
    let ray = ParameterJet(center: try backend.matrix(1, weights.count, .float64, weights))
    let ones = try backend.matrix(
      64, 18, .float64, [Double](repeating: 1, count: 64 * 18))
    let values = try (0..<20).flatMap { step in
      try backend.download(
        linear.pushforward(
          ones, ray, algebra: JetAlgebra(backend, order: 0),
          dropout: Network.DropoutKey(seed: 1, step: step)
        ).matrix)
    }
    // 23,040 elements of mean 1 and variance 1, 18 of them in every output: six standard errors
    // are met by chance once in 5·10⁸ cases.
    let mean = values.reduce(0, +) / Double(values.count)
    #expect(abs(mean - 19) < 6 * (18.0 / Double(values.count)).squareRoot())
  }
}
