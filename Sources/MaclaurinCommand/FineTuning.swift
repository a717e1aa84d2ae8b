import Maclaurin

/// Ordinary training from given parameters for a given amount of work.
struct FineTuning {
  /// Outputs at the test inputs, [m·O].
  var outputs: [Double]
  var steps: Int
  /// Examples in a step.
  var batchSize: Int
  var seconds: Double

  static let learningRate = 1e-3
  static let largestBatch = 128
  static let mostSteps = 100_000

  /// - Parameters:
  ///   - frozen: names of tensors that keep their values.
  ///   - steps: nil for as many as `flops` suffice for, at least one.
  init(
    _ adapted: AdaptedNetwork, _ part: AdaptExamples.Part, train: Matrix, test: Matrix,
    _ likelihood: SavedPosterior.Likelihood, frozen: [String], seed: UInt64, steps: Int?,
    flops: Double,
    on device: any Backend
  ) throws {
    let start = ContinuousClock.now
    let (network, type) = (adapted.network, adapted.center.type)
    var settings = TrainingSettings(
      order: 0, loss: likelihood == .softmax ? .crossEntropy : .mse, optimizer: .adam,
      learningRate: Self.learningRate, batchSize: min(Self.largestBatch, part.count), steps: 1,
      seed: seed, type: type, logEvery: 1000, frozen: frozen)
    let perStep = try TrainingPlan(network, settings, examples: [part.count])
      .contractionFlopsPerStep
    settings.steps =
      steps ?? Int(min(Double(Self.mostSteps), max(1, (flops / perStep).rounded(.down))))
    (self.steps, batchSize) = (settings.steps, settings.batchSize)
    let examples = ResidentExamples(
      inputs: train,
      targets: try device.matrix(part.count, network.outputCount, type, part.targets),
      isClassification: part.labels != nil)
    let model = try Model(
      network, center: device.matrix(1, network.parameterCount, type, adapted.values),
      settings: settings, on: device)
    let trainer = try Trainer(model, settings, train: examples)
    _ = try trainer.run()
    outputs = try device.download(
      Evaluator(Objective(settings.loss)).outputs(model, at: test))
    seconds = (ContinuousClock.now - start) / .seconds(1)
  }
}
