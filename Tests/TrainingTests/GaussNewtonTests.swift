import Compute
import Networks
import TestSupport
import Testing

@testable import Training

/// Conjugate gradients, and training by `gauss-newton`.
@BackendActor @Suite struct GaussNewtonTests {
  /// A positive definite matrix with a spread of eigenvalues, [n, n].
  private func matrix(_ n: Int) -> [Double] {
    let a = sample(n * n, seed: 3)
    return (0..<n * n).map { index in
      let (i, j) = (index / n, index % n)
      let product = (0..<n).reduce(0.0) { $0 + a[i * n + $1] * a[j * n + $1] }
      return product + (i == j ? 0.1 : 0)
    }
  }

  @Test(arguments: [0, 0.7]) func linearSystems(_ shift: Double) throws {
    let n = 30
    let (a, b) = (matrix(n), sample(n, seed: 5))
    let backend = try BackendUnderTest.openblas2.backend()
    let shifted = a.enumerated().map { $1 + ($0 / n == $0 % n ? shift : 0) }
    let expected = try #require(LAPACK.solve(shifted, b))
    let x = try backend.matrix(1, n, .float64)
    let right = try backend.matrix(1, n, .float64, b)
    let operation = DenseOperator(try backend.matrix(n, n, .float64, a), on: backend)
    func solve(_ tolerance: Double, _ limit: Int) throws -> ConjugateGradients.Outcome {
      try ConjugateGradients(tolerance: tolerance, limit: limit)
        .solve(operation, shift: shift, right, into: x)
    }
    let outcome = try solve(1e-13, 200)
    #expect(relativeError(try backend.download(x), expected) < 1e-9)
    #expect(outcome.residual <= 1e-13 && outcome.iterations < 200)
    #expect(try backend.download(right) == b)
    // What the recurrence says of the residual is true.
    let early = try solve(0, 5)
    let values = try backend.download(x)
    let residual = (0..<n).map { i in b[i] - inner(Array(shifted[i * n..<(i + 1) * n]), values) }
    #expect(early.iterations == 5)
    #expect(abs(early.residual - norm(residual) / norm(b)) < 1e-10)
  }

  /// A right side of zero, a direction without curvature, and one of negative curvature.
  @Test func endsWithoutNaN() throws {
    let backend = try BackendUnderTest.openblas2.backend()
    func solve(_ diagonal: [Double], _ b: [Double]) throws -> (
      [Double], ConjugateGradients.Outcome
    ) {
      let n = b.count
      let matrix = (0..<n * n).map { $0 / n == $0 % n ? diagonal[$0 / n] : 0 }
      let x = try backend.matrix(1, n, .float32)
      let outcome = try ConjugateGradients(tolerance: 1e-6, limit: 10).solve(
        DenseOperator(backend.matrix(n, n, .float32, matrix), on: backend), shift: 0,
        backend.matrix(1, n, .float32, b), into: x)
      return (try backend.download(x), outcome)
    }
    let zero = try solve([1, 2], [0, 0])
    #expect(zero.0 == [0, 0] && zero.1 == .init(iterations: 0, residual: 0))
    let flat = try solve([0, 0], [1, 2])
    #expect(flat.0 == [0, 0] && flat.1 == .init(iterations: 1, residual: 1))
    let negative = try solve([-1, -3], [1, 2])
    #expect(negative.0 == [0, 0] && negative.1.residual == 1)
    // The part of b in the range is solved for.
    let singular = try solve([2, 0], [4, 0])
    #expect(singular.0 == [2, 0] && singular.1.residual == 0)
  }

  private func settings(_ order: Int, _ loss: Loss.Kind = .crossEntropy) -> TrainingSettings {
    var settings = TrainingSettings(
      order: order, loss: loss, optimizer: .gaussNewton, learningRate: 0.5, weightDecay: 1e-3,
      batchSize: 25, steps: 4, seed: 3, evaluateEvery: 2, logEvery: 2)
    settings.gaussNewton = GaussNewton(damping: 0.01, cgIterations: 6, cgTolerance: 1e-4)
    return settings
  }

