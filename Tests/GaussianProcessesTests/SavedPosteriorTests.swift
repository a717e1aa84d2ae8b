import Compute
import DataSets
import FoundationEssentials
import GaussianProcesses
import Maclaurin
import Networks
import TestSupport
import Testing

/// posterior.safetensors: what is read back predicts with the same bits, and belongs to its network.
@Suite struct SavedPosteriorTests {
  private struct Case {
    var network: Network
    var center: [Double]
    var model: LinearizedNetwork
    var inputs: [Double]
    var targets: [Double]
    var posterior: any Posterior
    var saved: SavedPosterior
    var test: Matrix
  }

  /// A golden network's examples: with numbers, or with classes made of them.
  private func make(
    _ likelihood: SavedPosterior.Likelihood, _ type: ScalarType, on backend: any Backend
  ) throws -> Case {
    let golden = try GoldenCase("empirical-mlp")
    let network = golden.network
    let center = try backend.matrix(
      1, network.parameterCount, type, golden.parameters("theta0."))
    let scales = network.parameters.indices.map { $0 == 1 ? 0.5 : 1 }
    let model = LinearizedNetwork(network, at: center, scales: scales, on: backend)
    let (rows, o) = (try golden.shape("x1")[0], network.outputCount)
    let inputs = try golden.values("x1")
    let x = try backend.matrix(rows, network.inputCount, type, inputs)
    let hyperparameters = GaussianHyperparameters(priorStd: 0.3, noiseStd: 0.2)
    let (targets, posterior, state): ([Double], any Posterior, [String: [Double]])
    switch likelihood {
    case .gaussian:
      targets = try golden.values("y")
      let exact = try ExactPosterior(
        model, Observations(x, targets: targets), hyperparameters, by: LAPACK())
      (posterior, state) = (exact, exact.state)
    case .softmax:
      let observations = try ClassObservations(
        x, labels: (0..<rows).map { $0 % o }, classes: o)
      targets = observations.targets
      let laplace = try LaplacePosterior(model, observations, priorStd: 0.3, by: LAPACK())
      (posterior, state) = (laplace, laplace.state)
    }
    let values = try backend.download(center)
    let saved = SavedPosterior(
      model, center: values, likelihood, hyperparameters, inputs: inputs, targets: targets,
      state: state, inputScaling: Standardization(means: [0.25], deviations: [3], groupSize: 5),
      targetScaling: nil)
    return Case(
      network: network, center: values, model: model, inputs: inputs, targets: targets,
      posterior: posterior, saved: saved,
      test: try backend.matrix(
        golden.shape("x2")[0], network.inputCount, type, golden.values("x2")))
  }

  private func restored(
    _ saved: SavedPosterior, _ it: Case, on backend: any Backend
  ) throws -> any Posterior {
    let x = try backend.matrix(saved.count, saved.features, saved.type, saved.inputs)
    return saved.likelihood == .softmax
      ? try LaplacePosterior(saved, it.model, x, by: LAPACK())
      : try ExactPosterior(saved, it.model, x, by: LAPACK())
  }

  @Test(arguments: [
    (SavedPosterior.Likelihood.gaussian, ScalarType.float64, BackendUnderTest.openblas2),
    (.softmax, .float64, .openblas1), (.gaussian, .float32, .openclHost),
    (.softmax, .float32, .openblas2),
  ])
  @BackendActor func predictsTheSameBits(
    _ likelihood: SavedPosterior.Likelihood, _ type: ScalarType, _ place: BackendUnderTest
  ) throws {
    let backend = try place.backend()
    let folder = TemporaryFolder("posterior")
    let it = try make(likelihood, type, on: backend)
    try it.saved.write(to: folder.path)
    let saved = try SavedPosterior(folder: folder.path)
    #expect(saved.likelihood == likelihood && saved.type == type)
    #expect(saved.hyperparameters == it.saved.hyperparameters)
    #expect(saved.scales == it.model.scales && saved.priorMean == .network)
    #expect(saved.inputs == it.inputs && saved.targets == it.targets)
    #expect(saved.inputScaling == it.saved.inputScaling && saved.targetScaling == nil)
    try saved.check(it.network, center: it.center, in: folder.path)
    let again = try restored(saved, it, on: backend)
    for form in [CovarianceForm.variances, .blocks, .full] {
      #expect(try again.predict(it.test, form) == it.posterior.predict(it.test, form))
    }
  }

