import Compute
import Maclaurin
import TestSupport
import Testing

@testable import GaussianProcesses

@BackendActor @Suite struct KrylovLikelihoodTests {
  private static let points = [(1.0, 0.3), (0.3, 0.05), (2, 1)].map {
    GaussianHyperparameters(priorStd: $0.0, noiseStd: $0.1)
  }

  private func system(
    _ settings: IterativeSettings, _ examples: Int = 30
  ) throws -> KernelSystem {
    let backend = try BackendUnderTest.openblas2.backend()
    let process = try ProcessUnderTest([3, 8, 8, 2], examples: examples)
    return try KernelSystem(
      process.model(backend), Observations(process.inputs(backend), targets: process.targets),
      settings, by: LAPACK())
  }

  @Test func againstCholesky() throws {
    let system = try system(IterativeSettings(tolerance: 1e-10, probes: 40, lanczosSteps: 60))
    let kernel = try system.model.kernelMatrix(system.inputs)
    let likelihood = try system.likelihood()
    #expect(likelihood.probes.count == 40)
    for point in Self.points {
      var matrix = kernel.map { $0 * point.priorVariance }
      for i in 0..<60 { matrix[i * 61] += point.noiseVariance }
      let factor = try #require(try CholeskyFactor(matrix, 60, by: LAPACK()))
      let half = try factor.halfSolve(rows: system.residuals)
      let estimate = likelihood.estimate(point)
      #expect(abs(estimate.quadraticForm / inner(half, half) - 1) < 1e-8)
      let error = estimate.logDeterminant - factor.logDeterminant
      #expect(abs(error) <= 3 * estimate.logDeterminantStandardError)
      #expect(estimate.logDeterminantStandardError < 0.2 * abs(factor.logDeterminant))
      // Derivatives by differences.
      func value(_ prior: Double, _ noise: Double) -> Double {
        likelihood.estimate(
          GaussianHyperparameters(
            priorStd: point.priorStd * prior, noiseStd: point.noiseStd * noise)
        ).value
      }
      let (up, down) = (1.0001, 0.9999)
      let step = 2 * 0.0001
      let prior = (value(up, 1) - value(down, 1)) / step
      let noise = (value(1, up) - value(1, down)) / step
      #expect(abs(prior - estimate.priorGradient) <= 1e-5 * max(1, abs(prior)))
      #expect(abs(noise - estimate.noiseGradient) <= 1e-5 * max(1, abs(noise)))
      let posterior = try IterativePosterior(system, point)
      let whole = try posterior.logMarginalLikelihood()
      let expected =
        -0.5 * (inner(half, half) + factor.logDeterminant + 60 * 1.8378770664093453)
      #expect(abs(whole.value - expected) <= 1.5 * estimate.logDeterminantStandardError + 1e-6)
    }
  }

  /// The likelihood there is as large as where it is largest, to what the probes leave open.
  @Test func hyperparametersAreNearTheExactOnes() throws {
    let system = try system(IterativeSettings(probes: 100, lanczosSteps: 40), 20)
    let exact = try MarginalLikelihood(
      kernel: system.model.kernelMatrix(system.inputs), residuals: system.residuals,
      by: LAPACK())
    let best = try exact.maximum()
    let search = try system.likelihood().maximum()
    let reached = try #require(exact.value(search.hyperparameters)).logLikelihood
    let error = try system.likelihood().estimate(search.hyperparameters)
      .logDeterminantStandardError
    #expect(reached >= best.logMarginalLikelihood - 3 * error)
    #expect(reached <= best.logMarginalLikelihood + 1e-6)
    #expect(error < 2)
  }

  @Test func pivotedCholesky() throws {
    let system = try system(IterativeSettings())
    let kernel = try system.model.kernelMatrix(system.inputs)
    let trace = (0..<60).reduce(0) { $0 + kernel[$1 * 61] }
    var last = 1.0
    for rank in [1, 5, 23, 60] {
      let low = try PivotedCholesky(system.products, rank: rank, by: LAPACK())
      #expect(low.rank == rank)
      let product = try LAPACK().product(
        low.rows, transposed: true, low.rows, transposed: false, m: 60, k: rank, n: 60)
      let left = (0..<60).reduce(0) { $0 + kernel[$1 * 61] - product[$1 * 61] }
      #expect(abs(left / trace - low.remainder) < 1e-10)
      #expect(low.remainder < last)
      last = low.remainder
      if rank == 60 { #expect(relativeError(product, kernel) < 1e-9) }
    }
    // Rows in both ways.
    let x = system.inputs.rows(3..<8)
    let rows = try system.model.kernelRowsByProducts(x, system.inputs)
    #expect(relativeError(rows, try system.model.kernelMatrix(x, system.inputs)) < 1e-12)
  }
}
