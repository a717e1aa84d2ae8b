import Compute
import Glibc
import Networks
import TestSupport
import Testing

@testable import Training

/// Derivatives of what randomized and single-coefficient models minimise, against plain loops.
@BackendActor @Suite struct RandomizedCurvatureTests {
  private let backend: any Backend

  init() throws { backend = try BackendUnderTest.openblas2.backend() }

  struct Case: Sendable, CustomStringConvertible {
    var order: Int
    var isRandomized = true
    var signOrder: Int?
    var coefficient: Int?
    var penalty = 0.0
    var exponent = 8

    var movement: MovementSettings {
      MovementSettings(
        randomize: isRandomized ? .signs : nil, signOrder: signOrder, evaluationDraws: 5,
        coefficient: coefficient, movementPenalty: penalty, movementExponent: exponent)
    }
    var description: String {
      "order \(order), signs \(movement.signOrder(ofOrder: order) ?? 0), coefficient "
        + "\(coefficient ?? 0), λ = \(penalty), p = \(exponent)"
    }
  }

  nonisolated static let cases: [Case] = [
    // The network itself as θ0 and Δ, with and without signs.
    Case(order: 0, isRandomized: false, penalty: 0.2, exponent: 3), Case(order: 0),
    Case(order: 0, penalty: 0.2), Case(order: 0, signOrder: 3),
    Case(order: 0, signOrder: 4, penalty: 0.2, exponent: 1),
    // Expansions.
    Case(order: 1), Case(order: 2), Case(order: 2, penalty: 0.2, exponent: 4), Case(order: 3),
    Case(order: 4, signOrder: 2), Case(order: 2, isRandomized: false, penalty: 0.2, exponent: 6),
    // One coefficient.
    Case(order: 2, coefficient: 2), Case(order: 3, signOrder: 2, coefficient: 3),
    Case(order: 3, coefficient: 3, penalty: 0.2, exponent: 2),
    Case(order: 8, isRandomized: false, coefficient: 8),
    Case(order: 1, isRandomized: false, coefficient: 1, penalty: 0.2, exponent: 5),
  ]

  private func examples(_ plain: PlainRisk) throws -> ResidentExamples {
    ResidentExamples(
      inputs: try plain.network.inputs(on: backend),
      targets: try backend.matrix(4, 1, .float64, plain.targets), isClassification: false)
  }

  private func trainable(_ network: Network) throws -> [Bool] {
    try FreezePattern.trainable(network.parameters, frozen: TwoLayerNetwork.frozen)
  }

  /// Random numbers on what is trained, zeros elsewhere.
  private func direction(_ plain: PlainRisk, seed: UInt64) -> [Double] {
    let hidden = plain.network.neurons * (plain.network.inputs + 1)
    return sample(plain.network.center.count, seed: seed).enumerated().map {
      $0.offset < hidden ? $0.element : 0
    }
  }

  private func vector(_ values: [Double]) throws -> Matrix {
    try backend.matrix(1, values.count, .float64, values)
  }

