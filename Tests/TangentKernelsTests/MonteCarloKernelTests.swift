import Compute
import Networks
import TestSupport
import Testing

@testable import TangentKernels

/// Means over initialisations: their recurrence, and their limit.
@BackendActor @Suite struct MonteCarloKernelTests {
  private func network(_ width: Int, _ parameterization: String = "ntk") throws -> Network {
    try ExplicitKernel.network(
      #"""
      {"input": [4], "parameterization": "\#(parameterization)", "layers": [
        {"dense": {"units": \#(width), "weight_std": 1.4, "bias_std": 0.3}}, "relu",
        {"dense": {"units": \#(width), "weight_std": 1.2, "bias_std": 0.2}}, "erf",
        {"dense": {"units": 2, "weight_std": 1.1, "bias_std": 0.1}}]}
      """#)
  }

  /// Two passes over the samples' own kernels: their mean, and √(Σ(x − mean)²/(S(S − 1))).
  @Test(arguments: KernelOutputs.allCases) func meanAndStandardError(
    _ outputs: KernelOutputs
  ) throws {
    let (network, backend) = (try network(7), try BackendUnderTest.openblas2.backend())
    let (x1, x2) = (sample(3 * 4, seed: 1), sample(2 * 4, seed: 2))
    let kernel = try MonteCarloKernel(
      network, .ntk, backend.matrix(3, 4, .float64, x1), backend.matrix(2, 4, .float64, x2),
      outputs: outputs, samples: 5, seed: 40, on: backend)
    kernel.keepsStandardErrors = true
    let draws = try (0..<5).map { sample -> [Double] in
      let theta = try backend.matrix(1, network.parameterCount, .float64)
      try network.initialize(theta, seed: UInt64(40 + sample), on: backend)
      return try backend.download(
        ExplicitKernel.structured(
          network, backend.download(theta), x1, x2, outputs: outputs, on: backend
        ).whole())
    }
    let means = draws[0].indices.map { cell in draws.reduce(0) { $0 + $1[cell] } / 5 }
    let errors = means.indices.map { cell -> Double in
      let squares = draws.map { ($0[cell] - means[cell]) * ($0[cell] - means[cell]) }
      return (squares.reduce(0, +) / 20).squareRoot()
    }
    // Only some of the kernel is computed; what is missing comes later.
    let entries = kernel.entryCount
    let block = try backend.download(kernel.block(rows: 1..<3, columns: 0..<2))
    #expect(relativeError(block, Array(means[(2 * entries)...])) < 1e-13)
    #expect(relativeError(try kernel.standardErrors(), errors) < 1e-11)
  }

  /// Of a symmetric kernel one side of the diagonal tells the other.
  @Test func mirroredErrors() throws {
    let (network, backend) = (try network(6), try BackendUnderTest.openblas2.backend())
    func kernel() throws -> MonteCarloKernel {
      try MonteCarloKernel(
        network, .ntk, backend.matrix(3, 4, .float64, sample(12, seed: 3)), outputs: .full,
        samples: 3, seed: 1, on: backend)
    }
    let (tiled, whole) = (try kernel(), try kernel())
    tiled.keepsStandardErrors = true
    for (rows, columns) in [(0..<2, 0..<2), (0..<2, 2..<3), (2..<3, 2..<3)] {
      _ = try tiled.block(rows: rows, columns: columns)
    }
    #expect(
      try tiled.standardErrors() == whole.estimate(rows: 0..<3, columns: 0..<3).standardError)
  }

  /// Towards the kernels at infinite width: within four standard errors and a bias of order 1/width.
  @Test(arguments: KernelKind.allCases, ["ntk", "standard"])
  func limit(_ kind: KernelKind, _ parameterization: String) throws {
    let width = 256
    let network = try network(width, parameterization)
    let backend = try BackendUnderTest.openblas2.backend()
    let x = sample(3 * 4, seed: 5).map { 2 * $0 }
    let limit = try InfiniteWidthKernel(network.description)(x, x)
    let expected = kind == .ntk ? limit.ntk : limit.nngp
    let kernel = try MonteCarloKernel(
      network, kind, backend.matrix(3, 4, .float64, x), samples: 16, seed: 7, on: backend)
    let (mean, error) = try kernel.estimate(rows: 0..<3, columns: 0..<3)
    let largest = expected.map(abs).max()!
    for cell in expected.indices {
      let allowed = 4 * error[cell] + largest / Double(width)
      #expect(abs(mean[cell] - expected[cell]) < allowed, "\(mean[cell]) \(expected[cell])")
      #expect(error[cell] < 0.05 * largest)
    }
  }

  @Test func refusals() throws {
    let (network, backend) = (try network(3), try BackendUnderTest.openblas1.backend())
    let x = try backend.matrix(2, 4, .float64)
    let error = #expect(throws: NetworkError.self) {
      _ = try MonteCarloKernel(network, .ntk, x, samples: 1, seed: 0, on: backend)
    }
    #expect(error?.description.contains("at least 2 samples") == true)
  }
}
