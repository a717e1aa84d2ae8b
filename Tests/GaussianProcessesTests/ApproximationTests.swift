import Compute
import GaussianProcesses
import Glibc
import Maclaurin
import Networks
import TestSupport
import Testing

/// Cheaper posteriors where they are exact, against explicit Jacobians, and their bounds.
@BackendActor struct ApproximationTests {
  private let algebra: LAPACK
  private let hyperparameters = GaussianHyperparameters(priorStd: 0.8, noiseStd: 0.3)

  init() throws { algebra = try LAPACK() }

  /// A problem with an exact posterior and inputs to predict at.
  private struct Problem {
    let it: ExplicitJacobian
    let model: LinearizedNetwork
    let observations: Observations
    let exact: ExactPosterior
    let test: Matrix
  }

  private func problem(
    _ network: Network, examples: Int, scales: [Double]? = nil, inputs: [Double]? = nil
  ) throws -> Problem {
    let backend = try BackendUnderTest.openblas2.backend()
    let it = try ExplicitJacobian(network, examples: examples, on: backend)
    let model = LinearizedNetwork(network, at: it.center, scales: scales, on: backend)
    var x = it.inputs
    if let inputs {
      x = try backend.matrix(examples, network.inputCount, .float64, inputs)
    }
    let observations = Observations(
      x, targets: sample(examples * network.outputCount, seed: 11))
    return Problem(
      it: it, model: model, observations: observations,
      exact: try ExactPosterior(model, observations, hyperparameters, by: algebra),
      test: try backend.matrix(
        4, network.inputCount, .float64, sample(4 * network.inputCount, seed: 12)))
  }

  private func structured(
    _ it: Problem, _ structure: CurvatureStructure, _ likelihood: OutputLikelihood = .gaussian
  ) throws -> StructuredPosterior {
    try StructuredPosterior(
      it.model, structure, likelihood, inputs: it.observations.inputs, hyperparameters,
      meanOf: it.exact, by: algebra)
  }

  private func network(_ text: String) throws -> Network {
    try Network(NetworkDescription(json: Array(text.utf8), named: "network"))
  }

