import Compute
import DataSets
import Networks
import TestSupport
import Testing
import Training

/// Multipliers, initial deviations and learning rates by layer.
@BackendActor @Suite struct LayerRateTests {
  private let backend: any Backend

  init() throws { backend = try BackendUnderTest.openblas2.backend() }

  private func settings(
    _ order: Int, _ optimizer: TrainingSettings.Optimizer = .sgd,
    _ rates: [String] = []
  ) throws -> TrainingSettings {
    var settings = TrainingSettings(
      order: order, loss: .crossEntropy, optimizer: optimizer,
      learningRate: optimizer == .sgd || optimizer == .momentum ? 0.05 : 0.01, batchSize: 25,
      steps: 7, seed: 5)
    if !rates.isEmpty { settings.layerRates = try LayerLearningRates(rates) }
    return settings
  }

  /// The parameters at the end.
  private func end(
    _ problem: Problem, _ settings: TrainingSettings, on backend: (any Backend)? = nil
  ) throws -> [Double] {
    let trainer = try problem.trainer(settings, on: backend ?? self.backend)
    _ = try trainer.run()
    return try trainer.parameters()
  }

  // MARK: Parameterizations

  /// The digits with a network of the layers in `scales`, started as `initialize` does.
  private func problem(
    _ scales: [(scales: LayerScales, weightStd: Double, biasStd: Double)],
    _ parameterization: Parameterization = .standard
  ) throws -> Problem {
    var problem = try Problem.digits(.tanh)
    var layers: [LayerDescription] = []
    for (index, units) in [24, 24, 10].enumerated() {
      let layer = scales[index]
      layers.append(
        .dense(
          .init(
            units: units, weightStd: layer.weightStd, biasStd: layer.biasStd, scales: layer.scales)
        ))
      if index < 2 { layers.append(.activation(.tanh)) }
    }
    problem.network = try Network(
      NetworkDescription(input: [64], parameterization: parameterization, layers: layers))
    let vector = try backend.matrix(1, problem.network.parameterCount, .float64)
    try problem.network.initialize(vector, seed: 3, on: backend)
    problem.start = try backend.download(vector)
    return problem
  }

