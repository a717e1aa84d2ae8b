import Glibc
import Maclaurin
import TestSupport
import Testing

@testable import TangentKernels

/// Closed-form training against other people's numbers, systems by hand, and its limits.
@Suite struct GradientFlowTests {
  static let networks = ["kernel-mlp-relu-ntk", "kernel-mlp-relu-standard"]

  /// The blocks of a kernel in a golden file; `12` there is train against test.
  private func blocks(_ golden: GoldenCase, _ kind: String) throws -> TrainTestKernel {
    let (n, m) = (try golden.shape("x1")[0], try golden.shape("x2")[0])
    return TrainTestKernel(
      train: KernelMatrix(try golden.values("\(kind).11"), rowCount: n, columnCount: n),
      cross: KernelMatrix(
        transposed(try golden.values("\(kind).12"), rows: n), rowCount: m, columnCount: n),
      test: KernelMatrix(try golden.values("\(kind).22"), rowCount: m, columnCount: m))
  }

  private static let times: [(Double, String)] = [(0.5, "0.5"), (10, "10"), (.infinity, "inf")]

  // MARK: Golden cases

  /// Ensembles at three times, solved by eigenvectors and, at the end, by Cholesky's method.
  @Test(arguments: networks, [true, false])
  func goldenEnsembles(_ name: String, isUnendingAlone: Bool) throws {
    let golden = try GoldenCase(name)
    let algebra = try LAPACK()
    let y = try golden.values("y")
    let (nngp, ntk) = (try blocks(golden, "nngp"), try blocks(golden, "ntk"))
    let times = isUnendingAlone ? [Self.times[2]] : Self.times
    func flow(_ kernel: KernelMatrix) throws -> GradientFlow {
      try GradientFlow(kernel, ridge: 1e-4, targets: y, times: times.map(\.0), by: algebra)
    }
    let (last, all) = (try flow(nngp.train), try flow(ntk.train))
    #expect(last.method == (isUnendingAlone ? .cholesky : .eigendecomposition))
    for (time, text) in times {
      let found = [
        "nngp": try last.gaussianProcess(nngp, at: time),
        "ntk": try all.ensemble(ntk.cross, start: nngp, at: time),
      ]
      for (kind, prediction) in found {
        let name = "dynamics.\(kind).t\(text)"
        let (mean, covariance) = (
          try golden.values("\(name).mean"), try golden.values("\(name).cov")
        )
        #expect(relativeError(prediction.mean, mean) < 1e-11, "\(name)")
        #expect(relativeError(prediction.covariance ?? [], covariance) < 1e-11, "\(name)")
        let deviations = try #require(prediction.standardDeviations)
        let expected = (0..<3).map { covariance[$0 * 4].squareRoot() }
        #expect(relativeError(deviations, expected) < 1e-11, "\(name)")
      }
    }
  }

