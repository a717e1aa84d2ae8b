import Compute
import GaussianProcesses
import Maclaurin
import Networks
import TestSupport
import Testing

/// Golden cases computed with explicit Jacobians.
struct ExactPosteriorTests {
  @Test(arguments: ["empirical-mlp", "empirical-cnn"])
  func goldenPosterior(_ name: String) async throws {
    let golden = try GoldenCase(name)
    _ = try await BackendUnderTest.onEach { backend in
      let network = golden.network
      let center = try backend.matrix(
        1, network.parameterCount, .float64, golden.parameters("theta0."))
      let x1 = try backend.matrix(
        golden.shape("x1")[0], network.inputCount, .float64, golden.values("x1"))
      let x2 = try backend.matrix(
        golden.shape("x2")[0], network.inputCount, .float64, golden.values("x2"))
      let model = LinearizedNetwork(network, at: center, on: backend)
      let posterior = try ExactPosterior(
        model, Observations(x1, targets: golden.values("y")),
        GaussianHyperparameters(
          priorStd: golden.values("gp.prior_std")[0], noiseStd: golden.values("gp.noise_std")[0]),
        by: LAPACK())
      let likelihood = try golden.values("gp.log_marginal_likelihood")[0]
      #expect(abs(posterior.logMarginalLikelihood - likelihood) < 1e-9 * abs(likelihood))
      #expect(try #require(posterior.relativeResidual) < 1e-12)
      let full = try posterior.predict(x2, .full)
      let covariance = try golden.values("gp.cov")
      #expect(relativeError(full.mean, try golden.values("gp.mean")) < 1e-9)
      #expect(relativeError(full.covariance, covariance) < 1e-9)
      // The other forms are parts of it.
      let (o, size) = (network.outputCount, full.mean.count)
      let variances = try posterior.predict(x2, .variances)
      #expect(
        relativeError(variances.covariance, (0..<size).map { covariance[$0 * size + $0] }) < 1e-9)
      let blocks = try posterior.predict(x2, .blocks)
      var expected: [Double] = []
      for i in 0..<size {
        let first = i * size + i / o * o
        expected += covariance[first..<(first + o)]
      }
      #expect(relativeError(blocks.covariance, expected) < 1e-9)
    }
  }

  /// Two equal examples with different targets and no noise: K is singular, and stays so with rounding of
  /// many units in its last place.
  @Test(arguments: [0.0, 4, 16, 64, 1024])
  @BackendActor func singularUpToRounding(_ units: Double) throws {
    let problem = try Problem(outputs: 1)
    let four = try problem.observations(4, seed: 3)
    let twice = Observations(
      try four.selecting([0, 1, 2, 0], on: problem.backend).inputs, targets: four.targets)
    var kernel = try problem.model.kernelMatrix(twice.inputs)
    kernel[15] *= 1 + units * 0x1p-52
    let error = #expect(throws: GaussianProcessError.self) {
      try ExactPosterior(
        problem.model, twice, GaussianHyperparameters(priorStd: 1, noiseStd: 0), kernel: kernel,
        by: LAPACK())
    }
    #expect(
      error?.description.contains("examples 0 and 3 are the same") == true, "\(error as Any)")
    // Apart from that it is not.
    _ = try problem.posterior(four, noise: 0)
    _ = try problem.posterior(twice, noise: 0.1)
  }
}
