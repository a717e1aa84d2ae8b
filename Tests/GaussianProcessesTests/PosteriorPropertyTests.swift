import Compute
import Glibc
import Maclaurin
import TangentKernels
import TestSupport
import Testing

@testable import GaussianProcesses

/// What holds of any posterior.
@BackendActor @Suite struct PosteriorPropertyTests {
  /// Variances are never negative, and no further example makes one larger.
  @Test(arguments: [ScalarType.float64, .float32])
  func variancesShrink(_ type: ScalarType) throws {
    let problem = try Problem(type: type)
    let (all, test) = (
      try problem.observations(30, seed: 1), try problem.inputs(12, seed: 2)
    )
    var before = try problem.model.priorCovariance(test, .variances).map { 0.36 * $0 }
    for count in [1, 2, 5, 11, 30] {
      let posterior = try problem.posterior(
        all.selecting(Array(0..<count), on: problem.backend), noise: type == .float64 ? 1e-4 : 0.05)
      let variances = try #require(try posterior.predict(test, .variances).variances)
      let rounding = type == .float64 ? 1e-8 : 1e-4
      for (now, earlier) in zip(variances, before) {
        #expect(now >= 0 && now <= earlier + rounding * before[0])
      }
      before = variances
      // At the examples themselves nothing but noise is left.
      let own = try #require(
        try posterior.predict(
          problem.backend.matrix(
            count, 4, type, problem.backend.download(all.inputs.rows(0..<count))), .variances
        ).variances)
      let noise = posterior.hyperparameters.noiseStd
      #expect(own.allSatisfy { $0 >= 0 && $0 <= noise * noise + rounding * before[0] })
    }
  }

  /// As the noise goes to 0 the mean goes through the targets, with an error of the order of σ².
  @Test func interpolation() throws {
    let problem = try Problem()
    let observations = try problem.observations(8, seed: 3)
    var errors: [Double] = []
    for noise in [1e-2, 1e-3, 0] {
      let mean = try problem.posterior(observations, noise: noise)
        .predict(observations.inputs, .none).mean
      errors.append(relativeError(mean, observations.targets))
    }
    #expect(errors[0] < 0.1 && errors[0] > 1e-9)
    #expect(errors[1] < 0.011 * errors[0])
    #expect(errors[2] < 1e-9)
  }

  /// The linearised network trained by gradient flow to t = ∞ with the ridge σ²/σp², as n grows.
  @Test(arguments: [2, 9, 25])
  func gradientFlow(_ count: Int) throws {
    let problem = try Problem()
    let (observations, test) = (
      try problem.observations(count, seed: 4), try problem.inputs(7, seed: 5)
    )
    let (o, model) = (problem.network.outputCount, problem.model)
    let kernel = KernelMatrix(
      try model.kernelMatrix(observations.inputs), rowCount: count, columnCount: count, block: o)
    let size = count * o
    let mean = (0..<size).reduce(0) { $0 + kernel.values[$1 * size + $1] } / Double(size)
    for (prior, noise) in [(0.6, 0.2), (0.6, 1e-2), (2, 1e-2)] {
      let flow = try GradientFlow(
        kernel, ridge: noise * noise / (prior * prior) / mean, targets: observations.targets,
        times: [.infinity], by: LAPACK())
      let cross = KernelMatrix(
        try model.kernelMatrix(test, observations.inputs), rowCount: 7, columnCount: count,
        block: o)
      let start = (try model.mean(observations.inputs), try model.mean(test))
      // Outputs are columns of their own there, and all of one column here.
      let expected = try flow.test(cross, from: start, at: .infinity)
      let found = try problem.posterior(observations, prior: prior, noise: noise)
        .predict(test, .none).mean
      #expect(relativeError(found, expected) < 1e-8)
    }
  }

  /// More examples, in one go or in two, are as if they had been there from the beginning.
  @Test func appended() throws {
    let problem = try Problem()
    let (all, test) = (try problem.observations(17, seed: 6), try problem.inputs(5, seed: 8))
    func part(_ rows: Range<Int>) throws -> Observations {
      try all.selecting(Array(rows), on: problem.backend)
    }
    let whole = try problem.posterior(all)
    let grown = try problem.posterior(part(0..<9)).appended(part(9..<10))
      .appended(part(10..<17))
    #expect(relativeError(grown.weights, whole.weights) < 1e-10)
    #expect(abs(grown.logMarginalLikelihood - whole.logMarginalLikelihood) < 1e-10)
    #expect(try #require(grown.relativeResidual) < 1e-13)
    let (a, b) = (try grown.predict(test, .full), try whole.predict(test, .full))
    #expect(relativeError(a.mean, b.mean) < 1e-10)
    #expect(relativeError(a.covariance, b.covariance) < 1e-10)
    #expect(
      relativeError(try grown.leaveOneOut().residuals, try whole.leaveOneOut().residuals) < 1e-10)
    // A posterior that was kept has the same numbers.
    let kept = try ExactPosterior(
      whole.model, whole.hyperparameters, inputs: whole.inputs, residuals: whole.residuals,
      factor: CholeskyFactor(values: whole.factor.values, 34, by: LAPACK()))
    #expect(try kept.predict(test, .full) == b)
    #expect(kept.relativeResidual == nil)
    // 8·(N² + (N + M)² + 2NM) bytes of N = 10 and M = 2 outputs.
    let five = try problem.posterior(part(0..<5))
    _ = try five.appended(part(5..<6), memory: 2272)
    do {
      _ = try five.appended(part(5..<6), memory: 2271)
      Issue.record("they suffice")
    } catch {
      #expect("\(error)".contains("--solver cg"))
    }
    // One that is there already.
    #expect(throws: GaussianProcessError.self) {
      try problem.posterior(part(0..<5), noise: 0).appended(part(2..<3))
    }
  }

  /// Against learning from all examples but one.
  @Test(arguments: [1, 3])
  func leaveOneOut(_ outputs: Int) throws {
    let problem = try Problem(outputs: outputs)
    let all = try problem.observations(7, seed: 9)
    let posterior = try problem.posterior(all)
    let found = try posterior.leaveOneOut()
    var (residuals, variances, densities): ([Double], [Double], [Double]) = ([], [], [])
    for left in 0..<7 {
      let others = try problem.posterior(
        all.selecting((0..<7).filter { $0 != left }, on: problem.backend))
      let one = try all.selecting([left], on: problem.backend)
      let outcome = try others.predict(one.inputs, .blocks)
      residuals += zip(one.targets, outcome.mean).map { $0 - $1 }
      variances += try #require(outcome.variances).map { $0 + 0.04 }
      // log p(y) − log p(all others).
      densities.append(posterior.logMarginalLikelihood - others.logMarginalLikelihood)
      #expect(
        abs(outcome.logDensities(one.targets, noiseStd: 0.2)[0] - densities[left]) < 1e-10)
    }
    #expect(relativeError(found.residuals, residuals) < 1e-10)
    #expect(relativeError(found.variances, variances) < 1e-10)
    #expect(relativeError(found.logDensities, densities) < 1e-10)
    let square = residuals.reduce(0) { $0 + $1 * $1 } / Double(residuals.count)
    #expect(abs(found.rootMeanSquare - square.squareRoot()) < 1e-12)
    #expect(
      abs(found.negativeLogDensity + densities.reduce(0, +) / Double(7 * outputs)) < 1e-12)
  }

  /// Tiles of any size are the same matrix, bit for bit.
  @Test func tiles() throws {
    let problem = try Problem()
    let (x, y) = (try problem.inputs(11, seed: 10), try problem.inputs(5, seed: 11))
    let square = try problem.model.kernelMatrix(x)
    let rectangle = try problem.model.kernelMatrix(x, y)
    for bytes in [1, 8 * 36, 8 * 100] {
      var count = 0
      let cut = try problem.model.kernelMatrix(x, nil, tileBytes: bytes) { count = max($1, count) }
      #expect(bits(cut) == bits(square) && count > 1)
      #expect(
        bits(try problem.model.kernelMatrix(x, y, tileBytes: bytes, progress: { _, _ in }))
          == bits(rectangle))
    }
    for i in 0..<22 { for j in 0..<i { #expect(square[i * 22 + j] == square[j * 22 + i]) } }
  }

  // MARK: Samples

  /// Means and covariances of many samples, within five of their standard errors.
  @Test func samples() throws {
    let problem = try Problem()
    let posterior = try problem.posterior(problem.observations(5, seed: 12))
    let outputs = try posterior.predict(problem.inputs(3, seed: 13), .full)
    let (count, size) = (20_000, 6)
    let (values, jitter) = try outputs.samples(
      count, seed: 3, on: problem.backend, by: LAPACK())
    #expect(jitter == 0 && values.count == count * size)
    func covariance(_ i: Int, _ j: Int) -> Double { outputs.covariance[i * size + j] }
    for i in 0..<size {
      let mean = (0..<count).reduce(0) { $0 + values[$1 * size + i] } / Double(count)
      #expect(abs(mean - outputs.mean[i]) < 5 * (covariance(i, i) / Double(count)).squareRoot())
      for j in 0...i {
        let product =
          (0..<count).reduce(0) {
            $0 + (values[$1 * size + i] - outputs.mean[i])
              * (values[$1 * size + j] - outputs.mean[j])
          } / Double(count)
        let error = covariance(i, i) * covariance(j, j) + covariance(i, j) * covariance(i, j)
        #expect(
          abs(product - covariance(i, j)) < 5 * (error / Double(count)).squareRoot())
      }
    }
    let few = try outputs.samples(3, seed: 3, on: problem.backend, by: LAPACK()).values
    #expect(few == Array(values[..<18]))
    #expect(try outputs.samples(3, seed: 4, on: problem.backend, by: LAPACK()).values != few)
  }

  /// What is known exactly does not vary; what varies together does so in every sample.
  @Test func singularSamples() throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let known = GaussianOutputs(
      outputs: 1, mean: [1, 2], .full, [Double](repeating: 0, count: 4))
    #expect(
      try known.samples(2, seed: 0, on: backend, by: LAPACK()).values == [1, 2, 1, 2])
    let together = GaussianOutputs(
      outputs: 1, mean: [0, 0, 0], .full, [1, 2, 0, 2, 4, 0, 0, 0, 0])
    let (values, jitter) = try together.samples(50, seed: 1, on: backend, by: LAPACK())
    #expect(jitter > 0 && jitter < 1e-10)
    for sample in 0..<50 {
      let (a, b) = (values[3 * sample], values[3 * sample + 1])
      #expect(abs(b - 2 * a) < 1e-4 && abs(values[3 * sample + 2]) < 1e-4)
    }
    #expect(throws: GaussianProcessError.self) {
      try GaussianOutputs(outputs: 1, mean: [0, 0], .full, [1, 2, 2, 1])
        .samples(1, seed: 0, on: backend, by: LAPACK())
    }
  }

  /// log p of several outputs by the formula for two.
  @Test func densities() {
    let outputs = GaussianOutputs(
      outputs: 2, mean: [1, -1], .blocks, [2, 0.5, 0.5, 1])
    let (a, b, c) = (2 + 0.25, 0.5, 1 + 0.25)
    let determinant = a * c - b * b
    let (x, y) = (0.5, 2.0)
    let square = (c * x * x - 2 * b * x * y + a * y * y) / determinant
    let expected = -0.5 * square - 0.5 * log(determinant) - log(2 * Double.pi)
    #expect(abs(outputs.logDensities([1.5, 1], noiseStd: 0.5)[0] - expected) < 1e-13)
    let known = GaussianOutputs(outputs: 1, mean: [0], .variances, [0])
    #expect(known.logDensities([1], noiseStd: 0) == [-.infinity])
  }
}
