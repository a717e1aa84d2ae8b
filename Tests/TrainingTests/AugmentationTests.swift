import Compute
import DataSets
import Networks
import TestSupport
import Testing
import Training

/// Augmented and normalised images in training and evaluation.
@BackendActor @Suite struct AugmentationTests {
  private static func digits(
    _ augmentation: Augmentation, _ normalization: ImageNormalization? = nil
  ) throws -> DataSet {
    var options = DataSetOptions()
    options.trainSize = 50
    options.augmentation = augmentation
    options.normalization = normalization.map { .given($0) } ?? .none
    return try Digits.load(options)
  }

  private static let all = Augmentation(padding: 1, offsets: .image, flips: true)
  private static let normalization = ImageNormalization(means: [0.3], deviations: [0.4])

  private func trainer(
    _ settings: TrainingSettings, _ set: DataSet, on backend: any Backend,
    directory: RunDirectory? = nil
  ) throws -> Trainer {
    let network = try denseNetwork([64, 12, 10], [.tanh])
    let center = try backend.matrix(1, network.parameterCount, settings.type)
    try network.initialize(center, seed: 4, on: backend)
    let model = try Model(network, center: center, order: settings.order, on: backend)
    return try Trainer(
      model, settings, train: ResidentExamples(set.train, type: settings.type, on: backend),
      test: ResidentExamples(set.test, type: settings.type, on: backend), directory: directory)
  }

  private func settings(
    _ order: Int, rate: Double = 0.1, type: ScalarType = .float32
  ) -> TrainingSettings {
    TrainingSettings(
      order: order, loss: .crossEntropy, learningRate: rate, batchSize: 20, steps: 9, seed: 6,
      type: type, checkpointEvery: 4, logEvery: 1)
  }

  private func losses(
    _ order: Int, _ set: DataSet, on backend: any Backend
  ) throws -> [Double] {
    let folder = TemporaryFolder("augmentation")
    let directory = try makeDirectory(folder)
    _ = try trainer(settings(order, rate: 0), set, on: backend, directory: directory).run()
    return try metric("loss", directory)
  }

  /// With learning rate 0 every order computes the losses of the start on the batches it sees.
  @Test func everyOrderSeesTheSameImages() throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let set = try Self.digits(Self.all, Self.normalization)
    let full = try losses(0, set, on: backend)
    #expect(full.count == 9 && Set(full).count == 9)
    for order in [1, 3] { #expect(try losses(order, set, on: backend) == full) }
    // The same examples, other crops and flips.
    let plain = try losses(0, Self.digits(.none, Self.normalization), on: backend)
    #expect(zip(plain, full).allSatisfy { $0 != $1 })
    let batch = Augmentation(padding: 1, offsets: .batch, flips: true)
    #expect(try losses(0, Self.digits(batch, Self.normalization), on: backend) != full)
  }

  @Test func sameBitsEverywhere() throws {
    let set = try Self.digits(Self.all, Self.normalization)
    for order in [0, 2] {
      let hashes = try BackendUnderTest.onEach {
        try trainer(settings(order), set, on: $0).run().parametersSHA256
      }
      #expect(Set(hashes.map(\.result)).count == 1, "\(hashes)")
    }
  }

  /// Crops and flips are functions of the step: a run that goes on from a checkpoint draws the same.
  @Test func resuming() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let set = try Self.digits(Self.all, Self.normalization)
    let whole = try trainer(settings(2), set, on: backend).run()
    let folder = TemporaryFolder("resume")
    let first = try trainer(settings(2), set, on: backend, directory: makeDirectory(folder))
    var asked = 0
    first.shouldStop = {
      asked += 1
      return asked == 5
    }
    #expect(try first.run().wasInterrupted)
    let second = try trainer(
      settings(2), set, on: backend, directory: makeDirectory(folder, resume: true))
    let resumed = try second.run()
    #expect(resumed.parametersSHA256 == whole.parametersSHA256)
    #expect(resumed.test == whole.test && resumed.train == whole.train)
  }

  /// Evaluations normalise and do not augment: as on inputs that were normalised beforehand.
  @Test(arguments: [0, 2])
  func evaluation(_ order: Int) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let set = try Self.digits(Self.all, Self.normalization)
    let trainer = try trainer(settings(order, type: .float64), set, on: backend)
    _ = try trainer.run()
    for (examples, name) in [(set.train, "train"), (set.test, "test")] {
      let values = examples.doubles().map { ($0 - 0.3) / 0.4 }
      let prepared = Examples(values, inputSize: 64, targets: examples.targets)
      func evaluate(_ examples: Examples) throws -> Evaluation {
        try Evaluator(Objective(.crossEntropy), batchSize: 17).evaluate(
          trainer.model, on: ResidentExamples(examples, type: .float64, on: backend)
        ).0
      }
      let (own, expected) = (try evaluate(examples), try evaluate(prepared))
      #expect(abs(own.loss - expected.loss) < 1e-12 * abs(expected.loss), "\(name)")
      #expect(own.accuracy == expected.accuracy)
      let bare = Examples(examples.doubles(), inputSize: 64, targets: examples.targets)
      #expect(try evaluate(bare).loss != own.loss)
    }
  }

  /// Without anything to do images take the way that they always took.
  @Test func nothingToDo() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let set = try Self.digits(.none)
    #expect(set.images == nil)
    let bare = DataSet(
      name: "bare", inputShape: [64],
      train: Examples(set.train.doubles(), inputSize: 64, targets: set.trainTargets),
      test: Examples(set.test.doubles(), inputSize: 64, targets: set.testTargets))
    #expect(
      try trainer(settings(1), set, on: backend).run().parametersSHA256
        == trainer(settings(1), bare, on: backend).run().parametersSHA256)
  }

  /// Centred targets: the loss is that of one-hot targets minus 1/10, by hand; accuracy the same.
  @Test func centredTargets() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    var options = DataSetOptions()
    options.trainSize = 50
    options.targetEncoding = .centred
    let set = try Digits.load(options)
    var settings = settings(0, type: .float64)
    settings.loss = .mse
    let trainer = try trainer(settings, set, on: backend)
    _ = try trainer.run()
    let (evaluation, outputs) = try Evaluator(Objective(.mse)).evaluate(
      trainer.model, on: ResidentExamples(set.test, type: .float64, on: backend))
    let f = try backend.download(outputs)
    guard case .classes(let labels, _) = set.testTargets else {
      Issue.record("no classes")
      return
    }
    var (sum, right) = (0.0, 0)
    for (row, label) in labels.enumerated() {
      let own = Array(f[row * 10..<(row + 1) * 10])
      for (o, value) in own.enumerated() {
        let difference = value - (o == Int(label) ? 0.9 : -0.1)
        sum += 0.5 * difference * difference
      }
      if own.indices.max(by: { own[$0] < own[$1] }) == Int(label) { right += 1 }
    }
    #expect(abs(evaluation.loss - sum / Double(10 * labels.count)) < 1e-13)
    #expect(evaluation.accuracy == Double(right) / Double(labels.count))
  }
}
