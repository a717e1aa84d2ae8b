import Maclaurin
import Testing

/// Predictions of one network of finite width against its training: the linearised network is the
/// linear regime, so what differs are the steps of gradient descent.
@Suite struct PredictTrainingTests {
  private static let task = [
    "--model", "mlp:8x1", "--weight-std", "1.4", "--activation", "tanh", "--data", "digits",
    "--train-size", "12", "--classes", "0,1,7", "--seed", "3",
  ]

  /// The largest difference of outputs at the test inputs, and the largest output.
  private func difference(
    loss: String, momentum: Bool, rate: Double, start: [String], in folder: TemporaryFolder
  ) throws -> (error: Double, size: Double) {
    let steps = String(Int((4 / rate).rounded()))
    let out = "run-\(loss)-\(momentum)-\(rate)"
    let trained = try Command.run(
      ["train"] + Self.task + [
        "--order", "1", "--dtype", "float64", "--batch-size", "full", "--loss", loss, "--lr",
        String(rate), "--optimizer", momentum ? "momentum" : "sgd", "--momentum", "0.5", "--steps",
        steps, "--evaluate-every", steps, "--save-logits", "--out", out, "--quiet", "--json",
      ], in: folder)
    #expect(trained.status == 0, "\(trained.errors)")
    let predicted = try Command.run(
      ["predict"] + Self.task.dropLast(2) + start + [
        "--width", "finite", "--time", steps, "--learning-rate", String(rate), "--loss", loss,
        "--momentum", momentum ? "0.5" : "0", "--mean", "m.npy", "--quiet", "--json",
      ], in: folder)
    #expect(predicted.status == 0, "\(predicted.errors)")
    let (logits, mean) = (
      try folder.array("\(out)/logits/step-\(steps).npy"), try folder.array("m.npy")
    )
    #expect(logits.shape == mean.shape && mean.values.allSatisfy(\.isFinite))
    let (trainLoss, predictedLoss) = (
      try trained.number("train_loss"), try predicted.number("train_loss")
    )
    #expect(abs(trainLoss - predictedLoss) < 0.05 * trainLoss)
    #expect(try predicted.json["test_accuracy"] != nil)
    return (
      zip(logits.values, mean.values).reduce(0) { max($0, abs($1.0 - $1.1)) },
      mean.values.reduce(0) { max($0, abs($1)) }
    )
  }

  /// Half the learning rate and twice the steps halve the difference.
  @Test(arguments: ["mse", "cross_entropy"], [false, true])
  func linearRegime(_ loss: String, momentum: Bool) throws {
    let folder = try TemporaryFolder()
    let (coarse, fine) = (
      try difference(
        loss: loss, momentum: momentum, rate: 0.08, start: ["--seed", "3"], in: folder),
      try difference(
        loss: loss, momentum: momentum, rate: 0.04,
        start: ["--parameters", "run-\(loss)-\(momentum)-0.08/initial.safetensors"], in: folder)
    )
    #expect(coarse.error < 0.02 * coarse.size)
    #expect(fine.error < 0.6 * coarse.error && fine.error > 0.3 * coarse.error)
  }
}
