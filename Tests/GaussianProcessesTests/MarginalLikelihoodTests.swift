import Compute
import Glibc
import Maclaurin
import TangentKernels
import TestSupport
import Testing

@testable import GaussianProcesses

/// Values against the factorization, gradients against differences, maxima against grids and closed
/// forms.
@BackendActor @Suite struct MarginalLikelihoodTests {
  private func matrix(_ n: Int, _ entry: (Int, Int) -> Double) -> [Double] {
    (0..<n * n).map { entry($0 / n, $0 % n) }
  }

  private func point(_ prior: Double, _ noise: Double) -> GaussianHyperparameters {
    GaussianHyperparameters(priorStd: exp(prior), noiseStd: exp(noise))
  }

  @Test(arguments: [1, 2, 23])
  func valuesAndGradients(_ count: Int) throws {
    let problem = try Problem(outputs: count == 1 ? 1 : 2)
    let observations = try problem.observations(count, seed: 1)
    let likelihood = try MarginalLikelihood(
      kernel: problem.model.kernelMatrix(observations.inputs),
      residuals: problem.model.residuals(observations), by: LAPACK())
    for (prior, noise) in [(-0.5, -1.0), (0.7, -3.0), (-3, 0.5)] {
      let value = try #require(likelihood.value(point(prior, noise)))
      let posterior = try problem.posterior(observations, prior: exp(prior), noise: exp(noise))
      let expected = posterior.logMarginalLikelihood
      #expect(abs(value.logLikelihood - expected) < 1e-10 * abs(expected))
      let h = 1e-5
      func difference(_ dp: Double, _ ds: Double) throws -> Double {
        let above = try #require(likelihood.value(point(prior + dp, noise + ds)))
        let below = try #require(likelihood.value(point(prior - dp, noise - ds)))
        return (above.logLikelihood - below.logLikelihood) / (2 * h)
      }
      let size = max(1, abs(value.priorGradient), abs(value.noiseGradient))
      #expect(abs(value.priorGradient - (try difference(h, 0))) < 1e-6 * size)
      #expect(abs(value.noiseGradient - (try difference(0, h))) < 1e-6 * size)
    }
  }

