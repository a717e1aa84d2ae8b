import Compute
import Networks
import TestSupport
import Testing

@testable import TangentKernels

/// Every layer at infinite width against plain loops, on every back end.
@BackendActor @Suite struct InfiniteLayerTests {
  @Test(arguments: InfiniteKernelNetwork.all, [Parameterization.standard, .ntk])
  func layers(_ network: InfiniteKernelNetwork, _ parameterization: Parameterization) throws {
    let description = network.network(parameterization)
    let features = network.input.reduce(1, *)
    let x = sample(4 * features, seed: 3)
    let plain = PlainKernel(description, x)
    let (x1, x2) = (Array(x[..<(3 * features)]), Array(x[features...]))
    let kernel = try InfiniteWidthKernel(description)
    func part(_ values: [Double], _ rows: Range<Int>, _ columns: Range<Int>) -> [Double] {
      rows.flatMap { i in columns.map { values[i * 4 + $0] } }
    }
    for place in BackendUnderTest.allCases {
      let backend = try place.backend()
      let (own, cross) = (try kernel(x, on: backend), try kernel(x1, x2, on: backend))
      #expect(relativeError(own.nngp, plain.k) < 1e-13, "\(place)")
      #expect(relativeError(own.ntk, plain.t) < 1e-13, "\(place)")
      #expect(relativeError(cross.nngp, part(plain.k, 0..<3, 1..<4)) < 1e-13, "\(place)")
      #expect(relativeError(cross.ntk, part(plain.t, 0..<3, 1..<4)) < 1e-13, "\(place)")
    }
    // Without Θ the same K.
    let alone = try InfiniteWidthKernel(description, .nngp)(
      x, on: BackendUnderTest.openblas2.backend())
    #expect(alone.ntk.isEmpty && relativeError(alone.nngp, plain.k) < 1e-13)
  }

  /// The kernel of a widened network is that of its base widths, and knows them.
  @Test func widthScale() throws {
    for network in InfiniteKernelNetwork.all {
      let x = sample(2 * network.input.reduce(1, *), seed: 8)
      let standard = try InfiniteWidthKernel(network.network(.standard))(x)
      let wide = network.network(.improvedStandard(widthScale: 1 << 40))
      #expect(try InfiniteWidthKernel(wide)(x) == standard, "\(network)")
    }
    let widths = [
      [4, 4], [5, 4], [4, 5],
    ].map { widths in
      NetworkDescription(
        input: [2, 3, 3],
        layers: [
          InfiniteKernelNetwork.conv(widths[0], (2, 2)), .activation(.relu),
          InfiniteKernelNetwork.conv(widths[1], (2, 2)), .activation(.relu),
          InfiniteKernelNetwork.dense(1),
        ])
    }
    let x = sample(18, seed: 2)
    let kernels = try widths.map { try InfiniteWidthKernel($0)(x) }
    #expect(kernels[0].nngp == kernels[1].nngp && kernels[0].nngp == kernels[2].nngp)
    #expect(kernels[0].ntk[0] < kernels[1].ntk[0] && kernels[0].ntk[0] < kernels[2].ntk[0])
    #expect(kernels[1].ntk[0] != kernels[2].ntk[0])
  }

  /// T and T′ of every smooth activation, read off a network with one hidden layer in which every
  /// factor is 1: K = T, Θ = T + T′·K₁.
  @Test(arguments: Activation.allCases)
  func activations(_ activation: Activation) throws {
    guard !["sign", "abs"].contains(activation.rawValue) else { return }
    let kernel = try InfiniteWidthKernel(
      NetworkDescription(
        input: [3], parameterization: .ntk,
        layers: [
          .dense(.init(units: 1)), .activation(activation), .dense(.init(units: 1)),
        ]))
    let x = sample(12, seed: 11).map { 2 * $0 }
    func inner(_ i: Int, _ j: Int) -> Double {
      (0..<3).reduce(0) { $0 + x[3 * i + $1] * x[3 * j + $1] } / 3
    }
    let values = try kernel(x, on: BackendUnderTest.openblas2.backend())
    for i in 0..<4 {
      for j in 0..<4 {
        let c = inner(i, j)
        let (value, slope) = plainDual(activation, c, inner(i, i), inner(j, j))
        let expected = value + slope * c
        let allowed = 1e-9 * (1 + abs(expected))
        #expect(abs(values.nngp[4 * i + j] - value) < allowed, "\(i), \(j)")
        #expect(abs(values.ntk[4 * i + j] - expected) < allowed, "\(i), \(j)")
      }
    }
  }
}
