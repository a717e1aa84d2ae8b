import Compute
import DataSets
import Networks
import OpenBLASBackend
import TestSupport
import Testing

@testable import TangentKernels

/// Kernels at infinite width against a table, other people's numbers, wide networks' own tangents,
/// and regression with them.
@BackendActor @Suite struct InfiniteWidthKernelTests {
  private func description(
    _ parameterization: Parameterization, _ scales: [LayerScales] = [.init(), .init(), .init()]
  ) -> NetworkDescription {
    func dense(_ units: Int, _ index: Int) -> LayerDescription {
      .dense(.init(units: units, weightStd: 1.5, biasStd: 0.1, scales: scales[index]))
    }
    return NetworkDescription(
      input: [4], parameterization: parameterization,
      layers: [
        dense(64, 0), .activation(.relu), dense(32, 1), .activation(.relu), dense(1, 2),
      ])
  }

  /// Three published inputs and the first row of their kernels, to the table's twelve digits.
  @Test(arguments: BackendUnderTest.allCases)
  func testVector(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let x: [Double] = [1, 0, -1, 2, 0.5, 1, 0, -1, 2, -1, 0.5, 0.25]
    func values(_ parameterization: Parameterization) throws -> InfiniteWidthKernel.Values {
      let kernel = try InfiniteWidthKernel(description(parameterization))
      let (own, cross) = (try kernel(x, on: backend), try kernel(x, x, on: backend))
      #expect(own == cross)
      return own
    }
    let (tangent, standard) = (try values(.ntk), try values(.standard))
    let improved = try values(.improvedStandard(widthScale: 8))
    let nngp = [4.305390625, 1.05484228779, 2.52167755124]
    #expect(relativeError(Array(tangent.nngp[..<3]), nngp) < 2e-12)
    #expect(relativeError(Array(standard.nngp[..<3]), nngp) < 2e-12)
    #expect(
      relativeError(Array(tangent.ntk[..<3]), [12.884921875, 1.05494078112, 4.5284626404]) < 2e-12)
    #expect(
      relativeError(Array(standard.ntk[..<3]), [193.934375, 22.2274793259, 78.9724542485]) < 2e-12)
    #expect(improved == standard)
  }

  @Test(arguments: [
    "kernel-mlp-relu-ntk", "kernel-mlp-relu-standard", "kernel-mlp-relu-improved",
    "kernel-mlp-erf-ntk", "kernel-mlp-erf-standard", "kernel-cnn-gap-ntk",
    "kernel-cnn-gap-standard", "kernel-cnn-flatten-ntk",
  ])
  func goldenCases(_ name: String) throws {
    let golden = try GoldenCase(name)
    let kernel = try InfiniteWidthKernel(golden.network.description)
    let inputs = ["1": try golden.values("x1"), "2": try golden.values("x2")]
    for place in BackendUnderTest.allCases {
      let backend = try place.backend()
      for (first, second) in [("1", "1"), ("1", "2"), ("2", "2")] {
        let (x1, x2) = (inputs[first]!, inputs[second]!)
        let columns = x2.count / kernel.inputCount
        var found = [try kernel(x1, x2, on: backend)]
        if first == second { found.append(try kernel(x1, on: backend)) }
        let nngp = try golden.values("nngp.\(first)\(second)")
        let ntk = try golden.values("ntk.\(first)\(second)")
        func largest(_ values: [Double]) -> Double { values.map { abs($0) }.max() ?? 0 }
        for values in found {
          for (index, (own, other)) in zip(values.nngp, nngp).enumerated() {
            #expect(
              abs(own - other) < 1e-13 * largest(nngp), "\(place), \(first)\(second) \(index)")
          }
          for (index, (own, other)) in zip(values.ntk, ntk).enumerated() {
            // The other implementation finds an angle of some 10⁻⁸ between an image and itself, and with
            // it a T′ that is too small: 1.3·10⁻⁹ of Θ in this case.
            let isRounded =
              name == "kernel-cnn-flatten-ntk" && first == second
              && index / columns == index % columns
            #expect(
              abs(own - other) < (isRounded ? 2e-9 : 1e-13) * largest(ntk),
              "\(place), \(first)\(second) \(index)")
          }
        }
      }
    }
  }

  /// Θ by hand for one dense layer with multipliers: m²·N·K + m_b², and m²σw²K + m_b²σb².
  @Test func multipliersByHand() throws {
    func kernel(_ parameterization: Parameterization, hasBias: Bool) throws -> [Double] {
      let dense = LayerDescription.dense(
        .init(
          units: 1, weightStd: 3, biasStd: 0.5, hasBias: hasBias,
          scales: LayerScales(multiplier: 2, biasMultiplier: 4, learningRate: 7)))
      let values = try InfiniteWidthKernel(
        NetworkDescription(input: [2], parameterization: parameterization, layers: [dense]))([
          1, 3,
        ])
      return values.nngp + values.ntk
    }
    // K = 5.
    #expect(try kernel(.standard, hasBias: true) == [184, 56])
    #expect(try kernel(.standard, hasBias: false) == [180, 40])
    #expect(try kernel(.ntk, hasBias: true) == [184, 184])
  }

  /// J Jᵀ of wide networks with one hidden layer, over eight starts: the mean is Θ within its
  /// standard errors. That of `mup` with base width B is the kernel of `standard` with width B.
  @Test(arguments: [
    (Parameterization.ntk, Parameterization.ntk, 2048),
    (.improvedStandard(widthScale: 64), .standard, 32), (.mup(baseWidth: 32), .standard, 2048),
  ])
  func wideNetworks(
    _ parameterization: Parameterization, _ limit: Parameterization, _ width: Int
  ) throws {
    func description(_ parameterization: Parameterization, _ width: Int) -> NetworkDescription {
      NetworkDescription(
        input: [4], parameterization: parameterization,
        layers: [
          .dense(.init(units: width, weightStd: 1.3, biasStd: 0.4)), .activation(.gelu),
          .dense(.init(units: 1, weightStd: 1.1, biasStd: 0.2)),
        ])
    }
    let inputs = sample(12, seed: 5).map { 2 * $0 }
    let expected = try InfiniteWidthKernel(description(limit, limit == .ntk ? width : 32))(inputs)
    let network = try Network(description(parameterization, width))
    let backend = try BackendUnderTest.openblas2.backend()
    let count = network.parameterCount
    let x = try backend.matrix(3, 4, .float64, inputs)
    let draws = try (0..<8).map { seed -> [Double] in
      let theta = try backend.matrix(1, count, .float64)
      try network.initialize(theta, seed: UInt64(seed), on: backend)
      // A cotangent for each input: [V·batch, 1].
      let cotangents = try backend.matrix(9, 1, .float64, [1, 0, 0, 0, 1, 0, 0, 0, 1])
      let rows = try backend.download(
        network.vectorJacobianProducts(cotangents, x, at: theta, directions: 3, on: backend))
      return (0..<9).map { cell in
        let (i, j) = (cell / 3, cell % 3)
        return inner(
          Array(rows[i * count..<(i + 1) * count]), Array(rows[j * count..<(j + 1) * count]))
      }
    }
    for cell in 0..<9 {
      let values = draws.map { $0[cell] }
      let mean = values.reduce(0, +) / 8
      let error = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 56).squareRoot()
      #expect(abs(mean - expected.ntk[cell]) < 5 * error, "\(mean) \(expected.ntk[cell])")
      #expect(error < 0.05 * expected.ntk[0])
    }
  }

  // MARK: Regression

  /// Trained to the end, the ensemble's mean is Θ*(Θ + ε tr(Θ)/n)⁻¹ y.
  @Test(arguments: ["kernel-mlp-relu-ntk", "kernel-mlp-relu-standard"])
  func goldenPredictions(_ name: String) throws {
    let golden = try GoldenCase(name)
    let kernel = try InfiniteWidthKernel(golden.network.description)
    let (x1, x2, y) = (
      try golden.values("x1"), try golden.values("x2"), try golden.values("y")
    )
    let lapack = try LAPACK()
    let (own, cross) = (kernel(x1), kernel(x2, x1))
    for (matrix, row, name) in [(own.ntk, cross.ntk, "ntk"), (own.nngp, cross.nngp, "nngp")] {
      let regression = try KernelRegression(
        kernel: matrix, targets: y, outputs: 2, ridge: 1e-4, solve: lapack.solvePositiveDefinite)
      let expected = try golden.values("dynamics.\(name).tinf.mean")
      #expect(relativeError(regression.predict(row), expected) < 1e-11, "\(name)")
    }
  }

  /// A 2×2 system by hand: λ = ½·(2 + 4)/2 = 1.5.
  @Test func regressionByHand() throws {
    let lapack = try LAPACK()
    let regression = try KernelRegression(
      kernel: [2, 1, 1, 4], targets: [1, 2], outputs: 1, ridge: 0.5,
      solve: lapack.solvePositiveDefinite)
    // [[3.5, 1], [1, 5.5]], determinant 18.25.
    let expected = [(5.5 - 2) / 18.25, (7 - 1) / 18.25]
    #expect(relativeError(regression.coefficients, expected) < 1e-15)
    #expect(
      relativeError(
        regression.predict([1, 0, 2, -1]), [expected[0], 2 * expected[0] - expected[1]])
        < 1e-15)
  }

  @Test func indefinite() throws {
    let lapack = try LAPACK()
    let error = #expect(throws: KernelError.self) {
      _ = try KernelRegression(
        kernel: [1, 2, 2, 1], targets: [1, 2], outputs: 1, ridge: 0.1,
        solve: lapack.solvePositiveDefinite)
    }
    #expect(error?.description.contains("ridge 0.1") == true)
  }
}
