import Compute
import Networks
import TestSupport
import Testing

@testable import Training

/// The kernel of `TangentProbe` against a Jacobian by central differences, in float64.
@BackendActor @Suite struct TangentProbeTests {
  /// g(x; θ0 + Δ) of the model by its forward pass alone.
  private func value(
    _ model: Model, _ displacement: [Double], _ inputs: Matrix, _ outputs: Int
  ) throws -> [Double] {
    try model.backend.upload(displacement, to: model.state)
    model.displacementChanged()
    try model.updateScale()
    let jet = try model.pushforward(inputs)
    let targets = try model.backend.matrix(inputs.rows, outputs, .float64)
    try model.backend.run(.fill(Fill(targets, value: 0)))
    let results = try Objective.Outputs(
      model.backend, count: inputs.rows, outputs: outputs, type: .float64)
    try Objective(.mse).evaluate(
      model, logits: jet, targets: targets, into: results, cotangent: nil)
    let values = try model.backend.download(results.values)
    return (0..<inputs.rows).map { row in
      (0..<outputs).reduce(0) { $0 + ($1 % 2 == 0 ? 1 : -1) * values[row * outputs + $1] }
    }
  }

  @Test(arguments: [0, 1, 2, 3, 5], [[], ["layers.2"]])
  func kernelIsTheJacobiansProduct(_ order: Int, _ frozen: [String]) throws {
    try check(order, frozen, nil)
  }

  /// Of models that keep a movement, and of one coefficient alone.
  @Test(arguments: [0, 1, 2, 3]) func kernelsOfMovements(_ order: Int) throws {
    let movement =
      order == 0
      ? MovementSettings(movementPenalty: 1) : MovementSettings(coefficient: order)
    try check(order, [], movement)
  }

  private func check(_ order: Int, _ frozen: [String], _ movement: MovementSettings?) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let network = try denseNetwork([5, 6, 4, 3], [.tanh, .gelu])
    let count = network.parameterCount
    let start = network.sampleParameters(seed: 1)
    let inputs = try backend.matrix(4, 5, .float64, sample(20, seed: 4))
    let model = try Model(
      network, center: backend.matrix(1, count, .float64, start), order: order, on: backend,
      movement: movement)
    let state =
      model.displacement == nil ? start : network.sampleParameters(seed: 2, scale: 0.3)
    let trainable = try FreezePattern.trainable(network.parameters, frozen: frozen)
    // Truncation h²/6 times a third derivative of size 1, rounding 10⁻¹⁶/h: below 10⁻⁹.
    let h = 1e-5
    var jacobian: [[Double]] = []
    for (tensor, isTrainable) in zip(network.parameters, trainable) where isTrainable {
      for index in tensor.range {
        var moved = state
        moved[index] = state[index] + h
        let above = try value(model, moved, inputs, 3)
        moved[index] = state[index] - h
        let below = try value(model, moved, inputs, 3)
        jacobian.append(zip(above, below).map { ($0 - $1) / (2 * h) })
      }
    }
    try backend.upload(state, to: model.state)
    model.displacementChanged()
    let probe = try TangentProbe(inputs: inputs, network, frozen: frozen, on: backend)
    let kernel = try probe.start(model).wait()
    #expect(kernel.count == 16)
    for i in 0..<4 {
      for j in 0..<4 {
        let expected = jacobian.reduce(0) { $0 + $1[i] * $1[j] }
        let size = jacobian.reduce(0) { $0 + abs($1[i]) + abs($1[j]) }
        #expect(abs(kernel[4 * i + j] - expected) <= 1e-9 * size, "\(i), \(j)")
      }
    }
  }

  /// More parameters than one product takes: pieces and their rest, with the same kernel on every
  /// back end.
  @Test func longRowsAreTakenInPieces() throws {
    let network = try denseNetwork([300, 220, 2], [.relu])
    let start = network.sampleParameters(seed: 3)
    let kernels = try BackendUnderTest.onEach { backend in
      let inputs = try backend.matrix(3, 300, .float32, sample(900, seed: 5))
      let center = try backend.matrix(1, network.parameterCount, .float32, start)
      let model = try Model(network, center: center, order: 0, on: backend)
      return try TangentProbe(inputs: inputs, network, frozen: [], on: backend).start(model).wait()
    }
    #expect(network.parameterCount > 1 << 16)
    for (backend, kernel) in kernels { #expect(kernel == kernels[0].result, "\(backend)") }
    // The structure of two dense layers: Θ = Σ δδ'(xx' + 1) + hh' + …, in Double.
    let (x, w) = (sample(900, seed: 5).map { Double(Float($0)) }, start.map { Double(Float($0)) })
    func hidden(_ row: Int) -> [Double] {
      (0..<220).map { unit in
        var sum = w[66_000 + unit]
        for k in 0..<300 { sum += w[unit * 300 + k] * x[row * 300 + k] }
        return sum
      }
    }
    let units = (0..<3).map(hidden)
    let signed = (0..<220).map { w[66_220 + $0] - w[66_440 + $0] }
    for i in 0..<3 {
      for j in 0..<3 {
        var inner = 1.0
        for k in 0..<300 { inner += x[i * 300 + k] * x[j * 300 + k] }
        var (sum, size) = (2.0, 2.0)
        for unit in 0..<220 where units[i][unit] > 0 && units[j][unit] > 0 {
          let first = signed[unit] * signed[unit] * inner
          let last = 2 * units[i][unit] * units[j][unit]
          sum += first + last
          size += signed[unit] * signed[unit] * 300 + last
        }
        // At most 1024 + 300 roundings of 2⁻²⁴ in a row.
        #expect(abs(kernels[0].result[3 * i + j] - sum) <= 1500 * 0x1p-24 * size, "\(i), \(j)")
      }
    }
  }
}