  private func check(_ risk: some DifferentiableLoss, _ plain: PlainRisk, _ label: String) throws {
    let delta = plain.network.displacement
    #expect(abs(try risk.value() - plain.value(delta)) < 1e-13, "value, \(label)")
    let target = try backend.matrix(1, delta.count, .float64)
    try risk.gradient(into: target)
    let gradient = try backend.download(target)
    // The outgoing weights are frozen.
    #expect(gradient.suffix(plain.network.neurons).allSatisfy { $0 == 0 }, "\(label)")
    func product(_ v: [Double]) throws -> [Double] {
      try risk.apply(vector(v), into: target)
      return try backend.download(target)
    }
    let directions = (0..<3).map { direction(plain, seed: 40 + $0) }
    // Sums of two directions test the mixed terms.
    let sums = [zip(directions[0], directions[1]).map { $0 + $1 }]
    for v in directions + sums {
      let (first, second) = plain.derivatives(delta, v)
      #expect(abs(inner(gradient, v) - first) < 1e-9 * (abs(first) + 1), "gradient, \(label)")
      let curvature = inner(v, try product(v))
      #expect(
        abs(curvature - second) < 1e-8 * (abs(second) + 1), "\(curvature), not \(second), \(label)")
    }
    let (v, w) = (directions[0], directions[1])
    let products = (try product(v), try product(w))
    #expect(
      abs(inner(products.0, w) - inner(products.1, v)) < 1e-11 * norm(products.0) * norm(w),
      "symmetry, \(label)")
    #expect(norm(products.0) > 1e-3, "\(label)")
    // Frozen coordinates count as zero.
    let hidden = plain.network.neurons * (plain.network.inputs + 1)
    let other = v.enumerated().map { $0.offset < hidden ? $0.element : 5 }
    #expect(try product(other) == products.0, "frozen, \(label)")
  }

  @Test(arguments: cases) func agreesWithPlainLoops(_ c: Case) throws {
    let network = try TwoLayerNetwork(neurons: 6, movement: 0.4)
    let plain = PlainRisk(network, order: c.order, c.movement, seed: 9)
    let model = try network.model(order: c.order, c.movement, seed: 9, on: backend)
    let risk = try TrainingRisk(
      model, loss: .mse, examples: examples(plain), count: 4,
      isTrainable: trainable(network.network), movement: c.movement)
    #expect(risk.loss is RandomizedLoss == c.isRandomized)
    try check(risk, plain, "\(c)")
    // What evaluations report is the loss of the mean output.
    let mean = try Evaluator(Objective(.mse)).evaluate(model, on: examples(plain)).0.loss
    #expect(abs(mean - plain.lossOfTheMean(network.displacement)) < 1e-13, "\(c)")
    // The movement is what it was.
    #expect(try backend.download(#require(model.displacement)) == network.displacement)
  }

  /// Single draws, in batches of 3 and 1.
  @Test(arguments: [
    Case(order: 0), Case(order: 0, signOrder: 3), Case(order: 2), Case(order: 3),
    Case(order: 2, coefficient: 2),
  ]) func singleDraws(_ c: Case) throws {
    let network = try TwoLayerNetwork(neurons: 6, movement: 0.4)
    var plain = PlainRisk(network, order: c.order, c.movement, seed: 9)
    let model = try network.model(order: c.order, c.movement, seed: 9, on: backend)
    plain.draws = [plain.draws[2]]
    let risk = try RandomizedLoss(
      model, loss: .mse, examples: examples(plain), count: 4, batchSize: 3,
      isTrainable: trainable(network.network), draws: 2..<3)
    try check(risk, plain, "draw 2, \(c)")
  }

  /// While a step's signs are the movement's frame, nothing changes.
  @Test(arguments: [Case(order: 0, penalty: 0.2), Case(order: 2, penalty: 0.2)])
  func framesDoNotMatter(_ c: Case) throws {
    let network = try TwoLayerNetwork(neurons: 6, movement: 0.4)
    let plain = PlainRisk(network, order: c.order, c.movement, seed: 9)
    let model = try network.model(order: c.order, c.movement, seed: 9, on: backend)
    func results() throws -> [[Double]] {
      let risk = try TrainingRisk(
        model, loss: .mse, examples: examples(plain), count: 4,
        isTrainable: trainable(network.network), movement: c.movement)
      let target = try backend.matrix(1, network.center.count, .float64)
      try risk.gradient(into: target)
      let gradient = try backend.download(target)
      try risk.apply(vector(direction(plain, seed: 3)), into: target)
      return [gradient, try backend.download(target), [try risk.value()]]
    }
    let before = try results()
    try model.enter(step: 3, moments: [])
    #expect(try backend.download(model.state) != network.displacement)
    #expect(try results() == before)
  }

  /// At Δ = 0 the quadratic model has a gradient of 0, and its Hessian Σ_i ḡ_i D²f(x_i) is, neuron by
  /// neuron, a_r Σ_i ḡ_i φ''(u_ir) x̃_i x̃_iᵀ, x̃ = (x, 1): signs do not change it. LAPACK has its
  /// eigenvalues, of which some are negative: a saddle.
  @Test(arguments: [true, false]) func theSaddleOfTheQuadraticModel(_ isRandomized: Bool) throws {
    var network = try TwoLayerNetwork(neurons: 5)
    network.displacement = network.displacement.map { _ in 0 }
    let c = Case(order: 2, isRandomized: isRandomized, coefficient: 2, penalty: 0.3, exponent: 8)
    let plain = PlainRisk(network, order: 2, c.movement, seed: 9)
    let model = try network.model(order: 2, c.movement, seed: 9, on: backend)
    let risk = try TrainingRisk(
      model, loss: .mse, examples: examples(plain), count: 4,
      isTrainable: trainable(network.network), movement: c.movement)
    let landscape = try Landscape(risk, Lanczos(tolerance: 1e-12, limit: 20))
    #expect(landscape.gradientNorm == 0)
    let (m, n) = (network.neurons, network.inputs)
    var dense = [Double](repeating: 0, count: m * (n + 1) * m * (n + 1))
    for r in 0..<m {
      for i in 0..<4 {
        let x = Array(network.x[(i * n)..<((i + 1) * n)]) + [1]
        let w = Array(network.center[(r * n)..<((r + 1) * n)]) + [network.center[m * n + r]]
        let y = tanh(inner(w, x))
        let factor =
          network.center[m * (n + 1) + r] * (-plain.targets[i] / 4) * (-2 * y * (1 - y * y))
        for a in 0...n {
          for b in 0...n {
            dense[(r * (n + 1) + a) * m * (n + 1) + r * (n + 1) + b] += factor * x[a] * x[b]
          }
        }
      }
    }
    let expected = try #require(LAPACK.eigenvalues(dense, m * (n + 1)))
    let (most, least) = (expected[0], expected[expected.count - 1])
    #expect(most > 1e-2 && least < -1e-2)
    #expect(abs(landscape.hessian.largest.value - most) < 1e-11)
    #expect(abs(landscape.hessian.smallest.value - least) < 1e-11)
  }

  /// No movement, no penalty, no derivatives of one: never a division by zero.
  @Test(arguments: [1, 2, 3, 4, 8]) func noMovementHasNoPenalty(_ p: Int) throws {
    var network = try TwoLayerNetwork(neurons: 4)
    network.displacement = network.displacement.map { _ in 0 }
    let movement = MovementSettings(movementPenalty: 0.5, movementExponent: p)
    let model = try network.model(order: 1, movement, on: backend)
    let penalty = try PenaltyCurvature(model, factor: 0.5, exponent: p)
    let zero = network.displacement
    let target = try vector(sample(zero.count, seed: 1))
    try penalty.apply(vector(sample(zero.count, seed: 2)), into: target)
    #expect(try backend.download(target) == zero)
    try penalty.gradient(into: target)
    #expect(try backend.download(target) == zero && penalty.value() == 0)
  }

  /// A report in float32 has the same bits on every back end.
  @Test(arguments: [
    Case(order: 0, penalty: 0.01), Case(order: 3, signOrder: 2), Case(order: 0, signOrder: 3),
    Case(order: 2, isRandomized: false, coefficient: 2),
  ]) func sameBitsEverywhere(_ c: Case) throws {
    let network = try denseNetwork([6, 9, 3], [.tanh], .ntk)
    let count = network.parameterCount
    let delta = network.sampleParameters(seed: 2, scale: 0.5)
    let results = try BackendUnderTest.onEach { backend in
      let model = try Model(
        network, center: backend.matrix(1, count, .float32), order: c.order, on: backend,
        movement: c.movement, seed: 4, frozen: ["layers.2"])
      try model.load(center: network.sampleParameters(seed: 1), displacement: delta)
      let examples = ResidentExamples(
        inputs: try backend.matrix(5, 6, .float32, sample(30, seed: 4)),
        targets: try backend.matrix(
          5, 3, .float32, (0..<15).map { $0 % 3 == $0 / 3 % 3 ? 1 : 0 }),
        isClassification: true)
      let risk = try TrainingRisk(
        model, loss: .crossEntropy, examples: examples, count: 5,
        isTrainable: FreezePattern.trainable(network.parameters, frozen: ["layers.2"]),
        movement: c.movement)
      let landscape = try Landscape(risk, Lanczos(tolerance: 1e-3, limit: 10))
      let ends = landscape.hessian
      return bits([
        landscape.loss, landscape.gradientNorm, ends.largest.value, ends.largest.residual,
        ends.smallest.value, ends.smallest.residual, Double(ends.products),
      ])
    }
    for (place, result) in results { #expect(result == results[0].result, "\(place), \(c)") }
  }
}
