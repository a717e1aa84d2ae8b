import Compute
import GaussianProcesses
import Maclaurin
import TestSupport
import Testing

@BackendActor @Suite struct IterativePosteriorTests {
  private static let hyperparameters = GaussianHyperparameters(priorStd: 0.7, noiseStd: 0.1)
  private static let tight = IterativeSettings(tolerance: 1e-10, preconditionerRank: 7)

  /// Function space with and without a preconditioner, parameter space, and Cholesky's factorization.
  @Test(arguments: [false, true])
  func solversAgree(_ isScaled: Bool) throws {
    let scales: [Double]? = isScaled ? [0.5, 0, 2, 1.5, 0.3, 1] : nil
    let process = try ProcessUnderTest([3, 8, 8, 2], examples: 14, testExamples: 3)
    let backend = try BackendUnderTest.openblas2.backend()
    let model = try process.model(backend, scales: scales)
    let (x, test) = (try process.inputs(backend), try process.testInputs(backend))
    let observations = Observations(x, targets: process.targets)
    let algebra = try LAPACK()
    let exact = try ExactPosterior(model, observations, Self.hyperparameters, by: algebra)
    var found: [any Posterior] = []
    for rank in [0, 7, 28] {
      var settings = Self.tight
      settings.preconditionerRank = rank
      let posterior = try IterativePosterior(
        model, observations, Self.hyperparameters, settings, by: algebra)
      #expect(posterior.outcome.isConverged && posterior.outcome.residual <= 1e-10)
      if rank == 28 { #expect(posterior.outcome.iterations <= 3) }
      found.append(posterior)
    }
    let space = try ParameterSpacePosterior(
      model, observations, Self.hyperparameters, Self.tight, by: algebra)
    #expect(space.outcome.isConverged)
    found.append(space)
    for form in CovarianceForm.allCases {
      let expected = try exact.predict(test, form)
      for posterior in found {
        let result = try posterior.predict(test, form)
        #expect(relativeError(result.mean, expected.mean) < 1e-6)
        #expect(relativeError(result.covariance, expected.covariance) < 1e-6)
        #expect(result.variances?.allSatisfy { $0 >= 0 } ?? true)
      }
    }
    let product = exact.residuals.indices.reduce(0) {
      $0 + exact.residuals[$1] * exact.weights[$1]
    }
    for value in [(found[1] as? IterativePosterior)?.quadraticForm, space.quadraticForm] {
      #expect(abs((value ?? 0) / product - 1) < 1e-8)
    }
  }

  /// A Krylov space is a bound from above that becomes exact when it is all.
  @Test func lanczosVariancesAreBounds() throws {
    let process = try ProcessUnderTest([3, 8, 8, 2], examples: 15)
    let backend = try BackendUnderTest.openblas2.backend()
    let model = try process.model(backend)
    let (x, test) = (try process.inputs(backend), try process.testInputs(backend))
    let observations = Observations(x, targets: process.targets)
    let algebra = try LAPACK()
    let exact = try ExactPosterior(model, observations, Self.hyperparameters, by: algebra)
      .predict(test, .full)
    let prior = try model.kernelMatrix(test)
    var last = [Double](repeating: .infinity, count: exact.mean.count)
    for steps in [1, 3, 30] {
      var settings = Self.tight
      (settings.lanczosSteps, settings.variances) = (steps, .lanczos)
      let result = try IterativePosterior(
        model, observations, Self.hyperparameters, settings, by: algebra
      ).predict(test, .full)
      let (values, variances) = (result.variances!, exact.variances!)
      for i in values.indices {
        #expect(values[i] >= variances[i] - 1e-10)
        #expect(values[i] <= 0.49 * prior[i * values.count + i] + 1e-10)
        #expect(values[i] <= last[i] + 1e-10)
      }
      last = values
      if steps == 30 { #expect(relativeError(result.covariance, exact.covariance) < 1e-6) }
    }
  }

  /// With products in float32 what is reported is what a kernel in float64 finds of the solution.
  @Test func residualsAreTrue() throws {
    let process = try ProcessUnderTest([3, 16, 16, 2], examples: 40)
    let backend = try BackendUnderTest.openblas2.backend()
    let model = try process.model(backend, .float32)
    let x = try process.inputs(backend, .float32)
    let observations = Observations(x, targets: process.targets)
    let wide = try process.model(backend)
    let kernel = try wide.kernelMatrix(backend.matrix(40, 3, .float64, backend.download(x)))
    for noise in [0.3, 0.003] {
      let posterior = try IterativePosterior(
        model, observations, GaussianHyperparameters(priorStd: 1, noiseStd: noise),
        IterativeSettings(preconditionerRank: 20), by: LAPACK())
      let right = try model.residuals(observations)
      let left = right.indices.map { i in
        right[i] - noise * noise * posterior.weights[i]
          - right.indices.reduce(0) { $0 + kernel[i * 80 + $1] * posterior.weights[$1] }
      }
      let residual = norm(left) / norm(right)
      // Rounding of the weights and of a product: a few units of float32 times ‖K‖‖α‖/‖y‖.
      let slack = 16 * 0x1p-24 * norm(kernel) * norm(posterior.weights) / norm(right)
      #expect(abs(residual - posterior.outcome.residual) <= slack)
      #expect(posterior.outcome.isConverged == (posterior.outcome.residual <= 1e-5))
      if noise == 0.3 { #expect(posterior.outcome.isConverged) }
    }
  }

  @Test func whatIsNotSolved() throws {
    let process = try ProcessUnderTest([3, 8, 8, 2], examples: 14, testExamples: 3)
    let backend = try BackendUnderTest.openblas1.backend()
    let model = try process.model(backend)
    let observations = Observations(try process.inputs(backend), targets: process.targets)
    let algebra = try LAPACK()
    let settings = IterativeSettings(tolerance: 1e-10, limit: 3, preconditionerRank: 0)
    let cg = try IterativePosterior(
      model, observations, Self.hyperparameters, settings, by: algebra)
    let space = try ParameterSpacePosterior(
      model, observations, Self.hyperparameters, settings, by: algebra)
    for outcome in [cg.outcome, space.outcome] {
      #expect(!outcome.isConverged && outcome.iterations == 3 && outcome.residual > 1e-10)
    }
    let none = GaussianHyperparameters(priorStd: 1, noiseStd: 0)
    #expect(throws: GaussianProcessError.self) {
      try IterativePosterior(model, observations, none, by: algebra)
    }
    #expect(throws: GaussianProcessError.self) {
      try ParameterSpacePosterior(model, observations, none, by: algebra)
    }
    // Targets that the prior's mean fits.
    let mean = try model.mean(observations.inputs)
    let fitted = try IterativePosterior(
      model, Observations(observations.inputs, targets: mean), Self.hyperparameters, settings,
      by: algebra)
    #expect(fitted.outcome.isConverged && fitted.outcome.iterations == 0)
    let test = try process.testInputs(backend)
    #expect(try fitted.predict(test, .none).mean == model.mean(test))
  }
}
