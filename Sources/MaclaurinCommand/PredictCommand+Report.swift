import ArgumentParser
import Maclaurin

extension PredictCommand {
  /// What the solve and its results take.
  private func cost(
    _ loaded: PredictionExamples.Loaded, _ method: KernelSolve
  ) throws -> (bytes: Double, flops: Double) {
    let isFull = training.width == .finite
    let block = isFull ? loaded.outputs : 1
    return method.cost(
      n: loaded.train * block, m: loaded.test * block, columns: isFull ? 1 : loaded.outputs,
      covariance: !needsCovariance
        ? nil : inference == .ensemble && training.kind == .ntk ? .ntk : .nngp,
      times: try training.times().count)
  }

  func checkMemory(_ loaded: PredictionExamples.Loaded, _ method: KernelSolve) throws {
    let needed = try cost(loaded, method).bytes
    guard needed > Double(HostMachine.memory) else { return }
    throw KernelError(
      "\(loaded.train) training and \(loaded.test) test examples need "
        + "\(bytesText(Int(min(needed, 1e18)))), and this machine has "
        + "\(bytesText(HostMachine.memory)); give fewer, for example by --train-size")
  }

  func showPlan(_ loaded: PredictionExamples.Loaded, _ method: KernelSolve) throws {
    let cost = try cost(loaded, method)
    var rows = [
      ["method", method.rawValue], ["training examples", String(loaded.train)],
      ["test examples", String(loaded.test)], ["outputs", String(loaded.outputs)],
      ["memory", bytesText(Int(min(cost.bytes, 1e18)))],
    ]
    rows.append([method == .ode ? "GFLOP per step" : "GFLOP", fixed(cost.flops / 1e9, 3)])
    report.result(
      [
        "method": .string(method.rawValue), "examples": .number(Double(loaded.train)),
        "test_examples": .number(Double(loaded.test)),
        "outputs": .number(Double(loaded.outputs)), "peak_bytes": .number(cost.bytes),
        method == .ode ? "flops_per_step" : "flops": .number(cost.flops),
      ], table(rows), nil)
  }

  /// A time in JSON, which has no infinity.
  private static func json(_ time: Double) -> JSONValue {
    time.isFinite ? .number(time) : .string("inf")
  }

  private static func text(_ number: Double) -> String {
    number.isFinite ? String(number) : "∞"
  }

  /// The loss on the test examples; nil where their targets are not known.
  func testLoss(_ loaded: PredictionExamples.Loaded, _ kind: Loss.Kind) -> OutputLoss? {
    guard loaded.knowsTest else { return nil }
    return OutputLoss(
      kind, targets: loaded.set.test.targetDoubles(), outputs: loaded.outputs)
  }

  func show(
    _ prediction: Prediction, _ loaded: PredictionExamples.Loaded, _ loss: OutputLoss,
    _ lines: [String], seconds: Double
  ) throws {
    let times = try training.times()
    let conditioning = prediction.conditioning
    let rate = conditioning.largestStableLearningRate(
      entries: loss.targets.count, momentum: training.momentum)
    let test = testLoss(loaded, loss.kind)
    if loss.kind == .mse, training.learningRate > rate,
      times.contains(where: { $0 > 0 && $0 < .infinity })
    {
      report.note(
        "The learning rate \(training.learningRate) is above the largest stable one, \(rate): gradient "
          + "descent diverges there, and what is shown is gradient flow")
    }
    // What follows the times: name, and its value at each.
    var columns = [("train_loss", prediction.train.map(loss.value))]
    if let test { columns.append(("test_loss", prediction.test.map(test.value))) }
    if loaded.set.classCount != nil {
      columns.append(("train_accuracy", prediction.train.map(loss.accuracy)))
      if let test { columns.append(("test_accuracy", prediction.test.map(test.accuracy))) }
    }
    var members: [String: JSONValue] = [
      "kind": .string(training.kind.rawValue), "width": .string(training.width.rawValue),
      "inference": .string(inference.rawValue), "loss": .string(loss.kind.rawValue),
      "method": .string(prediction.method.rawValue),
      "time": training.isList ? .array(times.map(Self.json)) : Self.json(times[0]),
      "learning_rate": .number(training.learningRate), "momentum": .number(training.momentum),
      "ridge": .number(training.ridge), "examples": .number(Double(loaded.train)),
      "test_examples": .number(Double(loaded.test)), "outputs": .number(Double(loaded.outputs)),
      "smallest_eigenvalue": .number(conditioning.smallestEigenvalue),
      "largest_eigenvalue": .number(conditioning.largestEigenvalue),
      "condition_number": RunFiles.number(conditioning.conditionNumber),
      "seconds": .number(seconds),
    ]
    members["report"] = page.map { .string($0 + "/report.html") }
    members["steps"] = prediction.steps.map { .number(Double($0)) }
    if loss.kind == .mse { members["largest_stable_learning_rate"] = RunFiles.number(rate) }
    for (name, values) in columns {
      members[name] =
        training.isList ? .array(values.map(RunFiles.number)) : RunFiles.number(values[0])
    }
    for (name, file) in [("mean", mean), ("covariance", covariance), ("deviation", deviation)] {
      members[name] = file.map { .string($0) }
    }
    var rows = [
      ["method", prediction.method.rawValue],
      ["examples", "\(loaded.train), \(loaded.test) predicted"],
      ["smallest eigenvalue", Self.text(conditioning.smallestEigenvalue)],
      ["condition number", Self.text(conditioning.conditionNumber)],
      ["relative ridge", String(training.ridge)],
    ]
    if loss.kind == .mse { rows.append(["largest stable learning rate", Self.text(rate)]) }
    if let steps = prediction.steps { rows.append(["steps", String(steps)]) }
    let header = ["time"] + columns.map { $0.0.split(separator: "_").joined(separator: " ") }
    let values = times.enumerated().map { index, time in
      [time.isFinite ? String(time) : "inf"] + columns.map { fixed($0.1[index], 6) }
    }
    let text = [table(rows), "", table([header] + values)] + lines
    report.result(members, text.joined(separator: "\n"), nil)
  }
}
