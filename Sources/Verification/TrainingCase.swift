import Compute
import DataSets
import Networks
import Scheduling
import Training

/// A short training run, whose final parameters must have the same SHA-256 everywhere.
struct TrainingCase {
  /// 0 for the network itself.
  let order: Int
  let loss: Loss.Kind
  let activation: Activation
  /// Convolutions, residual blocks, pools, layer norm and dropout in place of dense layers.
  var isConvolutional = false

  static let steps = 30
  static let convolutionalSteps = 6
  static let batchSize = 16
  static let examples = 96

  /// Orders full, 1, 2, 3 (quick: full and 2) and both losses; images in two of them.
  static func all(quick: Bool) -> [TrainingCase] {
    let orders = quick ? [0, 2] : [0, 1, 2, 3]
    return orders.flatMap { order in
      Loss.Kind.allCases.map { loss in
        TrainingCase(order: order, loss: loss, activation: loss == .mse ? .tanh : .relu)
      }
    }
      + (quick ? [2] : [0, 2]).map { order in
        TrainingCase(
          order: order, loss: .crossEntropy, activation: .tanh, isConvolutional: true)
      }
  }

  var label: String {
    "\(isConvolutional ? Self.convolutionalSteps : Self.steps) steps, "
      + "order \(order == 0 ? "full" : "\(order)"), \(loss.rawValue), \(activation.rawValue)"
      + (isConvolutional ? ", convolutional" : "")
  }

  private func description(_ set: DataSet) throws -> NetworkDescription {
    guard isConvolutional else {
      return try NetworkPreset(parsing: "mlp:37x2")!.description(
        input: set.inputShape, outputs: set.outputs, activation: activation,
        parameterization: .standard, weightStd: 1.25, biasStd: 0.1)
    }
    func conv(_ channels: Int, stride: Int = 1) -> LayerDescription {
      .conv(
        .init(
          channels: channels, kernel: .init(3, 3), stride: .init(stride, stride), padding: .same,
          weightStd: 1.25, biasStd: 0.1))
    }
    let act = LayerDescription.activation(activation)
    return NetworkDescription(
      input: set.inputShape,
      layers: [
        conv(5), act, .dropout(rate: 0.1),
        .residual(
          .init(main: [act, conv(7, stride: 2), act, conv(7)], shortcut: [conv(7, stride: 2)])),
        .layerNorm(.init(isAffine: true)), .residual(.init(main: [act, conv(7)], scale: 0.5)),
        .maxPool(.init(window: .init(2, 2), stride: .init(1, 1))),
        .avgPool(.init(window: .init(2, 2))), .flatten, .dense(.init(units: set.outputs)),
      ])
  }

  /// The SHA-256 of the final parameters of a run on `backend`, and that of the outputs of an
  /// evaluation in several batches after it.
  func hashes(on backend: any Backend) throws -> [String] {
    let set = try Digits.load()
    let network = try Network(description(set))
    let steps = isConvolutional ? Self.convolutionalSteps : Self.steps
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 1, on: backend)
    // Networks this small are not interpolated unless they must be.
    let model = try Model(
      network, center: center, order: order, on: backend,
      products: order == 3 && loss == .mse ? .interpolated : .auto)
    let settings = TrainingSettings(
      order: order, loss: loss, optimizer: .momentum, learningRate: 0.05, weightDecay: 1e-3,
      clipNorm: 2, batchSize: Self.batchSize, steps: steps, seed: 1, logEvery: steps)
    guard case .classes(let labels, let count) = set.train.targets else {
      preconditionFailure("digits have classes")
    }
    let examples = Examples(
      set.train.doubles(rows: 0..<Self.examples), inputSize: set.train.inputSize,
      targets: .classes(labels: Array(labels.prefix(Self.examples)), count: count))
    let resident = try ResidentExamples(examples, type: .float32, on: backend)
    let parameters = try Trainer(model, settings, train: resident).run().parametersSHA256
    let (_, outputs) = try Evaluator(Objective(loss), batchSize: Self.batchSize)
      .evaluate(model, on: resident)
    return [parameters, Trainer.hash(try backend.download(outputs))]
  }
}

extension Verification {
  /// A run on every contender and under the scheduler, compared with runs on the CPU path.
  func run(_ training: TrainingCase) -> [VerificationReport.Result] {
    let expected: [String]
    do {
      let hashes = try judges.map { try training.hashes(on: $0) }
      guard hashes.allSatisfy({ $0 == hashes[0] }) else {
        throw BackendError("1 and 2 threads end with different parameters")
      }
      expected = hashes[0]
    } catch {
      return [
        VerificationReport.Result(
          operation: "training", label: training.label, failure: "on the CPU path: \(error)")
      ]
    }
    let runs =
      contenders.map { contender in (contender.family, { contender.backend }) }
      + SchedulerVariant.allCases.map { variant in
        (variant.label, { try self.scheduler(variant) as any Backend })
      }
    return runs.map { name, backend in
      var result = VerificationReport.Result(
        operation: "training", label: "\(training.label) [\(name)]")
      do {
        let backend = try backend()
        let hashes = try training.hashes(on: backend)
        if let scheduler = backend as? Scheduler,
          let idle = scheduler.report.first(where: { $0.operations == 0 })
        {
          result.failure = "no operation ran on \(idle.name)"
        }
        result.hasSameBits = hashes == expected
        for (what, (own, other)) in zip(
          ["final parameters", "outputs"], zip(hashes, expected)) where own != other
        {
          result.failure =
            "the \(what) have the SHA-256 \(own.prefix(16))…, but \(other.prefix(16))… on the CPU "
            + "path"
        }
      } catch {
        result.failure = "\(error)"
      }
      return result
    }
  }
}
