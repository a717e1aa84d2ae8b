import Compute
import GaussianProcesses
import Maclaurin
import Networks
import TestSupport
import Testing
import Training

/// Products with the Fisher information and its diagonal, against golden values and explicit Jacobians.
struct FisherTests {
  @Test(arguments: ["empirical-mlp", "empirical-cnn"])
  func goldenProduct(_ name: String) async throws {
    let golden = try GoldenCase(name)
    _ = try await BackendUnderTest.onEach { backend in
      let network = golden.network
      let x = try golden.values("x1")
      let fisher = try FisherInformation(
        LinearizedNetwork(
          network,
          at: backend.matrix(
            1, network.parameterCount, .float64, golden.parameters("theta0.")), on: backend),
        .softmax, backend.matrix(x.count / network.inputCount, network.inputCount, .float64, x))
      let v = try backend.matrix(
        1, network.parameterCount, .float64, golden.flat("fisher.v"))
      let product = try backend.matrix(1, network.parameterCount, .float64)
      try fisher.apply(v, into: product)
      #expect(
        relativeError(try backend.download(product), try golden.flat("fisher.product")) < 1e-9)
    }
  }

  /// One pass or several, one vector or some, scales and both likelihoods: against J in memory.
  @Test(arguments: SmallNetwork.allCases, OutputLikelihood.allCases)
  @BackendActor func explicitProductAndDiagonal(
    _ kind: SmallNetwork, _ likelihood: OutputLikelihood
  ) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    // More examples than one pass has, but for the slow ones.
    let count = kind == .dense ? 300 : 7
    let it = try ExplicitJacobian(kind, examples: count, on: backend)
    for scales in [nil, it.someScales] {
      let model = LinearizedNetwork(it.network, at: it.center, scales: scales, on: backend)
      let expected = it.fisher(likelihood, scales)
      let p = it.network.parameterCount
      let values = sample(3 * p, seed: 5)
      let products = try backend.matrix(3, p, .float64)
      try FisherInformation(model, likelihood, it.inputs).products(
        backend.matrix(3, p, .float64, values), into: products)
      var reference = [Double](repeating: 0, count: 3 * p)
      for v in 0..<3 {
        for i in 0..<p {
          for j in 0..<p { reference[v * p + i] += expected[i * p + j] * values[v * p + j] }
        }
      }
      #expect(relativeError(try backend.download(products), reference) < 1e-12)
      let diagonal = try FisherDiagonal(model, likelihood, it.inputs).values()
      #expect(relativeError(diagonal, (0..<p).map { expected[$0 * p + $0] }) < 1e-12)
      #expect(diagonal.allSatisfy { $0 >= 0 })
    }
  }

  /// H may be taken at other logits than the network's.
  @Test @BackendActor func otherLogits() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let it = try ExplicitJacobian(.dense, examples: 5, on: backend)
    let model = LinearizedNetwork(it.network, at: it.center, on: backend)
    let logits = sample(5 * it.network.outputCount, seed: 8)
    let p = it.network.parameterCount
    let expected = it.fisher(.softmax, nil, logits: logits)
    let diagonal = try FisherDiagonal(model, .softmax, it.inputs, logits: logits).values()
    #expect(relativeError(diagonal, (0..<p).map { expected[$0 * p + $0] }) < 1e-12)
    let v = sample(p, seed: 9)
    let product = try backend.matrix(1, p, .float64)
    try FisherInformation(
      model, .softmax, it.inputs,
      logits: backend.matrix(5, it.network.outputCount, .float64, logits)
    ).apply(backend.matrix(1, p, .float64, v), into: product)
    let reference = (0..<p).map { i in inner(Array(expected[(i * p)..<((i + 1) * p)]), v) }
    #expect(relativeError(try backend.download(product), reference) < 1e-12)
  }

  /// The same bits on every back end, in float32 too.
  @Test func sameBits() async throws {
    var known: [UInt64]?
    let all = try await BackendUnderTest.onEach { backend -> [Double] in
      let it = try ExplicitJacobian(.dense, examples: 5, type: .float32, on: backend)
      let model = LinearizedNetwork(it.network, at: it.center, on: backend)
      let p = it.network.parameterCount
      let product = try backend.matrix(1, p, .float32)
      try FisherInformation(model, .softmax, it.inputs).apply(
        backend.matrix(1, p, .float32, sample(p, seed: 1)), into: product)
      let diagonal = try FisherDiagonal(model, .softmax, it.inputs).values()
      return try backend.download(product) + diagonal
    }
    for (name, values) in all {
      let found = bits(values)
      #expect(known ?? found == found, "\(name)")
      known = found
    }
  }

  /// Differences approach the exact product as ε does, and for a linear network with H = I they are it.
  @Test @BackendActor func finiteDifferences() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let it = try ExplicitJacobian(.dense, examples: 6, on: backend)
    let p = it.network.parameterCount
    let v = try backend.matrix(1, p, .float64, sample(p, seed: 4))
    for likelihood in OutputLikelihood.allCases {
      let exact = try backend.matrix(1, p, .float64)
      try FisherInformation(
        LinearizedNetwork(it.network, at: it.center, on: backend), likelihood, it.inputs
      ).apply(v, into: exact)
      let differences = try FiniteDifferenceFisher(
        it.network, at: it.center, likelihood, it.inputs, on: backend)
      let reference = try backend.download(exact)
      var errors: [Double] = []
      for epsilon in [1e-3, 1e-4] {
        let product = try differences.product(v, epsilon: epsilon)
        errors.append(relativeError(try backend.download(product), reference))
      }
      #expect(errors[0] < 0.1 && errors[1] > 0)
      // Of first order in ε.
      #expect(abs(errors[0] / errors[1] - 10) < 1)
    }
  }

  /// Eigenvalues with multiplicities and eigenvectors, against all of F.
  @Test @BackendActor func leadingEigenvalues() throws {
    let backend = try BackendUnderTest.openblas2.backend()
    // Of the last layer with H = I every eigenvalue comes once for each output.
    let it = try ExplicitJacobian(.dense, examples: 40, on: backend)
    for scales in [nil, try TensorSelection.scales("last", it.network)] {
      let model = LinearizedNetwork(it.network, at: it.center, scales: scales, on: backend)
      let p = it.network.parameterCount
      var all = it.fisher(.gaussian, scales)
      let expected = Array(try LAPACK().eigenvalues(&all, p).reversed().prefix(7))
      let fisher = try FisherInformation(model, .gaussian, it.inputs)
      let pairs = try Lanczos(tolerance: 1e-10, limit: 100).leading(7, of: fisher)
      #expect(relativeError(pairs.values.map(\.value), expected) < 1e-9)
      #expect(pairs.values.allSatisfy { $0.residual < 1e-8 * expected[0] })
      let vectors = try backend.download(pairs.vectors)
      for i in 0..<7 {
        for j in 0...i {
          let product = inner(
            Array(vectors[(i * p)..<((i + 1) * p)]), Array(vectors[(j * p)..<((j + 1) * p)]))
          #expect(abs(product - (i == j ? 1 : 0)) < 1e-9)
        }
      }
    }
  }

  @Test @BackendActor func softmaxOfOneOutput() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let network = try denseNetwork([3, 4, 1], [.tanh])
    let model = LinearizedNetwork(
      network, at: try backend.matrix(1, network.parameterCount, .float64), on: backend)
    let x = try backend.matrix(2, 3, .float64, sample(6, seed: 1))
    #expect(throws: GaussianProcessError.self) { try FisherInformation(model, .softmax, x) }
    #expect(throws: GaussianProcessError.self) { try FisherDiagonal(model, .softmax, x) }
  }
}
