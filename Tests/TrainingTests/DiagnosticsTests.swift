import Compute
import Networks
import TestSupport
import Testing

@testable import Training

/// What `--diagnostics` measures, against dense derivatives and LAPACK.
@BackendActor @Suite struct DiagnosticsTests {
  private func values(
    _ dense: DenseDerivatives, _ settings: TrainingSettings, probes: Int
  ) throws -> [String: Double] {
    let diagnostics = Diagnostics(probes: probes, products: 200)
    let probe = try DiagnosticProbe(
      diagnostics, settings, dense.model.network, train: dense.examples)
    let pairs = try probe.measure(dense.model, rate: settings.learningRate)
    #expect(pairs.map(\.name) == Diagnostics.measures(settings.optimizer))
    return Dictionary(uniqueKeysWithValues: pairs.map { ($0.name, $0.value) })
  }

  @Test(arguments: [0, 1, 2], Loss.Kind.allCases)
  func agreeWithDenseDerivatives(_ order: Int, _ loss: Loss.Kind) throws {
    let (n, width) = (4, 3)
    let network = try denseNetwork([3, 5, 4, width], [.tanh, .tanh], .ntk)
    let dense = try DenseDerivatives(network, order: order, loss: loss, examples: n)
    let jacobian = transposed(try dense.jacobian())
    let size = n * width
    let kernel = jacobian.map { row in jacobian.map { inner(row, $0) } }
    let factor = loss == .mse ? 1 / Double(size) : 1 / Double(n)
    let eigenvalues = try #require(LAPACK.eigenvalues(kernel.flatMap { $0 }, size))
    let hessian = try dense.hessian()
    let curvatures = try #require(LAPACK.eigenvalues(hessian.flatMap { $0 }, hessian.count))
    let settings = TrainingSettings(
      order: order, loss: loss, optimizer: .momentum, learningRate: 0.25, momentum: 0.5,
      batchSize: n, steps: 1)
    let found = try values(dense, settings, probes: 9)

    func expect(_ name: String, _ expected: Double, _ tolerance: Double) {
      let value = found[name] ?? .nan
      #expect(abs(value - expected) <= tolerance, "\(name): \(value), not \(expected)")
    }
    // Lanczos's bound, and what differences leave.
    let bound = (found["hessian_residual"] ?? .nan) + 1e-7 * curvatures[0]
    #expect(bound <= 1.1e-3 * curvatures[0])
    expect("sharpness", curvatures[0], bound)
    expect("hessian_min", curvatures[curvatures.count - 1], bound)
    for index in 0..<5 {
      expect(
        index == 0 ? "ntk_max" : "ntk_eigenvalue_\(index + 1)", factor * eigenvalues[index],
        2e-6 * factor * eigenvalues[0])
    }
    expect("stability_limit", 2 * 1.5 / 0.25, 0)
    let trace = (0..<size).reduce(0.0) { $0 + kernel[$1][$1] }
    let squares = kernel.reduce(0.0) { $0 + inner($1, $1) }
    expect("effective_rank", trace * trace / squares, 1e-6)
    let targets = try dense.model.backend.download(dense.examples.targets)
    let centered = (0..<size).map { index -> Double in
      let column = (0..<n).map { targets[$0 * width + index % width] }
      return targets[index] - column.reduce(0, +) / Double(n)
    }
    expect(
      "target_alignment",
      inner(centered, times(kernel, centered)) / (squares.squareRoot() * inner(centered, centered)),
      1e-7)
  }

  /// Gradient descent on the probes stops to converge where 2/η falls below the tangent kernel's
  /// largest eigenvalue: what `stability_limit` is for. A linear model, so that it stays where it is.
  @Test(arguments: [0.98, 1.02]) func theLimitIsThatOfStability(_ share: Double) throws {
    let network = try denseNetwork([3, 5, 2], [.tanh], .ntk)
    let dense = try DenseDerivatives(network, order: 1, loss: .mse, examples: 6, moved: 0)
    var settings = TrainingSettings(
      order: 1, loss: .mse, learningRate: 1, batchSize: 6, steps: 1)
    let found = try values(dense, settings, probes: 6)
    let (limit, largest) = (found["stability_limit"] ?? .nan, found["ntk_max"] ?? .nan)
    #expect(limit == 2)
    #expect(abs((found["sharpness"] ?? .nan) - largest) < 1e-3 * largest)
    settings.learningRate = share * 2 / largest
    settings.steps = 1000
    settings.type = .float64
    try dense.model.backend.upload(dense.state, to: dense.model.state)
    let before = try Evaluator(Objective(.mse)).evaluate(dense.model, on: dense.examples).0.loss
    let after = try Trainer(dense.model, settings, train: dense.examples).run().train.loss
    #expect(share < 1 ? after < before : after > 1000 * before)
  }

  /// The same numbers on every back end, and the same parameters as without diagnostics.
  @Test(arguments: [0, 1, 2]) func sameBitsEverywhere(_ order: Int) throws {
    let problem = try Problem.digits(.tanh)
    var settings = TrainingSettings(
      order: order, loss: .crossEntropy, learningRate: 0.1, batchSize: 25, steps: 4, seed: 3,
      evaluateEvery: 2)
    let plain = try problem.hash(settings, on: BackendUnderTest.openblas1.backend())
    settings.diagnostics = Diagnostics(probes: order == 2 ? 2 : 4, products: 6)
    let results = try BackendUnderTest.onEach { backend in
      let folder = TemporaryFolder("diagnostics")
      let directory = try makeDirectory(folder)
      let hash = try problem.trainer(settings, on: backend, directory: directory).run()
        .parametersSHA256
      return (
        hash, try Diagnostics.measures(.sgd).map { bits(try metric($0, directory)) }
      )
    }
    for (place, result) in results {
      #expect(result.0 == plain && result.1 == results[0].result.1, "\(place)")
      #expect(result.1.allSatisfy { $0.count == 3 }, "\(place)")
    }
  }

  /// Frozen tensors take no part.
  @Test func frozenTensors() throws {
    let network = try denseNetwork([3, 5, 2], [.tanh])
    let dense = try DenseDerivatives(network, order: 0, loss: .mse, examples: 4)
    var settings = TrainingSettings(order: 0, loss: .mse, batchSize: 4, steps: 1)
    settings.frozen = ["layers.0", "layers.2.weight"]
    let found = try values(dense, settings, probes: 4)
    // Θ = 1 1ᵀ ⊗ 1: n for each of two outputs, over n·O.
    #expect(abs((found["ntk_max"] ?? .nan) - 0.5) < 1e-12)
    #expect(abs((found["ntk_eigenvalue_2"] ?? .nan) - 0.5) < 1e-12)
    #expect(abs(found["ntk_eigenvalue_3"] ?? .nan) < 1e-12)
    #expect(abs((found["effective_rank"] ?? .nan) - 2) < 1e-12)
    #expect(abs((found["sharpness"] ?? .nan) - 0.5) < 1e-12)
  }

  @Test func tooManyProbes() throws {
    let network = try denseNetwork([1, 4096], [])
    let backend = try BackendUnderTest.openblas2.backend()
    let examples = ResidentExamples(
      inputs: try backend.matrix(3, 1, .float32), targets: try backend.matrix(3, 4096, .float32),
      isClassification: false)
    let settings = TrainingSettings(order: 0, loss: .mse, batchSize: 3, steps: 1)
    #expect(throws: TrainingError.self) {
      try DiagnosticProbe(Diagnostics(), settings, network, train: examples)
    }
  }
}
