import Maclaurin

extension PredictCommand {
  func checkPage() throws {
    guard let page else {
      guard folder == nil else { throw Misuse("--run is drawn in --report; give it, too") }
      return
    }
    try OutputFile.checkFolder(page, option: "--report")
  }

  /// report.html: means with two standard deviations, one prediction for each time.
  ///
  /// - Returns: sentences on what was found.
  func writePage(
    _ prediction: Prediction, _ loaded: PredictionExamples.Loaded, _ trainLoss: OutputLoss,
    to folder: String
  ) throws -> [String] {
    let times = try training.times()
    let name = "\(training.kind == .ntk ? "NTK" : "NNGP") \(inference.rawValue)"
    let predictions = times.indices.map { index in
      let time = times[index].isFinite ? fixed(times[index], times[index] < 10 ? 1 : 0) : "∞"
      return PredictionReport.Prediction(
        times.count > 1 ? "\(name) at time \(time)" : name, mean: prediction.test[index],
        variance: prediction.deviations.isEmpty
          ? nil : prediction.deviations[index].map { $0 * $0 })
    }
    let (x1, x2) = (loaded.inputs(loaded.set.train), loaded.inputs(loaded.set.test))
    let conditioning = prediction.conditioning
    let testLoss = testLoss(loaded, trainLoss.kind)
    var report = PredictionReport(
      title: "Predicted outputs",
      lead:
        "\(loaded.train) training examples, \(loaded.test) predicted, \(training.width.rawValue) "
        + "width", features: x1.count / loaded.train, outputs: loaded.outputs, trainInputs: x1,
      trainTargets: loaded.set.train.targetDoubles(), inputs: x2,
      targets: loaded.knowsTest ? loaded.set.test.targetDoubles() : nil,
      predictions: predictions,
      remarks: [
        "The kernel's smallest eigenvalue is \(number(conditioning.smallestEigenvalue)), its condition "
          + "number \(number(conditioning.conditionNumber)), the relative ridge "
          + "\(number(training.ridge))."
      ],
      settings: [
        "model": .string(network ?? model.model), "kind": .string(training.kind.rawValue),
        "width": .string(training.width.rawValue), "inference": .string(inference.rawValue),
        "loss": .string(training.loss.rawValue), "time": .string(training.time),
        "learning-rate": .number(training.learningRate), "ridge": .number(training.ridge),
      ])
    if times.count > 1 {
      let finite = times.indices.filter { times[$0].isFinite }
      func curve(_ name: String, _ values: [[Double]], _ loss: OutputLoss) -> LossCurve {
        LossCurve(
          name, times: finite.map { times[$0] }, losses: finite.map { loss.value(values[$0]) })
      }
      report.losses.append(curve("training loss, predicted", prediction.train, trainLoss))
      if let testLoss {
        report.losses.append(curve("test loss, predicted", prediction.test, testLoss))
      }
    }
    if let run = self.folder { report.losses.append(try LossCurve.ofRun(in: run)) }
    try report.write(to: folder)
    return report.findings + ["\(folder)/report.html"]
  }

  /// Three digits.
  private func number(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return value == 0 ? "0" : "∞" }
    return NumberText.significant(value, 3)
  }
}
