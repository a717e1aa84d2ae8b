import Compute
import Jets
import Networks
import TestSupport
import Testing

@testable import TangentKernels

/// Tangent kernels of expansions at a displacement, against differences of f_k and of its coefficients.
@BackendActor @Suite struct ExpansionKernelTests {
  private struct Case {
    let network: Network
    let center: [Double]
    let displacement: [Double]
    let x: [Double]

    init(_ index: Int) throws {
      try self.init(ExplicitKernel.networks[index].json)
    }

    init(_ json: String) throws {
      network = try ExplicitKernel.network(json)
      center = network.sampleParameters(seed: 31)
      displacement = network.sampleParameters(seed: 32, scale: 0.03)
      x = sample(2 * network.inputCount, seed: 33)
    }

    @BackendActor func inputs(_ type: ScalarType, on backend: any Backend) throws -> Matrix {
      try backend.matrix(x.count / network.inputCount, network.inputCount, type, x)
    }

    @BackendActor func kernel(
      _ order: Int, coefficient: Int? = nil, outputs: KernelOutputs = .full,
      type: ScalarType = .float64, passBytes: Int = EmpiricalKernel.defaultPassBytes,
      on backend: any Backend
    ) throws -> EmpiricalKernel {
      try EmpiricalKernel(
        network, .ntk, at: backend.matrix(1, center.count, type, center),
        inputs(type, on: backend), outputs: outputs,
        expansion: .init(
          displacement: backend.matrix(1, center.count, type, displacement), order: order,
          coefficient: coefficient), passBytes: passBytes, on: backend)
    }

    /// ∂f_k/∂Δ, or of one coefficient, by central differences: a polynomial of degree k ≤ 4 in each
    /// parameter, so five points are exact but for rounding.
    @BackendActor func jacobian(
      _ order: Int, coefficient: Int? = nil, on backend: any Backend
    ) throws -> [[Double]] {
      let inputs = try inputs(.float64, on: backend)
      let rows = inputs.rows * network.outputCount
      let theta = try backend.matrix(1, center.count, .float64, center)
      var columns: [[Double]] = []
      let h = 0.25
      let group = 40
      let steps = [(-2.0, 1.0), (-1, -8), (1, 8), (2, -1)]
      for first in stride(from: 0, to: center.count, by: group) {
        let chosen = first..<min(center.count, first + group)
        let moved = chosen.flatMap { p in
          steps.flatMap { step in
            var moved = displacement
            moved[p] += step.0 * h
            return moved
          }
        }
        let directions = chosen.count * 4
        let jet = try network.pushforward(
          inputs,
          ParameterJet(
            center: theta,
            displacement: backend.matrix(directions, center.count, .float64, moved)),
          algebra: JetAlgebra(backend, order: order))
        for p in 0..<chosen.count {
          var column = [Double](repeating: 0, count: rows)
          for (s, step) in steps.enumerated() {
            for i in 1...jet.degree where i == coefficient ?? i {
              let values = try backend.download(jet[i, direction: p * 4 + s])
              for row in 0..<rows { column[row] += step.1 * values[row] / (12 * h) }
            }
          }
          columns.append(column)
        }
      }
      return (0..<rows).map { row in columns.map { $0[row] } }
    }
  }

  /// The last bits of f_k are lost in the differences: 10⁻¹⁵·(‖f‖/h)/‖J‖.
  @Test(arguments: [(0, 2), (0, 3), (0, 4), (1, 2), (4, 2), (5, 2), (6, 2)])
  func againstDifferences(_ index: Int, _ order: Int) throws {
    try check(Case(index), order)
  }

  /// Convolutions whose products of positions and coefficients are summed: two of each.
  @Test func fewPositions() throws {
    let own = try Case(Self.fewPositions)
    for isFull in [false, true] {
      let cost = LayerCost(
        positions: 2, coefficients: 2, patch: 48, channels: 16,
        outputs: OutputPairs(isFull: isFull, outputs: 3))
      #expect(!cost.prefersGradients)
    }
    try check(own, 2)
  }

  nonisolated private static let fewPositions = #"""
    {"input": [2, 1, 2], "layers": [
      {"conv": {"channels": 16, "kernel": [1, 3], "padding": "same", "bias_std": 0.1}}, "tanh",
      {"conv": {"channels": 16, "kernel": [1, 3], "padding": "same", "bias_std": 0.1}}, "tanh",
      {"dense": {"units": 3, "bias_std": 0.1}}]}
    """#

  private func check(_ own: Case, _ order: Int) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let j = try own.jacobian(order, on: backend)
    for outputs in KernelOutputs.allCases {
      let kernel = try backend.download(
        own.kernel(order, outputs: outputs, on: backend).whole())
      let expected = ExplicitKernel.kernel(j, j, outputs: outputs, count: 3)
      #expect(relativeError(kernel, expected) < 1e-10, "\(outputs)")
    }
  }

  @Test(arguments: [1, 2, 3]) func oneCoefficient(_ coefficient: Int) throws {
    let own = try Case(0)
    let backend = try BackendUnderTest.openblas2.backend()
    let j = try own.jacobian(3, coefficient: coefficient, on: backend)
    let kernel = try backend.download(
      own.kernel(3, coefficient: coefficient, on: backend).whole())
    #expect(
      relativeError(kernel, ExplicitKernel.kernel(j, j, outputs: .full, count: 3)) < 1e-10)
  }

  /// Order 1 is the network's own kernel at θ0.
  @Test func orderOne() throws {
    let own = try Case(1)
    let backend = try BackendUnderTest.openblas2.backend()
    let network = try ExplicitKernel.structured(own.network, own.center, own.x, on: backend)
    #expect(
      try backend.download(own.kernel(1, on: backend).whole())
        == backend.download(network.whole()))
  }

  /// Order 2 with convolutions in both forms: devices, threads and cuts.
  @Test(arguments: [1, 5, nil]) func bits(_ index: Int?) throws {
    let own = try index.map { try Case($0) } ?? Case(Self.fewPositions)
    let results = try BackendUnderTest.onEach { backend in
      TestSupport.bits(
        try backend.download(
          own.kernel(2, outputs: .trace, type: .float32, on: backend).whole()))
    }
    for other in results.dropFirst() {
      #expect(other.result == results[0].result, "\(other.backend)")
    }
    let backend = try BackendUnderTest.openblas2.backend()
    let cut = try own.kernel(2, outputs: .trace, type: .float32, passBytes: 1, on: backend)
    #expect(TestSupport.bits(try backend.download(cut.whole())) == results[0].result)
  }

  @Test func productsAreRefused() throws {
    let own = try Case(0)
    let backend = try BackendUnderTest.openblas1.backend()
    let kernel = try own.kernel(2, on: backend)
    let vectors = try backend.matrix(2, 3, .float64)
    let error = #expect(throws: NetworkError.self) { _ = try kernel.products(vectors, count: 1) }
    #expect(error?.description.contains("order 1") == true)
  }
}