  @Test func memory() throws {
    let it = try problem(SmallNetwork.allCases[0].network(), examples: 6)
    let error = #expect(throws: GaussianProcessError.self) {
      try NystromPosterior(
        it.model, it.observations, hyperparameters, inducing: [0, 1, 2], memory: 100, by: algebra)
    }
    #expect(
      error?.description.hasSuffix("there are 100 B; give fewer inducing examples") == true,
      "\(error as Any)")
  }

  /// One dense layer: G is a multiple of I, so that A ⊗ G is all of JᵀJ, bias included.
  @Test func kroneckerOfOneLayer() throws {
    let network = try network(
      #"{"input": [4], "layers": [{"dense": {"units": 3, "bias_std": 1}}]}"#)
    let it = try problem(network, examples: 9)
    let posterior = try structured(it, .kronecker)
    for form in CovarianceForm.allCases {
      let (found, expected) = (
        try posterior.predict(it.test, form), try it.exact.predict(it.test, form)
      )
      #expect(relativeError(found.mean, expected.mean) < 1e-12)
      #expect(relativeError(found.covariance, expected.covariance) < 1e-10)
    }
    // So is the diagonal where the columns of J are orthogonal: unit vectors as inputs, no bias.
    let plain = try self.network(
      #"{"input": [4], "layers": [{"dense": {"units": 3, "bias": false}}]}"#)
    let units = (0..<16).map { $0 % 5 == 0 ? 1.5 - Double($0) / 20 : 0 }
    let orthogonal = try problem(plain, examples: 4, inputs: units)
    for structure in CurvatureStructure.allCases {
      let found = try structured(orthogonal, structure).predict(orthogonal.test, .full)
      let expected = try orthogonal.exact.predict(orthogonal.test, .full)
      #expect(relativeError(found.covariance, expected.covariance) < 1e-10)
    }
  }

  /// The diagonal's covariance against matrices in memory, for every kind of layer, with scales.
  @Test(arguments: SmallNetwork.allCases, OutputLikelihood.allCases)
  func explicitDiagonal(_ kind: SmallNetwork, _ likelihood: OutputLikelihood) throws {
    let network = try kind.network()
    let scales = network.parameters.indices.map { $0 == 1 ? 0 : 0.5 + 0.25 * Double($0) }
    let it = try problem(network, examples: 6, scales: scales)
    let (p, n) = (network.parameterCount, 6.0)
    let fisher = it.it.fisher(likelihood, scales)
    let (prior, noise) = (0.8 * 0.8, 0.3 * 0.3)
    // At the training inputs, whose Jacobian is in memory.
    let rows = it.it.scaledRows(scales)
    let m = rows.count / p
    var expected = [Double](repeating: 0, count: m * m)
    for i in 0..<m {
      for j in 0..<m {
        for k in 0..<p {
          let variance = 1 / (n * fisher[k * p + k] / noise + 1 / prior)
          expected[i * m + j] += rows[i * p + k] * rows[j * p + k] * variance
        }
      }
    }
    let posterior = try structured(it, .diagonal, likelihood)
    let full = try posterior.predict(it.it.inputs, .full)
    #expect(relativeError(full.covariance, expected) < 1e-11)
    // The other forms, and the forms of the Kronecker posterior, are parts of the whole.
    for posterior in [posterior, try structured(it, .kronecker, likelihood)] {
      let full = try posterior.predict(it.it.inputs, .full)
      let blocks = try posterior.predict(it.it.inputs, .blocks)
      let variances = try posterior.predict(it.it.inputs, .variances)
      let o = network.outputCount
      for i in 0..<m {
        #expect(abs(variances.covariance[i] - full.covariance[i * m + i]) < 1e-10 * prior)
        for k in 0..<o {
          let whole = full.covariance[i * m + i / o * o + k]
          #expect(abs(blocks.covariance[i * o + k] - whole) < 1e-10)
        }
      }
    }
  }

  /// More examples than a strip has: pairs of strips.
  @Test func manyInputs() throws {
    let network = try network(#"{"input": [2], "layers": [{"dense": {"units": 1}}]}"#)
    let it = try problem(network, examples: 5)
    let backend = it.model.backend
    let x = try backend.matrix(150, 2, .float64, sample(300, seed: 3))
    let found = try structured(it, .kronecker).predict(x, .full)
    #expect(relativeError(found.covariance, try it.exact.predict(x, .full).covariance) < 1e-10)
  }

  /// Never negative, never above the prior's, for every approximation and kind of layer.
  @Test(arguments: SmallNetwork.allCases)
  func bounds(_ kind: SmallNetwork) throws {
    let it = try problem(try kind.network(), examples: 8)
    let prior = try it.model.kernelMatrix(it.test)
    let m = 4 * it.model.outputs
    let posteriors: [any Posterior] = [
      try structured(it, .diagonal), try structured(it, .kronecker),
      try structured(it, .kronecker, .softmax),
      try NystromPosterior(
        it.model, it.observations, hyperparameters, inducing: [0, 3, 4], by: algebra),
    ]
    for posterior in posteriors {
      let variances = try posterior.predict(it.test, .variances).covariance
      for i in 0..<m {
        #expect(variances[i] >= 0)
        #expect(variances[i] <= 0.64 * prior[i * m + i] * (1 + 1e-12))
      }
    }
  }

  /// With all examples Nyström's is the exact posterior, whatever the kernel's rank; with some its
  /// bound is below the marginal likelihood, and rises with their number.
  @Test(arguments: SmallNetwork.allCases)
  func nystrom(_ kind: SmallNetwork) throws {
    let it = try problem(try kind.network(), examples: 20)
    let exact = try it.exact.predict(it.test, .full)
    let n = Double(it.observations.targets.count)
    var square = 0.0
    for (r, w) in zip(it.exact.residuals, it.exact.weights) { square += r * w }
    let likelihood = -0.5 * (square + it.exact.factor.logDeterminant + n * log(2 * Double.pi))
    var last = -Double.infinity
    for inducing in [[2, 7], [2, 7, 11, 12, 15], Array(0..<20)] {
      let posterior = try NystromPosterior(
        it.model, it.observations, hyperparameters, inducing: inducing, by: algebra)
      let found = try posterior.predict(it.test, .full)
      #expect(posterior.logMarginalLikelihoodBound <= likelihood + 1e-6 * abs(likelihood))
      // More inducing examples never loosen it.
      #expect(posterior.logMarginalLikelihoodBound >= last - 1e-6 * abs(likelihood))
      last = posterior.logMarginalLikelihoodBound
      guard inducing.count == 20 else { continue }
      #expect(relativeError(found.mean, exact.mean) < 1e-7)
      #expect(relativeError(found.covariance, exact.covariance) < 1e-7)
      #expect(abs(last - likelihood) < 1e-6 * abs(likelihood))
    }
    let chosen = NystromPosterior.choose(5, of: 20, seed: 1)
    #expect(chosen == NystromPosterior.choose(5, of: 20, seed: 1) && Set(chosen).count == 5)
    #expect(chosen != NystromPosterior.choose(5, of: 20, seed: 2))
  }

  /// Distances against closed forms, and 0 from itself.
  @Test func comparison() throws {
    let reference = GaussianOutputs(outputs: 1, mean: [1, 0], .full, [4, 0, 0, 1])
    let other = GaussianOutputs(outputs: 1, mean: [1, 0.5], .full, [1, 0, 0, 1])
    let own = try PosteriorComparison(of: reference, from: reference, noiseStd: 0.5, by: algebra)
    #expect(own.meanError == 0 && own.deviationError == 0)
    #expect(abs(own.marginalDivergence) < 1e-15 && abs(own.jointDivergence ?? 1) < 1e-14)
    let found = try PosteriorComparison(of: other, from: reference, noiseStd: 0.5, by: algebra)
    #expect(abs(found.meanError - 0.5) < 1e-15)
    #expect(abs(found.deviationError - (log(2) * log(2) / 2).squareRoot()) < 1e-15)
    // ½(log(1.25/4.25) + 4.25/1.25 − 1) and ½·0.25/1.25; independent outputs add up.
    let sum = 0.5 * (log(1.25 / 4.25) + 4.25 / 1.25 - 1) + 0.1
    #expect(abs(found.marginalDivergence - sum / 2) < 1e-14)
    #expect(abs((found.jointDivergence ?? 0) - sum) < 1e-13)
  }
}
