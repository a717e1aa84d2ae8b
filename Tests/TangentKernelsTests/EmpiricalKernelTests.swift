import Compute
import DataSets
import Jets
import Networks
import TestSupport
import Testing

@testable import TangentKernels

/// Kernels of finite networks against other implementations' numbers, explicit Jacobians and hand
/// calculation.
@BackendActor @Suite struct EmpiricalKernelTests {
  @Test(arguments: ["empirical-mlp", "empirical-cnn"], BackendUnderTest.allCases)
  func goldenCases(_ name: String, _ place: BackendUnderTest) throws {
    let (golden, backend) = (try GoldenCase(name), try place.backend())
    let (x1, x2) = (try golden.values("x1"), try golden.values("x2"))
    let theta = try golden.parameters("theta0.")
    let own = try ExplicitKernel.structured(golden.network, theta, x1, on: backend)
    let cross = try ExplicitKernel.structured(golden.network, theta, x1, x2, on: backend)
    #expect(own.shape == (try golden.shape("ntk.11")))
    #expect(cross.shape == (try golden.shape("ntk.12")))
    #expect(
      relativeError(try backend.download(own.whole()), try golden.values("ntk.11")) < 1e-13)
    #expect(
      relativeError(try backend.download(cross.whole()), try golden.values("ntk.12")) < 1e-13)
  }

  /// Sums of the same products in another order: roundings of some thousand terms.
  @Test(arguments: ExplicitKernel.networks.indices, KernelOutputs.allCases)
  func structureIsTheExplicitProduct(_ index: Int, _ outputs: KernelOutputs) throws {
    let network = try ExplicitKernel.network(ExplicitKernel.networks[index].json)
    let backend = try BackendUnderTest.openblas2.backend()
    let theta = network.sampleParameters(seed: 1)
    let (x1, x2) = (
      sample(4 * network.inputCount, seed: 2), sample(3 * network.inputCount, seed: 3)
    )
    let (j1, j2) = (
      try ExplicitKernel.jacobian(network, theta, x1, on: backend),
      try ExplicitKernel.jacobian(network, theta, x2, on: backend)
    )
    let own = try ExplicitKernel.structured(network, theta, x1, outputs: outputs, on: backend)
    let cross = try ExplicitKernel.structured(
      network, theta, x1, x2, outputs: outputs, on: backend)
    #expect(
      relativeError(
        try backend.download(own.whole()),
        ExplicitKernel.kernel(j1, j1, outputs: outputs, count: 3)) < 1e-13)
    #expect(
      relativeError(
        try backend.download(cross.whole()),
        ExplicitKernel.kernel(j1, j2, outputs: outputs, count: 3)) < 1e-13)
  }

  @Test(arguments: [
    "standard", "ntk", "improved_standard", "taylor", "mup",
  ])
  func parameterizations(_ name: String) throws {
    let extra = ["improved_standard": #""width_scale": 3,"#, "taylor": #""taylor_order": 2,"#]
    let network = try ExplicitKernel.network(
      #"""
      {"input": [2, 4, 4], "parameterization": "\#(name)", \#(extra[name] ?? "") "layers": [
        {"conv": {"channels": 4, "kernel": 3, "weight_std": 1.4, "bias_std": 0.3}}, "tanh",
        {"layer_norm": {"affine": true}},
        {"dense": {"units": 5, "weight_std": 0.7, "bias_std": 0.2, "multiplier": 3,
          "bias_multiplier": 0.5}}, "relu",
        {"dense": {"units": 2, "bias_std": 0.1, "multiplier": 0.25}}]}
      """#)
    let backend = try BackendUnderTest.openblas2.backend()
    let theta = network.sampleParameters(seed: 4)
    let x = sample(3 * network.inputCount, seed: 5)
    let j = try ExplicitKernel.jacobian(network, theta, x, on: backend)
    let kernel = try ExplicitKernel.structured(network, theta, x, on: backend)
    #expect(
      relativeError(
        try backend.download(kernel.whole()),
        ExplicitKernel.kernel(j, j, outputs: .full, count: 2)) < 1e-13)
  }

  /// More output channels than a slice of weight gradients has: 56 of 64.
  @Test func slicesOfChannels() throws {
    let network = try ExplicitKernel.network(
      #"""
      {"input": [16, 6, 6], "layers": [
        {"conv": {"channels": 64, "kernel": 3, "padding": "same"}}, "tanh", "global_avg_pool",
        {"dense": {"units": 32}}]}
      """#)
    let cost = LayerCost(
      positions: 36, coefficients: 1, patch: 144, channels: 64,
      outputs: OutputPairs(isFull: false, outputs: 32))
    #expect(cost.prefersGradients && cost.slice == 56)
    let backend = try BackendUnderTest.openblas2.backend()
    let theta = network.sampleParameters(seed: 6)
    let x = sample(2 * network.inputCount, seed: 7)
    let j = try ExplicitKernel.jacobian(network, theta, x, on: backend)
    let kernel = try ExplicitKernel.structured(
      network, theta, x, outputs: .trace, on: backend)
    #expect(
      relativeError(
        try backend.download(kernel.whole()),
        ExplicitKernel.kernel(j, j, outputs: .trace, count: 32)) < 1e-13)
  }

  /// Both forms occur in `ExplicitKernel.networks`.
  @Test func formsOfConvolutions() {
    let outputs = OutputPairs(isFull: true, outputs: 3)
    let few = LayerCost(
      positions: 4, coefficients: 1, patch: 144, channels: 16, outputs: outputs)
    let many = LayerCost(
      positions: 30, coefficients: 1, patch: 18, channels: 3, outputs: outputs)
    #expect(!few.prefersGradients && many.prefersGradients)
  }

  /// Frozen tensors' columns of J are left out: first weights, then biases, then all of some layers.
  @Test(arguments: [[0], [1, 3], [0, 1, 2], [4], [5], [2, 3, 4, 5]])
  func frozenTensors(_ frozen: [Int]) throws {
    let network = try ExplicitKernel.network(
      #"""
      {"input": [2, 4, 4], "layers": [
        {"conv": {"channels": 3, "kernel": 3, "padding": "same", "bias_std": 0.1}}, "tanh",
        {"layer_norm": {"affine": true}}, {"dense": {"units": 2, "bias_std": 0.1}}]}
      """#)
    let isTrainable = network.parameters.indices.map { !frozen.contains($0) }
    let backend = try BackendUnderTest.openblas2.backend()
    let theta = network.sampleParameters(seed: 8)
    let x = sample(3 * network.inputCount, seed: 9)
    let j = try ExplicitKernel.jacobian(network, theta, x, on: backend).map { row in
      zip(network.parameters, isTrainable).flatMap { $1 ? Array(row[$0.range]) : [] }
    }
    let kernel = try ExplicitKernel.structured(
      network, theta, x, isTrainable: isTrainable, on: backend)
    #expect(
      relativeError(
        try backend.download(kernel.whole()),
        ExplicitKernel.kernel(j, j, outputs: .full, count: 2)) < 1e-13)
  }

  /// [n1·O, n2·O] holds the same numbers as [n1, n2, O, O].
  @Test func asMatrix() throws {
    let network = try ExplicitKernel.network(ExplicitKernel.networks[0].json)
    let backend = try BackendUnderTest.openblas2.backend()
    let theta = network.sampleParameters(seed: 1)
    let kernel = try ExplicitKernel.structured(
      network, theta, sample(5 * 4, seed: 2), sample(4 * 4, seed: 3), on: backend)
    let block = try backend.download(kernel.block(rows: 1..<4, columns: 2..<4))
    let matrix = try backend.download(kernel.matrix(rows: 1..<4, columns: 2..<4))
    for e in 0..<3 {
      for f in 0..<2 {
        for o in 0..<3 {
          for p in 0..<3 {
            #expect(
              matrix[(e * 3 + o) * 6 + f * 3 + p] == block[((e * 2 + f) * 3 + o) * 3 + p])
          }
        }
      }
    }
  }

  // MARK: NNGP

  /// The mean of f_o(x) f_o′(x′) over many output layers drawn as `initialize` draws them, everything
  /// below fixed, within its standard errors.
  @Test(arguments: ["standard", "ntk", "improved_standard", "taylor", "mup"])
  func covariance(_ name: String) throws {
    let extra = ["improved_standard": #""width_scale": 2,"#, "taylor": #""taylor_order": 3,"#]
    let network = try ExplicitKernel.network(
      #"""
      {"input": [3], "parameterization": "\#(name)", \#(extra[name] ?? "") "layers": [
        {"dense": {"units": 20, "bias_std": 0.3}}, "tanh",
        {"dense": {"units": 2, "weight_std": 1.3, "bias_std": 0.6, "multiplier": 2,
          "bias_multiplier": 0.5}}, {"dropout": {"rate": 0.1}}]}
      """#)
    let backend = try BackendUnderTest.openblas2.backend()
    let count = network.parameterCount
    let start = network.sampleParameters(seed: 11)
    let (x1, x2) = (sample(2 * 3, seed: 12), sample(3 * 3, seed: 13))
    let kernel = try ExplicitKernel.structured(
      network, start, x1, x2, kind: .nngp, outputs: .full, on: backend)
    let expected = try backend.download(kernel.whole())
    let inputs = try backend.matrix(5, 3, .float64, x1 + x2)
    let draws = 400
    var samples = [[Double]](repeating: [], count: expected.count)
    let theta = try backend.matrix(1, count, .float64)
    let below = network.parameters[2].offset
    for seed in 0..<draws {
      try network.initialize(theta, seed: UInt64(seed), on: backend)
      try backend.upload(start[..<below], to: theta.slice(at: 0, rows: 1, columns: below))
      let f = try backend.download(
        network.pushforward(
          inputs, ParameterJet(center: theta), algebra: JetAlgebra(backend, order: 0))[0])
      for cell in expected.indices {
        let (pair, entry) = cell.quotientAndRemainder(dividingBy: 4)
        let (e, g) = pair.quotientAndRemainder(dividingBy: 3)
        samples[cell].append(f[e * 2 + entry / 2] * f[(2 + g) * 2 + entry % 2])
      }
    }
    for (cell, values) in samples.enumerated() {
      let mean = values.reduce(0, +) / Double(draws)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(draws - 1)
      let error = (variance / Double(draws)).squareRoot()
      #expect(abs(mean - expected[cell]) < 4.5 * error, "\(cell): \(mean) \(expected[cell])")
      if cell % 4 == 1 || cell % 4 == 2 { #expect(expected[cell] == 0) }
    }
    let (trace, diagonal) = try (
      backend.download(
        ExplicitKernel.structured(network, start, x1, x2, kind: .nngp, outputs: .trace, on: backend)
          .whole()),
      backend.download(
        ExplicitKernel.structured(
          network, start, x1, x2, kind: .nngp, outputs: .diagonal, on: backend
        )
        .whole())
    )
    #expect(trace == stride(from: 0, to: expected.count, by: 4).map { expected[$0] })
    #expect(diagonal == trace.flatMap { [$0, $0] })
  }

  /// σw²⟨h, h′⟩/n + σb² by hand.
  @Test(arguments: BackendUnderTest.allCases)
  func covarianceByHand(_ place: BackendUnderTest) throws {
    let network = try ExplicitKernel.network(
      #"""
      {"input": [2], "layers": [{"dense": {"units": 1, "weight_std": 3, "bias_std": 0.5}}]}
      """#)
    let backend = try place.backend()
    let kernel = try ExplicitKernel.structured(
      network, [0, 0, 0], [1, 2, 3, 4], kind: .nngp, outputs: .trace, passBytes: 1, on: backend)
    // 9·(5, 11, 25)/2 + ¼.
    let values = try backend.download(kernel.whole())
    #expect(relativeError(values, [22.75, 49.75, 49.75, 112.75]) < 1e-15)
  }

  @Test func refusals() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    func error(
      _ json: String, _ kind: KernelKind = .nngp, _ expansion: Int? = nil
    ) throws -> String {
      let network = try ExplicitKernel.network(json)
      let theta = try backend.matrix(1, network.parameterCount, .float64)
      let x = try backend.matrix(2, network.inputCount, .float64)
      let found = #expect(throws: NetworkError.self) {
        _ = try EmpiricalKernel(
          network, kind, at: theta, x,
          expansion: expansion.map { .init(displacement: theta, order: $0) }, on: backend)
      }
      return found?.description ?? ""
    }
    let dense = #"{"input": [2], "layers": [{"dense": {"units": 1}}"#
    #expect(try error(dense + #", "tanh"]}"#).contains("does not end with a dense layer"))
    #expect(try error(dense + "]}", .nngp, 2).contains("expansion"))
    #expect(
      try error(
        #"{"input": [2], "symmetric": true, "layers": [{"dense": {"units": 2}}, "relu", "#
          + #"{"dense": {"units": 1}}]}"#
      ).contains("symmetric"))
  }

  // MARK: Products

  /// Θ·v from one gradient and one tangent, against the matrix; 300 and 270 examples are two passes.
  @Test(arguments: [(7, 5, 3), (270, 300, 2)])
  func products(_ n1: Int, _ n2: Int, _ count: Int) throws {
    let network = try denseNetwork([3, 5, 2], [.tanh], .ntk)
    let backend = try BackendUnderTest.openblas2.backend()
    let theta = network.sampleParameters(seed: 14)
    let (x1, x2) = (sample(3 * n1, seed: 15), sample(3 * n2, seed: 16))
    let vectors = sample(count * n2 * 2, seed: 17)
    let isTrainable = [true, true, true, false]
    // One vector at a time in the second round.
    for passBytes in [EmpiricalKernel.defaultPassBytes, 1] {
      let kernel = try ExplicitKernel.structured(
        network, theta, x1, x2, isTrainable: isTrainable, passBytes: passBytes, on: backend)
      let products = try backend.download(
        kernel.products(backend.matrix(count * n2, 2, .float64, vectors), count: count))
      let whole = try ExplicitKernel.structured(
        network, theta, x1, x2, isTrainable: isTrainable, on: backend)
      let matrix = try whole.matrix(rows: 0..<n1, columns: 0..<n2)
      let expected = try backend.matrix(count, n1 * 2, .float64)
      try backend.run(
        .contraction(
          Contraction(
            backend.matrix(count, n2 * 2, .float64, vectors), matrix, into: expected,
            transposeB: true)))
      #expect(relativeError(products, try backend.download(expected)) < 1e-13)
    }
  }
}