  /// One network that starts at zero.
  @Test(arguments: networks)
  func goldenNetwork(_ name: String) throws {
    let golden = try GoldenCase(name)
    let ntk = try blocks(golden, "ntk")
    let flow = try GradientFlow(
      ntk.train, ridge: 1e-4, targets: golden.values("y"), times: [0.5, 10], by: LAPACK())
    for (time, text) in Self.times.dropLast() {
      #expect(
        relativeError(try flow.train(at: time), try golden.values("mse.t\(text).train")) < 1e-12)
      #expect(
        relativeError(
          try flow.test(ntk.cross, at: time), try golden.values("mse.t\(text).test")) < 1e-12)
    }
  }

  // MARK: By hand

  /// A 2×2 system: λ = ½·(2 + 4)/2 = 1.5, R = [[3.5, 1], [1, 5.5]], determinant 18.25.
  @Test func regressionByHand() throws {
    let kernel = KernelMatrix([2, 1, 1, 4], rowCount: 2, columnCount: 2)
    let flow = try GradientFlow(
      kernel, ridge: 0.5, targets: [1, 2], times: [.infinity], by: LAPACK())
    let expected = [(5.5 - 2) / 18.25, (7 - 1) / 18.25]
    #expect(relativeError(try flow.coefficients(at: .infinity), expected) < 1e-15)
    let cross = KernelMatrix([1, 0, 2, -1], rowCount: 2, columnCount: 2)
    #expect(
      relativeError(
        try flow.test(cross, at: .infinity), [expected[0], 2 * expected[0] - expected[1]]) < 1e-15)
    // λ = 4.5 ∓ √2.
    let found = flow.conditioning
    #expect(relativeError([found.smallestEigenvalue], [4.5 - 2.0.squareRoot()]) < 1e-14)
    #expect(relativeError([found.largestEigenvalue], [4.5 + 2.0.squareRoot()]) < 1e-14)
    #expect(
      relativeError(
        [found.conditionNumber], [(4.5 + 2.0.squareRoot()) / (4.5 - 2.0.squareRoot())]) < 1e-14)
    // Of Θ, whose largest eigenvalue is 3 + √2; y has two numbers.
    let rate = found.largestStableLearningRate(entries: 2, momentum: 0.5)
    #expect(relativeError([rate], [6 / (3 + 2.0.squareRoot())]) < 1e-14)
  }

  /// Θ = diag(1, 4), three outputs, so that n = 6: every example on its own.
  @Test func diagonalByHand() throws {
    let kernel = KernelMatrix([1, 0, 0, 4], rowCount: 2, columnCount: 2)
    let (y, f0) = ([1.0, 2, 3, -1, 0, 2], [0.5, 0, -1, 2, 2, 2])
    let flow = try GradientFlow(
      kernel, ridge: 0, targets: y, learningRate: 3, times: [2], by: LAPACK())
    let cross = KernelMatrix([0.5, -2], rowCount: 1, columnCount: 2)
    let left = [exp(-1.0), exp(-4.0)]
    let gap = zip(y, f0).map { $0 - $1 }
    let train = (0..<6).map { f0[$0] + (1 - left[$0 / 3]) * gap[$0] }
    #expect(relativeError(try flow.train(from: f0, at: 2), train) < 1e-15)
    let start = [7.0, 8, 9]
    let weights = [0.5 * (1 - left[0]), -2 * (1 - left[1]) / 4]
    let test = (0..<3).map { start[$0] + weights[0] * gap[$0] + weights[1] * gap[3 + $0] }
    #expect(relativeError(try flow.test(cross, from: (f0, start), at: 2), test) < 1e-15)
  }

  /// A kernel of O×O numbers for a pair: Θ ⊗ I predicts what Θ does.
  @Test func outputsTogether() throws {
    let (n, m, o) = (4, 3, 2)
    let (train, cross) = (Self.kernel(n, n, seed: 1), sample(m * n, seed: 2))
    let y = sample(n * o, seed: 3)
    func tensor(_ kernel: [Double]) -> [Double] {
      (0..<kernel.count * o * o).map { cell in
        let (row, column) = (cell / (n * o), cell % (n * o))
        return row % o == column % o ? kernel[row / o * n + column / o] : 0
      }
    }
    let shared = try GradientFlow(
      KernelMatrix(train, rowCount: n, columnCount: n), ridge: 1e-3, targets: y,
      times: [1, .infinity], by: LAPACK())
    let flow = try GradientFlow(
      KernelMatrix(tensor(train), rowCount: n, columnCount: n, block: o), ridge: 1e-3,
      targets: y, times: [1, .infinity], by: LAPACK())
    let fullCross = KernelMatrix(tensor(cross), rowCount: m, columnCount: n, block: o)
    for time in [1, .infinity] {
      #expect(
        relativeError(
          try flow.test(fullCross, at: time),
          try shared.test(KernelMatrix(cross, rowCount: m, columnCount: n), at: time)) < 1e-12)
    }
  }

  // MARK: Limits

  /// t → 0 is the start, t → ∞ the solve, whatever the start was.
  @Test func limits() throws {
    let (n, m, o) = (6, 4, 2)
    let kernel = KernelMatrix(Self.kernel(n, n, seed: 5), rowCount: n, columnCount: n)
    let cross = KernelMatrix(sample(m * n, seed: 6), rowCount: m, columnCount: n)
    let (y, f0, start) = (
      sample(n * o, seed: 7), sample(n * o, seed: 8), sample(m * o, seed: 9)
    )
    let times = [0, 1e-9, 1e9, .infinity]
    let flow = try GradientFlow(kernel, ridge: 0, targets: y, times: times, by: LAPACK())
    let solved = try GradientFlow(
      kernel, ridge: 0, targets: y, times: [.infinity], by: LAPACK())
    func test(_ flow: GradientFlow, _ t: Double) throws -> [Double] {
      try flow.test(cross, from: (f0, start), at: t)
    }
    #expect(try flow.train(from: f0, at: 0) == f0)
    #expect(try test(flow, 0) == start)
    #expect(relativeError(try test(flow, 1e-9), start) < 1e-8)
    #expect(relativeError(try test(flow, 1e9), try test(solved, .infinity)) < 1e-9)
    #expect(relativeError(try test(flow, .infinity), try test(solved, .infinity)) < 1e-9)
    #expect(relativeError(try flow.train(from: f0, at: 1e9), y) < 1e-9)
    #expect(try flow.train(from: f0, at: .infinity) == y)
    // Covariances fall from the prior.
    let prior = KernelMatrix(Self.kernel(m, m, seed: 10), rowCount: m, columnCount: m)
    let blocks = TrainTestKernel(train: kernel, cross: cross, test: prior)
    #expect(try flow.gaussianProcess(blocks, at: 0).covariance == prior.values)
    #expect(try flow.ensemble(cross, start: blocks, at: 0).covariance == prior.values)
    #expect(
      relativeError(
        try flow.gaussianProcess(blocks, at: .infinity).covariance!,
        try solved.gaussianProcess(blocks, at: .infinity).covariance!) < 1e-9)
    // With K for Θ both are the same process.
    #expect(
      relativeError(
        try solved.ensemble(cross, start: blocks, at: .infinity).covariance!,
        try solved.gaussianProcess(blocks, at: .infinity).covariance!) < 1e-9)
  }

  /// X Xᵀ + I/10
  static func kernel(_ rows: Int, _ columns: Int, seed: UInt64) -> [Double] {
    let x = sample(rows * rows, seed: seed)
    return (0..<rows * columns).map { cell in
      let (i, j) = (cell / columns, cell % columns)
      return (i == j ? 0.1 : 0)
        + (0..<rows).reduce(0) { $0 + x[i * rows + $1] * x[j * rows + $1] }
    }
  }
}