  /// In parts, with the numbers of all examples at once up to the rounding of LAPACK's.
  @Test @BackendActor func parts() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let it = try make(.gaussian, .float64, on: backend)
    let x = try backend.matrix(
      150, it.network.inputCount, .float64, sample(150 * it.network.inputCount, seed: 4))
    let (whole, parts) = (
      try it.posterior.predict(x, .blocks), try it.posterior.predictions(x, .blocks)
    )
    #expect(relativeError(parts.mean, whole.mean) < 1e-12)
    #expect(relativeError(parts.covariance, whole.covariance) < 1e-12)
  }

  // MARK: Refusals

  private func expectError(_ words: String..., body: () throws -> Void) {
    do {
      try body()
      Issue.record("was taken: \(words)")
    } catch {
      for word in words { #expect("\(error)".contains(word), "\(error) lacks \(word)") }
    }
  }

  @Test @BackendActor func otherNetworks() throws {
    let it = try make(.gaussian, .float64, on: BackendUnderTest.openblas1.backend())
    var center = it.center
    center[it.network.parameters[2].offset] += 1e-12
    expectError(it.network.parameters[2].name, "other values", "adapt again") {
      try it.saved.check(it.network, center: center, in: "d")
    }
    var description = it.network.description
    description.layers.removeLast()
    let shorter = try Network(description)
    expectError("no tensor", "d/network.json") {
      try it.saved.check(shorter, center: it.center, in: "d")
    }
    description = it.network.description
    description.parameterization = .ntk
    let other = try Network(description)
    expectError("layers are others") {
      try it.saved.check(other, center: it.center, in: "d")
    }
  }

  /// Files that were changed: each is refused by a sentence.
  @Test @BackendActor func damagedFiles() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let folder = TemporaryFolder("posterior")
    let it = try make(.gaussian, .float64, on: backend)
    try it.saved.write(to: folder.path)
    let path = "\(folder.path)/\(SavedPosterior.name)"
    let file = try SafetensorsFile(path)
    let tensors = try file.names.map { (name: $0, array: try file.tensor($0)) }
    func write(
      _ name: String = "", _ change: NumericArray? = nil, _ metadata: [String: String] = [:]
    ) throws {
      var kept: [(name: String, array: NumericArray)] = []
      for tensor in tensors {
        guard tensor.name == name else {
          kept.append(tensor)
          continue
        }
        if let change { kept.append((name, change)) }
      }
      try SafetensorsFile.write(
        kept, metadata: file.metadata.merging(metadata) { $1 }, to: path)
    }
    func read() throws {
      _ = try restored(SavedPosterior(folder: folder.path), it, on: backend)
    }
    try write()
    try read()
    for (metadata, words) in [
      (["format": "other"], "no saved posterior"), (["version": "2"], "format version 2"),
      (["likelihood": "poisson"], "lacks settings"), (["prior_std": "-1"], "lacks settings"),
      (["noise_std": "nan"], "lacks settings"), (["dtype": "int32"], "lacks settings"),
    ] {
      try write("", nil, metadata)
      expectError(path, words, body: read)
    }
    let n = it.targets.count
    var factor = it.saved.state["factor"] ?? []
    factor[factor.count - 1] = -1
    let changes: [(String, NumericArray?, String)] = [
      ("inputs", nil, "inputs"), ("state.factor", nil, "state.factor"),
      ("scales", NumericArray([1.0, 1]), "2 scales"),
      ("scales", NumericArray(it.model.scales.map { _ in 0.0 }), "scales"),
      ("targets", NumericArray(it.targets), "shape"),
      ("state.residuals", NumericArray([Double](repeating: .nan, count: n)), "not finite"),
      ("state.factor", NumericArray(factor), "not positive"),
      ("input_deviations", NumericArray([0.0]), "scaling"),
    ]
    for (name, change, words) in changes {
      try write(name, change)
      expectError(words, body: read)
    }
    try AtomicFile.write(path, "short")
    expectError(path, body: read)
  }
}
