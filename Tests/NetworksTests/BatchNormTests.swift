import Compute
import Jets
import Networks
import TestSupport
import Testing

/// Batch normalization with stored statistics: its formula, and that statistics are parameters of
/// nothing.
@BackendActor @Suite struct BatchNormTests {
  nonisolated private static func network(_ layers: String, input: String = "[2, 3, 2]") throws
    -> Network
  {
    let text = "{\"input\": \(input), \"layers\": [\(layers)]}"
    return try Network(NetworkDescription(json: Array(text.utf8), named: "net.json"))
  }

  private func output(
    _ network: Network, _ x: [Double], _ theta: [Double], _ type: ScalarType,
    on backend: any Backend
  ) throws -> [Double] {
    try Ray(network, inputs: x, center: theta, order: 0, type, on: backend).coefficients()[0][0]
  }

  /// γ(x − μ)/√(σ² + ε) + β in Double, for channels of images.
  @Test(arguments: BackendUnderTest.allCases)
  func formula(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let network = try Self.network(#"{"batch_norm": {"epsilon": 0.01}}"#)
    #expect(
      network.parameters.map(\.name)
        == ["weight", "bias", "running_mean", "running_var"].map { "layers.0." + $0 })
    #expect(network.parameters.map(\.statistic) == [nil, nil, .mean, .variance])
    #expect((network.parameterCount, network.trainedCount) == (8, 4))
    let theta = [1.5, -0.25, 0.5, 2, -1, 0.75, 4, 0.125]
    let x = sample(3 * 12, seed: 1)
    let expected = x.indices.map { index in
      let c = index % 12 / 6
      return theta[c] * (x[index] - theta[4 + c]) / (theta[6 + c] + 0.01).squareRoot()
        + theta[2 + c]
    }
    #expect(
      relativeError(try output(network, x, theta, .float64, on: backend), expected) < 1e-15)
    #expect(relativeError(try output(network, x, theta, .float32, on: backend), expected) < 3e-7)
  }

  /// Mean 0, variance 1, γ 1, β 0: only ε is to be seen. With mup γ's multiplier is put back.
  @Test(arguments: ["standard", "mup"])
  func start(_ parameterization: String) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let text = """
      {"input": [3], "parameterization": "\(parameterization)", "layers": [{"dense": {"units": 64}},
       {"batch_norm": {"epsilon": 0}}, {"dense": {"units": 2}}]}
      """
    let network = try Network(NetworkDescription(json: Array(text.utf8), named: "net.json"))
    let plain = try Network(
      NetworkDescription(
        json: Array(text.replacing(#"{"batch_norm": {"epsilon": 0}},"#, with: "").utf8),
        named: "net.json"))
    func start(_ network: Network) throws -> [Double] {
      let vector = try backend.matrix(1, network.parameterCount, .float64)
      try network.initialize(vector, seed: 4, on: backend)
      return try backend.download(vector)
    }
    let theta = try start(network)
    for (name, value) in [("running_mean", 0.0), ("running_var", 1), ("bias", 0)] {
      let tensor = try #require(network.parameters.first { $0.name == "layers.1." + name })
      #expect(theta[tensor.range].allSatisfy { $0 == value }, "\(name)")
    }
    // Tensors behind it have other numbers, and so other draws: the first layer tells.
    let x = sample(6, seed: 2)
    let (own, other) = (theta, try start(plain))
    #expect(Array(own[..<256]) == Array(other[..<256]))
    var same = other
    same.replaceSubrange(256..., with: own.suffix(130))
    #expect(
      relativeError(
        try output(network, x, own, .float64, on: backend),
        try output(plain, x, same, .float64, on: backend)) < 1e-14)
  }

  /// Tangents of statistics count as zero, and their gradients are zero whatever was there.
  @Test(arguments: BackendUnderTest.canonical)
  func derivativesOfStatistics(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let network = try Self.network(
      #"{"batch_norm": {}}, {"conv": {"channels": 3, "kernel": 2}}, {"batch_norm": {}}, "silu", {"dense": {"units": 2}}"#
    )
    let theta = network.sampleParameters(seed: 1)
    let still = network.sampleDirection(seed: 2)
    let moved = network.sampleParameters(seed: 2)
    let x = sample(3 * 12, seed: 3)
    func jvp(_ tangent: [Double]) throws -> [Double] {
      try backend.download(
        network.jacobianVectorProducts(
          backend.matrix(3, 12, .float32, x), at: backend.matrix(1, theta.count, .float32, theta),
          along: backend.matrix(1, theta.count, .float32, tangent), on: backend))
    }
    #expect(still != moved)
    #expect(bits(try jvp(still)) == bits(try jvp(moved)))
    // Memory that was used before.
    for _ in 0..<3 {
      _ = try backend.matrix(
        2, theta.count, .float32, [Double](repeating: 7, count: 2 * theta.count))
    }
    let u = sample(2 * 3 * 2, seed: 4)
    let products = try backend.download(
      network.vectorJacobianProducts(
        backend.matrix(6, 2, .float32, u), backend.matrix(3, 12, .float32, x),
        at: backend.matrix(1, theta.count, .float32, theta), directions: 2, on: backend))
    for tensor in network.parameters {
      for v in 0..<2 {
        let part = products[(v * theta.count + tensor.offset)...].prefix(tensor.count)
        if tensor.statistic != nil {
          #expect(part.allSatisfy { $0 == 0 }, "\(tensor.name)")
        } else {
          #expect(part.contains { $0 != 0 }, "\(tensor.name)")
        }
      }
    }
  }

  /// Two ends of a ray have one set of statistics.
  @Test func endsOfRays() throws {
    let network = try Self.network(#"{"batch_norm": {}}, {"dense": {"units": 1}}"#)
    let start = network.sampleParameters(seed: 1)
    var end = start
    end[0] += 1
    try network.checkStatistics(start, end)
    end[5] += 1
    let error = #expect(throws: NetworkError.self) { try network.checkStatistics(start, end) }
    #expect(error?.description.hasPrefix("layers.0.running_mean is not the same") == true)
  }

  @Test func nothingToTrain() {
    let error = #expect(throws: NetworkError.self) {
      _ = try Self.network(#"{"batch_norm": {"affine": false}}"#)
    }
    #expect(error?.description.contains("nothing to train") == true)
  }
}