  /// (a, b, c) and (a + θ, b − θ, c − 2θ) train the same function by gradient descent: parameters
  /// of the one are those of the other times n^θ, for the network and for its expansions.
  @Test(arguments: [(0, TrainingSettings.Optimizer.sgd), (0, .momentum), (1, .sgd), (2, .momentum)])
  func abcSymmetry(_ order: Int, _ optimizer: TrainingSettings.Optimizer) throws {
    // n^{−θ} of each layer's weight and bias: no powers of two.
    let shifts = [(0.7, 1.3), (2.1, 0.6), (0.45, 3.1)]
    let own = [
      LayerScales(multiplier: 1.1, biasMultiplier: 0.9, learningRate: 0.7, biasLearningRate: 1.2),
      LayerScales(multiplier: 0.8, learningRate: 1.4), LayerScales(biasMultiplier: 1.5),
    ]
    let first = try problem(own.map { ($0, 1.2, 0.3) })
    var second = try problem(
      zip(own, shifts).map { scales, shift in
        (
          LayerScales(
            multiplier: scales.multiplier * shift.0,
            biasMultiplier: scales.biasMultiplier * shift.1,
            learningRate: scales.learningRate / (shift.0 * shift.0),
            biasLearningRate: scales.biasLearningRate / (shift.1 * shift.1)),
          1.2 / shift.0, 0.3 / shift.1
        )
      })
    // Initial numbers are drawn in float32; here they are the same to the last bits of float64.
    for (index, tensor) in first.network.parameters.enumerated() {
      let shift = index % 2 == 0 ? shifts[index / 2].0 : shifts[index / 2].1
      #expect(
        abs(second.network.parameters[index].initialStd * shift / tensor.initialStd - 1) < 1e-15)
      #expect(
        relativeError(
          second.start[tensor.range].map { $0 * shift }, Array(first.start[tensor.range])) < 1e-6)
      for element in tensor.range { second.start[element] = first.start[element] / shift }
    }
    var settings = try settings(order, optimizer)
    settings.type = .float64
    settings.learningRate = 0.2
    let (one, other) = (try end(first, settings), try end(second, settings))
    for (index, tensor) in first.network.parameters.enumerated() {
      let shift = index % 2 == 0 ? shifts[index / 2].0 : shifts[index / 2].1
      let scaled = other[tensor.range].map { $0 * shift }
      let start = Array(first.start[tensor.range])
      let moved = zip(scaled, start).map { $0 - $1 }
      let expected = zip(one[tensor.range], start).map { $0 - $1 }
      #expect(norm(expected) > 1e-3)
      #expect(relativeError(moved, expected) < 1e-10, "\(tensor.name)")
    }
  }

  /// At the base width every factor is 1.
  @Test(arguments: [0, 2], [TrainingSettings.Optimizer.momentum, .adamw])
  func mupAtItsBaseWidthIsStandard(
    _ order: Int, _ optimizer: TrainingSettings.Optimizer
  ) throws {
    let plain = [(scales: LayerScales(), weightStd: 1.2, biasStd: 0.3)]
    let layers = plain + plain + plain
    let standard = try problem(layers)
    let mup = try problem(layers, .mup(baseWidth: 24))
    let wider = try problem(layers, .mup(baseWidth: 8))
    #expect(bits(mup.start) == bits(standard.start))
    #expect(bits(wider.start) != bits(standard.start))
    let settings = try settings(order, optimizer)
    let expected = bits(try end(standard, settings))
    for place in [BackendUnderTest.openblas1, .openclHost] {
      #expect(bits(try end(mup, settings, on: place.backend())) == expected, "\(place)")
    }
  }

  /// Networks with multipliers and factors have the same bits everywhere.
  @Test(arguments: [0, 1, 3])
  func mupHasTheSameBitsEverywhere(_ order: Int) throws {
    let plain = [(scales: LayerScales(multiplier: 0.9), weightStd: 1.2, biasStd: 0.3)]
    let problem = try problem(plain + plain + plain, .mup(baseWidth: 10))
    let settings = try settings(order, .adam)
    let results = try BackendUnderTest.onEach { bits(try end(problem, settings, on: $0)) }
    for (place, result) in results { #expect(result == results[0].result, "\(place)") }
  }

  // MARK: Learning rates

  /// A layer whose factor is 0 keeps its bits, whatever the optimizer and its weight decay, and the
  /// others move as if it were frozen. (A Gauss–Newton step solves for all layers together.)
  @Test(arguments: TrainingSettings.Optimizer.allCases.filter { $0 != .gaussNewton }, [0, 2])
  func factorZeroFreezes(_ optimizer: TrainingSettings.Optimizer, _ order: Int) throws {
    let problem = try Problem.digits(.tanh)
    var rated = try settings(order, optimizer, ["layers.2=0"])
    var frozen = try settings(order, optimizer)
    frozen.frozen = ["layers.2"]
    for decay in [0, 0.1] {
      rated.weightDecay = decay
      frozen.weightDecay = decay
      #expect(bits(try end(problem, rated)) == bits(try end(problem, frozen)))
    }
  }

  /// One factor on everything is another learning rate, decoupled weight decay included.
  @Test(arguments: TrainingSettings.Optimizer.allCases)
  func oneFactorForAll(_ optimizer: TrainingSettings.Optimizer) throws {
    let problem = try Problem.digits(.relu)
    var rated = try settings(1, optimizer, ["*=0.25"])
    rated.weightDecay = 0.1
    var plain = try settings(1, optimizer)
    plain.weightDecay = 0.1
    let before = bits(try end(problem, plain))
    plain.learningRate *= 0.25
    #expect(bits(try end(problem, rated)) == bits(try end(problem, plain)))
    #expect(bits(try end(problem, rated)) != before)
  }

  /// The first step of gradient descent along Δ is −η·g: a factor of 4 is 4 times the step, in its
  /// own tensors alone, and the last pattern that matches holds.
  @Test func factorsReachTheirTensors() throws {
    let problem = try Problem.digits(.tanh)
    func step(_ rates: [String]) throws -> [Double] {
      var settings = try settings(1, .sgd, rates)
      settings.steps = 1
      let trainer = try problem.trainer(settings, on: backend)
      _ = try trainer.run()
      return try backend.download(try #require(trainer.model.displacement))
    }
    let plain = try step([])
    let rated = try step(["layers.2=8", "*.bias=0.5", "layers.2.weight=4"])
    let factors = [1, 0.5, 4, 0.5, 1, 0.5]
    for (tensor, factor) in zip(problem.network.parameters, factors) {
      let expected = plain[tensor.range].map { $0 * factor }
      #expect(bits(Array(rated[tensor.range])) == bits(expected), "\(tensor.name)")
    }
  }

  /// The network file's factors and those of the settings multiply.
  @Test func fileAndSettings() throws {
    let own = [
      LayerScales(learningRate: 0.5, biasLearningRate: 2), LayerScales(learningRate: 0.125),
      LayerScales(),
    ]
    let inFile = try problem(own.map { ($0, 1.2, 0.3) })
    let plain = try problem(own.map { _ in (LayerScales(), 1.2, 0.3) })
    let expected = try end(
      plain, settings(0, .momentum, ["layers.0=0.5", "layers.0.bias=2", "layers.2=0.5"]))
    #expect(
      bits(try end(inFile, settings(0, .momentum, ["layers.2=4"]))) == bits(expected))
  }

  @Test func wrongPatterns() throws {
    for entry in ["", "=2", "layers.0", "layers.0=", "layers.0=x", "layers.0=-1", "layers.0=inf"] {
      let error = #expect(throws: TrainingError.self) { _ = try LayerLearningRates([entry]) }
      #expect(error?.description.contains("PATTERN=FACTOR") == true)
    }
    let problem = try Problem.digits(.tanh)
    let error = #expect(throws: TrainingError.self) {
      _ = try problem.trainer(settings(0, .sgd, ["layers.7=2"]), on: backend)
    }
    #expect(error?.description.contains("--layer-lr layers.7=2 matches no tensor") == true)
  }
}
