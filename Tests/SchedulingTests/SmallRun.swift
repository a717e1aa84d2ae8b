import Compute
import DataSets
import Networks
import TestSupport
import Training

/// A short training run of an expansion, with every operation that training has.
struct SmallRun {
  private let network: Network
  private let examples: Examples
  private let settings: TrainingSettings

  init(order: Int = 2, loss: Loss.Kind = .crossEntropy, steps: Int = 3) throws {
    network = try denseNetwork([64, 5, 4, 10], [.tanh, .relu])
    let all = try Digits.load().train
    guard case .classes(let labels, let count) = all.targets else { fatalError("classes") }
    examples = Examples(
      all.doubles(rows: 0..<14), inputSize: all.inputSize,
      targets: .classes(labels: Array(labels.prefix(14)), count: count))
    settings = TrainingSettings(
      order: order, loss: loss, optimizer: .momentum, learningRate: 0.1, weightDecay: 1e-3,
      clipNorm: 0.5, batchSize: 5, steps: steps, relinearization: order > 0 ? .every(2) : .never,
      seed: 5,
      logEvery: 1)
  }

  /// The hash of the parameters after the run.
  @BackendActor func hash(on backend: any Backend) throws -> String {
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 3, on: backend)
    let model = try Model(network, center: center, order: settings.order, on: backend)
    let trainer = try Trainer(
      model, settings, train: ResidentExamples(examples, type: .float32, on: backend))
    return try trainer.run().parametersSHA256
  }
}
