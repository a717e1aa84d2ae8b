import Compute
import DataSets
import Networks
import Training

/// A short training run, whose final parameters must have the same SHA-256 everywhere.
struct TrainingCase {
  /// 0 for the network itself.
  let order: Int
  let loss: Loss.Kind
  let activation: Activation

  static let steps = 30
  static let batchSize = 16
  static let examples = 96

  /// Orders full, 1, 2, 3 (quick: full and 2) and both losses.
  static func all(quick: Bool) -> [TrainingCase] {
    (quick ? [0, 2] : [0, 1, 2, 3]).flatMap { order in
      Loss.Kind.allCases.map { loss in
        TrainingCase(order: order, loss: loss, activation: loss == .mse ? .tanh : .relu)
      }
    }
  }

  var label: String {
    "\(Self.steps) steps, order \(order == 0 ? "full" : "\(order)"), \(loss.rawValue), "
      + activation.rawValue
  }

  /// The SHA-256 of the final parameters of a run on `backend`.
  func parametersHash(on backend: any Backend) throws -> String {
    let set = try Digits.load()
    let network = try Network(
      NetworkPreset(parsing: "mlp:37x2")!.description(
        input: set.inputShape, outputs: set.outputs, activation: activation,
        parameterization: .standard, weightStd: 1.25, biasStd: 0.1))
    let center = try backend.matrix(1, network.parameterCount, .float32)
    try network.initialize(center, seed: 1, on: backend)
    let model = try Model(network, center: center, order: order, on: backend)
    let settings = TrainingSettings(
      order: order, loss: loss, optimizer: .momentum, learningRate: 0.05, weightDecay: 1e-3,
      clipNorm: 2, batchSize: Self.batchSize, steps: Self.steps, seed: 1, logEvery: Self.steps)
    guard case .classes(let labels, let count) = set.train.targets else {
      preconditionFailure("digits have classes")
    }
    let examples = Examples(
      set.train.doubles(rows: 0..<Self.examples), inputSize: set.train.inputSize,
      targets: .classes(labels: Array(labels.prefix(Self.examples)), count: count))
    let trainer = try Trainer(
      model, settings, train: ResidentExamples(examples, type: .float32, on: backend))
    return try trainer.run().parametersSHA256
  }
}

extension Verification {
  /// A run on every contender, compared with runs on the CPU path.
  func run(_ training: TrainingCase) -> [VerificationReport.Result] {
    let expected: String
    do {
      let hashes = try judges.map { try training.parametersHash(on: $0) }
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
    return contenders.map { contender in
      var result = VerificationReport.Result(
        operation: "training", label: "\(training.label) [\(contender.family)]")
      do {
        let hash = try training.parametersHash(on: contender.backend)
        result.hasSameBits = hash == expected
        if hash != expected {
          result.failure =
            "the final parameters have the SHA-256 \(hash.prefix(16))…, but \(expected.prefix(16))… "
            + "on the CPU path"
        }
      } catch {
        result.failure = "\(error)"
      }
      return result
    }
  }
}
