import Compute
import Networks
import OpenBLASBackend
import TestSupport
import Testing

@testable import TangentKernels

/// Finite networks of many layers' kinds: f(x)f(x′) and ∇f(x)·∇f(x′) over random starts.
@BackendActor @Suite struct WideLayerTests {
  private func network(_ isImage: Bool, _ width: Int) -> NetworkDescription {
    func dense(_ units: Int) -> LayerDescription {
      .dense(.init(units: units, weightStd: 1.2, biasStd: 0.3))
    }
    func conv(_ padding: LayerDescription.Padding, _ stride: Int = 1) -> LayerDescription {
      .conv(
        .init(
          channels: width, kernel: .init(2, 2), stride: .init(stride, stride), padding: padding,
          weightStd: 1.2, biasStd: 0.3))
    }
    return NetworkDescription(
      input: isImage ? [2, 4, 4] : [4], parameterization: .ntk,
      layers: isImage
        ? [
          conv(.same), .activation(.relu), .avgPool(.init(window: .init(2, 2))),
          conv(.explicit(top: 1, left: 0, bottom: 0, right: 1)), .layerNorm(.init()),
          .residual(.init(main: [.activation(.tanh), conv(.same)], scale: 0.7)), .activation(.relu),
          .globalAvgPool, dense(1),
        ]
        : [
          dense(width), .layerNorm(.init()),
          .residual(.init(main: [.activation(.relu), dense(width)])), .activation(.erf),
          dense(width),
          .layerNorm(.init()), .activation(.swish), dense(1),
        ])
  }

  /// The mean over starts within 4 standard errors and what a width of n leaves, a few times 1/n.
  @Test(arguments: [(true, 64, 16), (false, 256, 16)])
  func means(_ isImage: Bool, _ width: Int, _ draws: Int) throws {
    let description = network(isImage, width)
    let network = try Network(description)
    let (features, count) = (network.inputCount, network.parameterCount)
    let inputs = sample(2 * features, seed: 17).map { 2 * $0 }
    let backend = try BackendUnderTest.openblas2.backend()
    let expected = try InfiniteWidthKernel(description)(inputs, on: backend)
    let x = try backend.matrix(2, features, .float64, inputs)
    var products: [[Double]] = []
    for seed in 0..<draws {
      let theta = try backend.matrix(1, count, .float64)
      try network.initialize(theta, seed: UInt64(seed), on: backend)
      let cotangents = try backend.matrix(4, 1, .float64, [1, 0, 0, 1])
      let rows = try backend.download(
        network.vectorJacobianProducts(cotangents, x, at: theta, directions: 2, on: backend))
      products.append(
        [(0, 0), (0, 1), (1, 1)].map { i, j in
          inner(
            Array(rows[i * count..<(i + 1) * count]), Array(rows[j * count..<(j + 1) * count]))
        })
    }
    for (cell, place) in [(0, 0), (1, 1), (2, 3)] {
      let values = products.map { $0[cell] }
      let mean = values.reduce(0, +) / Double(draws)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(draws - 1)
      let error = (variance / Double(draws)).squareRoot()
      let allowed = 4 * error + 3 / Double(width) * expected.ntk[0]
      #expect(
        abs(mean - expected.ntk[place]) < allowed, "\(mean) for \(expected.ntk[place]) ± \(error)")
      #expect(error < 0.04 * expected.ntk[0])
    }
  }
}
