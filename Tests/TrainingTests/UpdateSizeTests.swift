import Compute
import Glibc
import Jets
import Networks
import TestSupport
import Testing
import Training

/// How far a few steps move every layer's pre-activations, against the width: not at all in the
/// maximal update parameterization, which is what it is made for, and very much in the standard one.
@BackendActor @Suite struct UpdateSizeTests {
  private let backend: any Backend
  private static let widths = [128, 256, 512, 1024, 2048]
  private static let (examples, inputs, outputs) = (8, 16, 4)
  private static let baseWidth = 64

  init() throws { backend = try BackendUnderTest.openblas2.backend() }

  private func layers(_ width: Int) -> [LayerDescription] {
    [
      .dense(.init(units: width, weightStd: 1.2)), .activation(.tanh),
      .dense(.init(units: width, weightStd: 1.2)), .activation(.tanh),
      .dense(.init(units: Self.outputs)),
    ]
  }

  /// The network up to pre-activation `layer`, as a standard one with multipliers that are written
  /// down here once more: √r, 1, 1/√r for weights, √r, √r, 1 for biases, r the width over the base.
  private func head(_ layer: Int, _ width: Int, isMup: Bool) throws -> Network {
    let root = isMup ? (Double(width) / Double(Self.baseWidth)).squareRoot() : 1
    var layers = Array(layers(width)[...(2 * layer)])
    for (index, (weight, bias)) in [(root, root), (1, root), (1 / root, 1)].enumerated() {
      guard 2 * index < layers.count, case .dense(var dense) = layers[2 * index] else { continue }
      dense.scales = LayerScales(multiplier: weight, biasMultiplier: bias)
      layers[2 * index] = .dense(dense)
    }
    return try Network(NetworkDescription(input: [Self.inputs], layers: layers))
  }

  private func preactivations(
    _ heads: [Network], _ inputs: Matrix, _ parameters: Matrix
  ) throws -> [[Double]] {
    try heads.map { head in
      let part = parameters.slice(at: 0, rows: 1, columns: head.parameterCount)
      let output = try head.pushforward(
        inputs, ParameterJet(center: part), algebra: JetAlgebra(backend, order: 0))
      return try backend.download(output.matrix)
    }
  }

  /// log of the root mean square, over examples, units and two seeds, of each layer's change.
  private func changes(
    _ parameterization: Parameterization, _ optimizer: TrainingSettings.Optimizer, rate: Double,
    steps: Int, width: Int
  ) throws -> [Double] {
    var squares = [0.0, 0, 0]
    let seeds: [UInt64] = [1, 2]
    for seed in seeds {
      let network = try Network(
        NetworkDescription(
          input: [Self.inputs], parameterization: parameterization, layers: layers(width)))
      let heads = try (0..<3).map {
        try head($0, width, isMup: parameterization != .standard)
      }
      let x = try backend.matrix(
        Self.examples, Self.inputs, .float32, sample(Self.examples * Self.inputs, seed: seed))
      let y = try backend.matrix(
        Self.examples, Self.outputs, .float32,
        sample(Self.examples * Self.outputs, seed: seed + 10).map { 3 * $0 })
      let center = try backend.matrix(1, network.parameterCount, .float32)
      try network.initialize(center, seed: seed, on: backend)
      let before = try preactivations(heads, x, center)
      let settings = TrainingSettings(
        order: 0, loss: .mse, optimizer: optimizer, batchSize: Self.examples, steps: steps)
      let model = try Model(network, center: center, order: 0, on: backend)
      let step = try TrainingStep(model, settings)
      for index in 0..<steps {
        try step.run(
          step: index, rate: rate, inputs: x, targets: y,
          lossSum: try backend.matrix(1, 1, .float32), squares: nil)
      }
      let after = try preactivations(heads, x, center)
      for layer in 0..<3 {
        let moved = zip(after[layer], before[layer]).map { $0 - $1 }
        squares[layer] += inner(moved, moved) / Double(moved.count * seeds.count)
      }
    }
    return squares.map { 0.5 * log($0) }
  }

  /// d log(change) / d log(width) of each layer, by least squares.
  private func slopes(
    _ parameterization: Parameterization, _ optimizer: TrainingSettings.Optimizer, rate: Double,
    steps: Int
  ) throws -> [Double] {
    let sizes = try Self.widths.map {
      try changes(parameterization, optimizer, rate: rate, steps: steps, width: $0)
    }
    let x = Self.widths.map { log(Double($0)) }
    let mean = x.reduce(0, +) / Double(x.count)
    return (0..<3).map { layer in
      let top = zip(x, sizes).reduce(0) { $0 + ($1.0 - mean) * $1.1[layer] }
      return top / x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    }
  }

  /// The last layer's change is the output's.
  @Test(arguments: [
    (TrainingSettings.Optimizer.sgd, 0.05, 1), (.sgd, 0.05, 4), (.adam, 0.005, 1),
    (.adam, 0.005, 4),
  ])
  func mupMovesAllWidthsAlike(
    _ optimizer: TrainingSettings.Optimizer, _ rate: Double, _ steps: Int
  ) throws {
    let slopes = try slopes(
      .mup(baseWidth: Self.baseWidth), optimizer, rate: rate, steps: steps)
    for slope in slopes { #expect(abs(slope) < 0.1, "\(slopes)") }
  }

  /// By theory −½, ½, 1 for gradient descent and 0, 1, 3/2 for Adam.
  @Test(arguments: [
    (TrainingSettings.Optimizer.sgd, 1e-4, 1), (.sgd, 1e-4, 3), (.adam, 1e-5, 1),
    (.adam, 1e-5, 3),
  ])
  func standardDoesNot(
    _ optimizer: TrainingSettings.Optimizer, _ rate: Double, _ steps: Int
  ) throws {
    let slopes = try slopes(.standard, optimizer, rate: rate, steps: steps)
    #expect(slopes.contains { abs($0) > 0.3 }, "\(slopes)")
    #expect(slopes[2] > 0.3, "\(slopes)")
  }
}