  @Test(arguments: 0...3) func everyBackendTrainsTheSameParameters(_ order: Int) throws {
    let problem = try Problem.digits(.tanh)
    let settings = settings(order, order == 1 ? .mse : .crossEntropy)
    let hashes = try BackendUnderTest.onEach { try problem.hash(settings, on: $0) }
    #expect(hashes[0].result != Trainer.hash(problem.start))
    for (place, hash) in hashes.dropFirst() { #expect(hash == hashes[0].result, "\(place)") }
  }

  /// With mse and order 1 a full-batch step without damping is the least-squares solution nearest to
  /// the start, by the normal equations of LAPACK: Δ = Jᵀ(JJᵀ)⁻¹(y − f_0) where J has full row rank.
  @Test func oneStepSolvesLeastSquares() throws {
    let (n, width) = (5, 2)
    let network = try denseNetwork([3, 6, width], [.tanh], .ntk)
    let dense = try DenseDerivatives(network, order: 1, loss: .mse, examples: n, moved: 0)
    let backend = dense.model.backend
    let jacobian = transposed(try dense.jacobian())
    let targets = try backend.download(dense.examples.targets)
    let rest = zip(targets, try dense.outputs(dense.state)).map { $0 - $1 }
    let gram = jacobian.flatMap { row in jacobian.map { inner(row, $0) } }
    let solution = try #require(LAPACK.solve(gram, rest))
    let expected = times(transposed(jacobian), solution)
    try backend.upload(dense.state, to: dense.model.state)

    var settings = TrainingSettings(
      order: 1, loss: .mse, optimizer: .gaussNewton, learningRate: 1, batchSize: n, steps: 1,
      type: .float64)
    settings.gaussNewton = GaussNewton(damping: 0, cgIterations: 200, cgTolerance: 1e-12)
    let trainer = try Trainer(dense.model, settings, train: dense.examples)
    let result = try trainer.run()
    #expect(
      relativeError(try backend.download(dense.model.state), expected) < 1e-5,
      "the differences have eight digits, and the normal equations square the condition number")
    #expect(result.train.loss < 1e-18)
    // More equations than unknowns: the residual is orthogonal to J's columns.
    let many = try DenseDerivatives(
      denseNetwork([2, 2], []), order: 1, loss: .mse, examples: 20, moved: 0)
    settings.batchSize = 20
    _ = try Trainer(many.model, settings, train: many.examples).run()
    let solved = try many.model.backend.download(many.model.state)
    #expect(norm(try many.gradient(solved)) < 1e-11 && norm(solved) > 0.1)
  }

  /// Damping: the step is −(G + λ + λ_w)⁻¹(g + λ_w θ) by LAPACK, for the network itself too.
  @Test(arguments: [0, 2], Loss.Kind.allCases)
  func dampedSteps(_ order: Int, _ loss: Loss.Kind) throws {
    let network = try denseNetwork([3, 4, 3], [.tanh], .ntk)
    let dense = try DenseDerivatives(network, order: order, loss: loss)
    let backend = dense.model.backend
    let matrix = try dense.gaussNewton(dense.jacobian())
    let n = matrix.count
    let (damping, decay, rate) = (0.02, 0.05, 0.7)
    let start = try backend.download(dense.model.center)
    let theta = order == 0 ? dense.state : zip(start, dense.state).map { $0 + $1 }
    let right = zip(try dense.gradient(dense.state), theta).map { $0 + decay * $1 }
    let shifted = (0..<n * n).map { index in
      matrix[index / n][index % n] + (index / n == index % n ? damping + decay : 0)
    }
    let solution = try #require(LAPACK.solve(shifted, right))
    try backend.upload(dense.state, to: dense.model.state)
    var settings = TrainingSettings(
      order: order, loss: loss, optimizer: .gaussNewton, learningRate: rate, weightDecay: decay,
      batchSize: 4, steps: 1, type: .float64)
    settings.gaussNewton = GaussNewton(damping: damping, cgIterations: 200, cgTolerance: 1e-13)
    _ = try Trainer(dense.model, settings, train: dense.examples).run()
    let moved = zip(try backend.download(dense.model.state), dense.state).map { $0 - $1 }
    #expect(relativeError(moved, solution.map { -rate * $0 }) < 1e-7)
  }

  /// A run that is gone on with by another trainer has the bits and the metrics of an unbroken one.
  @Test func resumedRuns() throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let problem = try Problem.digits(.tanh)
    var settings = settings(2)
    settings.checkpointEvery = 1
    settings.diagnostics = Diagnostics(probes: 6, products: 8)
    let (one, two) = (TemporaryFolder("whole"), TemporaryFolder("broken"))
    let whole = try makeDirectory(one)
    let hash = try problem.trainer(settings, on: backend, directory: whole).run().parametersSHA256
    for step in 1...4 {
      let directory = try makeDirectory(two, resume: step > 1)
      let trainer = try problem.trainer(settings, on: backend, directory: directory)
      trainer.shouldStop = { trainer.stepsDone >= step }
      let result = try trainer.run()
      if step == 4 { #expect(result.parametersSHA256 == hash) }
    }
    let metrics = [one, two].map { try? RunDirectory($0.path, resume: true).metrics() }
    #expect(metrics[0] == metrics[1] && metrics[0]?.isEmpty == false)
    #expect(try metric("cg_iterations", whole).count == 2)
    #expect(try metric("sharpness", whole).count == 3)
  }

  @Test func dropoutIsRefused() throws {
    let layers: [LayerDescription] = [
      .residual(.init(main: [.dropout(rate: 0.5)])), .dense(.init(units: 2)),
    ]
    let network = try Network(
      NetworkDescription(input: [2], parameterization: .standard, layers: layers))
    let backend = try BackendUnderTest.openblas2.backend()
    func step(_ order: Int) throws {
      let center = try backend.matrix(1, network.parameterCount, .float32)
      _ = try TrainingStep(
        Model(network, center: center, order: order, on: backend), settings(order))
    }
    #expect(throws: TrainingError.self) { try step(0) }
    // Expansions drop nothing.
    try step(1)
  }
}