  /// No point of a fine grid is higher, and the gradient is 0.
  @Test func maximumOverAGrid() throws {
    let problem = try Problem()
    var observations = try problem.observations(25, seed: 2)
    // A draw from the process with σp = 0.5 and noise.
    let w = try problem.backend.matrix(
      1, problem.network.parameterCount, .float64,
      sample(problem.network.parameterCount, seed: 3).map { 0.5 * $0 * 3.0.squareRoot() })
    let drawn = try problem.backend.download(problem.model.push(w, observations.inputs))
    let mean = try problem.model.mean(observations.inputs)
    for index in drawn.indices {
      observations.targets[index] = mean[index] + drawn[index] + 0.1 * observations.targets[index]
    }
    let likelihood = try MarginalLikelihood(
      kernel: problem.model.kernelMatrix(observations.inputs),
      residuals: problem.model.residuals(observations), by: LAPACK())
    let found = try likelihood.maximum()
    let best = found.hyperparameters
    #expect(found.bounds.isEmpty && best.priorStd > 0.25 && best.priorStd < 1)
    #expect(best.noiseStd > 0.02 && best.noiseStd < 0.1)
    let value = try #require(likelihood.value(best))
    #expect(value.logLikelihood == found.logMarginalLikelihood)
    let limit = 1e-6 * abs(value.logLikelihood)
    #expect(abs(value.priorGradient) < limit && abs(value.noiseGradient) < limit)
    var highest = -Double.infinity
    for i in -30...30 {
      for j in -30...30 {
        let (p, s) = (log(best.priorStd) + 0.1 * Double(i), log(best.noiseStd) + 0.1 * Double(j))
        highest = max(highest, likelihood.value(point(p, s))?.logLikelihood ?? highest)
      }
    }
    #expect(highest <= found.logMarginalLikelihood + 1e-9)
    // One of the two held: no point of a line is higher.
    let held = try likelihood.maximum(noiseStd: 0.2)
    #expect(held.hyperparameters.noiseStd == 0.2)
    let other = try likelihood.maximum(priorStd: 0.5)
    #expect(other.hyperparameters.priorStd == 0.5 && other.bounds.isEmpty)
    for i in -200...200 {
      let shift = 0.02 * Double(i)
      let prior = log(held.hyperparameters.priorStd) + shift
      #expect(
        likelihood.value(point(prior, log(0.2)))?.logLikelihood ?? -.infinity
          <= held.logMarginalLikelihood + 1e-9)
      let noise = log(other.hyperparameters.noiseStd) + shift
      #expect(
        likelihood.value(point(log(0.5), noise))?.logLikelihood ?? -.infinity
          <= other.logMarginalLikelihood + 1e-9)
    }
  }

  /// K = cI: σp²c + σ² = ‖r‖²/N.
  @Test func closedForm() throws {
    let (n, c) = (12, 3.0)
    let residuals = sample(n, seed: 5)
    let v = inner(residuals, residuals) / Double(n)
    let likelihood = try MarginalLikelihood(
      kernel: matrix(n) { $0 == $1 ? c : 0 }, residuals: residuals, by: LAPACK())
    let highest = -0.5 * Double(n) * (1 + log(2 * Double.pi * v))
    let noise = 0.3 * v.squareRoot()
    let prior = try likelihood.maximum(noiseStd: noise)
    #expect(abs(prior.hyperparameters.priorStd - ((v - noise * noise) / c).squareRoot()) < 1e-7)
    #expect(abs(prior.logMarginalLikelihood - highest) < 1e-10)
    let std = 0.4 * (v / c).squareRoot()
    let other = try likelihood.maximum(priorStd: std)
    #expect(abs(other.hyperparameters.noiseStd - (v - std * std * c).squareRoot()) < 1e-7)
    #expect(abs(other.logMarginalLikelihood - highest) < 1e-10)
    #expect(abs(try likelihood.maximum().logMarginalLikelihood - highest) < 1e-10)
    // More noise than there is to explain: the prior goes down to its bound.
    let bounded = try likelihood.maximum(noiseStd: 2 * v.squareRoot())
    #expect(bounded.bounds == ["the lower bound of --prior-std"])
    #expect(abs(bounded.hyperparameters.priorStd / (1e-4 * (v / c).squareRoot()) - 1) < 1e-9)
  }

  /// Layers whose outputs do not meet: σ_l² + σ² is the mean square of each one's share.
  @Test func closedFormOfLayers() throws {
    let (n, half) = (10, 4)
    let residuals = sample(n, seed: 6).enumerated().map {
      $0.offset < half ? $0.element : 5 * $0.element
    }
    let kernels = [
      matrix(n) { $0 == $1 && $0 < half ? 1 : 0 }, matrix(n) { $0 == $1 && $0 >= half ? 2 : 0 },
    ]
    let likelihood = LayeredMarginalLikelihood(
      kernels: kernels, residuals: residuals, by: try LAPACK())
    let (stds, search) = try likelihood.maximum(noiseStd: 0.1, layers: ["a", "b"])
    let (first, second) = (residuals[..<half], residuals[half...])
    let v1 = first.reduce(0) { $0 + $1 * $1 } / 4
    let v2 = second.reduce(0) { $0 + $1 * $1 } / 6
    #expect(abs(stds[0] - (v1 - 0.01).squareRoot()) < 1e-5)
    #expect(abs(stds[1] - ((v2 - 0.01) / 2).squareRoot()) < 1e-5)
    #expect(stds[2] == 0.1 && search.hyperparameters.priorStd == max(stds[0], stds[1]))
  }

  @Test func layers() throws {
    let problem = try Problem()
    let observations = try problem.observations(9, seed: 7)
    let parts = problem.model.layers
    #expect(parts.map(\.name) == ["layers.0", "layers.2"])
    let kernels = try parts.map {
      try problem.model.replacing(scales: $0.scales).kernelMatrix(observations.inputs)
    }
    let residuals = try problem.model.residuals(observations)
    let layered = LayeredMarginalLikelihood(
      kernels: kernels, residuals: residuals, by: try LAPACK())
    // With equal priors they are one process.
    let whole = try problem.posterior(observations, prior: 0.7, noise: 0.3)
    let stds = [0.7, 0.7, 0.3]
    let value = try #require(try layered.value(stds))
    #expect(abs(value.value - whole.logMarginalLikelihood) < 1e-10)
    for index in 0..<3 {
      func shifted(_ h: Double) throws -> Double {
        var stds = stds
        stds[index] *= exp(h)
        return try #require(try layered.value(stds)).value
      }
      let difference = (try shifted(1e-5) - (try shifted(-1e-5))) / 2e-5
      #expect(abs(value.gradient[index] - difference) < 1e-6 * max(1, abs(difference)))
    }
    // Through the fit: at least as likely as one prior for all, and a posterior with these scales.
    var settings = GaussianProcessFit.Settings()
    let shared = try GaussianProcessFit(problem.model, observations, settings, by: LAPACK())
    settings.hasLayerPriors = true
    let fit = try GaussianProcessFit(problem.model, observations, settings, by: LAPACK())
    let reached = try #require(fit.logMarginalLikelihood)
    #expect(try reached >= #require(shared.logMarginalLikelihood) - 1e-8)
    let search = try #require(fit.search)
    #expect(abs(search.logMarginalLikelihood - reached) < 1e-8)
    #expect(fit.posterior.model.scales == search.scales && fit.posterior.model.scales.max() == 1)
    #expect(fit.residual < 1e-12)
  }

  @Test func refusals() throws {
    let zeros = [0.0, 0]
    #expect(throws: GaussianProcessError.self) {
      try MarginalLikelihood(kernel: [1, 0, 0, 1], residuals: zeros, by: LAPACK()).maximum()
    }
    #expect(throws: GaussianProcessError.self) {
      try MarginalLikelihood(kernel: [0, 0, 0, 0], residuals: [1, 2], by: LAPACK()).maximum()
    }
    #expect(throws: GaussianProcessError.self) {
      try MarginalLikelihood(kernel: [.nan, 0, 0, 1], residuals: [1, 2], by: LAPACK())
    }
    let singular = try MarginalLikelihood(
      kernel: [1, 1, 1, 1], residuals: [1, 2], by: LAPACK())
    #expect(singular.value(GaussianHyperparameters(priorStd: 1, noiseStd: 0)) == nil)
    #expect(singular.value(GaussianHyperparameters(priorStd: 1, noiseStd: 0.1)) != nil)
    // Memory: what is needed and what there is.
    let problem = try Problem()
    var settings = GaussianProcessFit.Settings(priorStd: 1, noiseStd: 1)
    settings.memory = 1000
    let observations = try problem.observations(20, seed: 8)
    let error = #expect(throws: GaussianProcessError.self) {
      try GaussianProcessFit(problem.model, observations, settings, by: LAPACK())
    }
    #expect(error?.description.contains("there are 1000 B") == true, "\(error as Any)")
  }

  // MARK: The maximizer

  /// A concave quadratic between bounds, whose maximum is known variable by variable; and Rosenbrock's
  /// valley.
  @Test func maximizer() throws {
    let (centers, curvatures) = ([0.3, 5, -7, 1], [1.0, 100, 0.01, 1e4])
    let box = BoundedMaximizer(
      lower: [Double](repeating: -2, count: 4), upper: [Double](repeating: 2, count: 4))
    let point = try #require(
      try box.maximum(from: [1, 1, 1, -9]) { x in
        let d = x.indices.map { x[$0] - centers[$0] }
        return (
          -d.indices.reduce(0) { $0 + curvatures[$1] * d[$1] * d[$1] },
          d.indices.map { -2 * curvatures[$0] * d[$0] }
        )
      })
    for (x, expected) in zip(point.x, [0.3, 2, -2, 1]) { #expect(abs(x - expected) < 1e-6) }
    func valley(_ x: [Double]) -> (value: Double, gradient: [Double])? {
      let (a, b) = (1 - x[0], x[1] - x[0] * x[0])
      return (-(a * a + 100 * b * b), [2 * a + 400 * x[0] * b, -200 * b])
    }
    let free = BoundedMaximizer(lower: [-5, -5], upper: [5, 5])
    let end = try #require(try free.maximum(from: [-1.2, 1]) { valley($0) })
    #expect(abs(end.x[0] - 1) < 1e-6 && abs(end.x[1] - 1) < 1e-6)
    // With x₁ ≤ 0.25 the best is on the bound: (1 − a)² + 100(0.25 − a²)² is least there.
    let bounded = BoundedMaximizer(lower: [-5, -5], upper: [5, 0.25])
    let edge = try #require(try bounded.maximum(from: [-1.2, 1]) { valley($0) })
    #expect(edge.x[1] == 0.25 && abs(edge.gradient[0]) < 1e-6)
    // Where the function has no value it does not go, or begin.
    let wall = try #require(
      try free.maximum(from: [0, 0]) { x in
        x[0] < 1 ? (-(x[0] - 3) * (x[0] - 3) - x[1] * x[1], [-2 * (x[0] - 3), -2 * x[1]]) : nil
      })
    #expect(wall.x[0] < 1 && wall.x[0] > 0.9)
    #expect(try free.maximum(from: [0, 0]) { _ in nil } == nil)
  }
}