/// The centred model of lazy training.
@BackendActor @Suite struct OutputScaleTests {
  /// Its gradient is that of the loss of α(f(x; θ) − f(x; θ0)), over α².
  @Test(arguments: [0, 1, 3], [0.5, 3])
  func gradients(_ order: Int, _ scale: Double) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let network = try denseNetwork([5, 6, 3], [.tanh])
    let count = network.parameterCount
    let start = network.sampleParameters(seed: 1)
    let inputs = try backend.matrix(4, 5, .float64, sample(20, seed: 4))
    let targets = try backend.matrix(4, 3, .float64, sample(12, seed: 5))
    func make(_ scale: Double?) throws -> Model {
      let center = try backend.matrix(1, count, .float64, start)
      return try Model(network, center: center, order: order, on: backend, outputScale: scale)
    }
    let (model, plain) = (try make(scale), try make(nil))
    let before = try outputs(plain, inputs, targets).values
    let movement = network.sampleParameters(seed: 2, scale: 0.3)
    let state = order == 0 ? zip(start, movement).map { $0 + $1 } : movement
    for model in [model, plain] { try backend.upload(state, to: model.state) }
    let moved = try outputs(plain, inputs, targets).values
    let (found, foundLoss) = try outputs(model, inputs, targets)
    var expected = 0.0
    let target = try backend.download(targets)
    for index in found.indices {
      let value = scale * (moved[index] - before[index])
      #expect(abs(found[index] - value) <= 1e-13 * scale * (abs(moved[index]) + 1))
      expected += (value - target[index]) * (value - target[index]) / 24
    }
    #expect(abs(foundLoss - expected) <= 1e-12 * expected)

    let gradient = try backend.matrix(1, count, .float64)
    let results = try Objective.Outputs(backend, count: 4, outputs: 3, type: .float64)
    try Objective(.mse).gradient(
      model, inputs: inputs, targets: targets, into: gradient, outputs: results)
    let slope = try zip(backend.download(gradient), sample(count, seed: 9)).reduce(0) {
      $0 + $1.0 * $1.1
    }
    // Truncation h²/6 times a third derivative along the direction, below 10⁻⁶ in all.
    let h = 1e-5
    func loss(_ sign: Double) throws -> Double {
      let there = zip(state, sample(count, seed: 9)).map { $0 + sign * h * $1 }
      try backend.upload(there, to: model.state)
      return try outputs(model, inputs, targets).loss
    }
    let difference = try (loss(1) - loss(-1)) / (2 * h) / (scale * scale)
    #expect(abs(slope - difference) <= 1e-6 * max(1, abs(difference)), "\(slope) \(difference)")
  }

  private func outputs(
    _ model: Model, _ inputs: Matrix, _ targets: Matrix
  ) throws -> (values: [Double], loss: Double) {
    let (evaluation, outputs) = try Evaluator(Objective(.mse)).evaluate(
      model, on: ResidentExamples(inputs: inputs, targets: targets, isClassification: false))
    return (try model.backend.download(outputs), evaluation.loss)
  }

  /// In a linear model α only rescales Δ: a power of two changes no bit of the outputs.
  @Test func orderOneDoesNotSeeTheScale() throws {
    let problem = try Problem.digits(.tanh)
    func losses(_ scale: Double) throws -> [Double] {
      let backend = try BackendUnderTest.openblas1.backend()
      let settings = TrainingSettings(
        order: 1, loss: .crossEntropy, learningRate: 0.1, batchSize: 20, steps: 6, logEvery: 1)
      let center = try backend.matrix(1, problem.start.count, .float32, problem.start)
      let model = try Model(
        problem.network, center: center, order: 1, on: backend, outputScale: scale)
      let trainer = try Trainer(
        model, settings,
        train: ResidentExamples(problem.train, type: .float32, on: backend))
      var losses: [Double] = []
      trainer.onProgress = { progress in progress.loss.map { losses.append($0) } }
      _ = try trainer.run()
      return losses
    }
    let one = try losses(1)
    #expect(one.count == 6 && Set(one).count == 6)
    #expect(try losses(8) == one)
  }
}
