import FoundationEssentials
import Maclaurin

extension AdaptCommand {
  /// Writes what was found to --out, and prints it.
  func finish(
    _ result: AdaptationResult, _ examples: AdaptExamples, _ network: Network,
    _ values: [Double], _ trace: Trace?
  ) throws {
    if !result.fit.bounds.isEmpty {
      report.note(
        "The search for the largest marginal likelihood ended at "
          + "\(result.fit.bounds.joined(separator: ", ")): the data say no more about it; give it, or "
          + "more data")
    }
    var members = members(result, examples, network)
    process.noteSolver(
      result.fit.posterior, outputs: (examples.test?.count ?? 0) * network.outputCount, &members,
      report)
    var lines = remarks(result)
    if let out {
      try PosteriorFolder.write(network, values, result.saved, to: out)
      if !result.methods.isEmpty {
        try AdaptationReport(result, examples, members, remarks: lines).write(to: out)
        lines.append("\(out)/report.html")
      }
      members["out"] = .string(out)
      try AtomicFile.write(out + "/result.json", JSONValue.object(members).line + "\n")
    }
    let head = Self.rows(result, examples)
    let text = [table(head), "", table(Self.methodTable(result.methods))] + lines
    report.result(members, text.joined(separator: "\n"), trace)
  }

  /// What is said besides the tables.
  private func remarks(_ result: AdaptationResult) -> [String] {
    guard let tuned = result.fineTuning else { return [] }
    return [
      "\(tuned.steps) step\(tuned.steps == 1 ? "" : "s") of fine-tuning (adam, learning rate "
        + "\(FineTuning.learningRate), \(tuned.batchSize) examples each) take the contractions of the "
        + "posterior's fit, \(NumberText.significant(result.fit.flops / 1e9, 3)) GFLOP."
    ]
  }

  private func members(
    _ result: AdaptationResult, _ examples: AdaptExamples, _ network: Network
  ) -> [String: JSONValue] {
    let fit = result.fit
    var members: [String: JSONValue] = [
      "data": .string(examples.name), "likelihood": .string(result.likelihood.rawValue),
      "prior_std": .number(fit.hyperparameters.priorStd),
      "examples": .number(Double(result.learned)), "outputs": .number(Double(network.outputCount)),
      "new_examples": .number(Double(examples.train.count)),
      "test_examples": .number(Double(examples.test?.count ?? 0)),
      "parameters": .number(Double(network.parameterCount)),
      "fresh": .array(result.fresh.map { .string($0) }),
      "methods": .array(result.methods.map { .object($0.members) }),
      "seconds": .number(fit.seconds),
    ]
    if result.likelihood == .gaussian {
      members["noise_std"] = .number(fit.hyperparameters.noiseStd)
    }
    members["layers"] = result.layers.map { .string($0) }
    members["log_marginal_likelihood"] = fit.logMarginalLikelihood.map { RunFiles.number($0) }
    members["solver"] = .string(fit.solver)
    members["residual"] = fit.residual.map { RunFiles.number($0) }
    members["iterations"] = fit.iterations.map { .number(Double($0)) }
    members["log_determinant_standard_error"] = fit.logDeterminantError.map {
      RunFiles.number($0)
    }
    members["search"] = fit.search
    members["solver_reason"] = fit.reason.map { .string($0) }
    if let tuned = result.fineTuning {
      members["fine_tuning_steps"] = .number(Double(tuned.steps))
      members["flops"] = .number(fit.flops)
    }
    return members
  }

  private static func rows(_ result: AdaptationResult, _ examples: AdaptExamples) -> [[String]] {
    let fit = result.fit
    var rows = [
      ["likelihood", result.likelihood.rawValue],
      ["examples", "\(result.learned), \(examples.test?.count ?? 0) predicted"],
      ["prior std", String(fit.hyperparameters.priorStd)],
    ]
    if result.likelihood == .gaussian {
      rows.append(["noise std", String(fit.hyperparameters.noiseStd)])
    }
    if let likelihood = fit.logMarginalLikelihood {
      rows.append(["log marginal likelihood", fixed(likelihood, 4)])
    }
    rows.append(["solver", fit.solver])
    return rows
  }

  /// The methods side by side; columns that none of them has are left out.
  static func methodTable(_ methods: [AdaptationMethod]) -> [[String]] {
    guard !methods.isEmpty else { return [] }
    let columns: [(String, (AdaptationMethod) -> Double?)] = [
      ("accuracy", \.accuracy), ("rmse", \.rootMeanSquareError),
      ("nll", \.negativeLogLikelihood), ("ece", { $0.calibration?.expectedCalibrationError }),
      ("coverage", \.coverage),
      ("seconds", \.seconds),
    ]
    let shown = columns.filter { column in methods.contains { column.1($0) != nil } }
    var rows = [["method"] + shown.map(\.0)]
    for method in methods {
      rows.append([method.name] + shown.map { $0.1(method).map { fixed($0, 4) } ?? "" })
    }
    return rows
  }
}

extension AdaptationReport {
  /// What is shown of a result.
  init(
    _ result: AdaptationResult, _ examples: AdaptExamples, _ members: [String: JSONValue],
    remarks: [String]
  ) {
    var settings = members
    settings["methods"] = nil
    self.init(
      title: "Adaptation",
      lead: "\(result.learned) examples learned, "
        + "\(examples.test?.count ?? 0) predicted: \(examples.name)",
      table: AdaptCommand.methodTable(result.methods), remarks: remarks, settings: settings)
    for method in result.methods {
      guard let calibration = method.calibration else { continue }
      comparison.add(method.name, calibration)
    }
    guard result.likelihood == .gaussian, examples.classCount == nil, let test = examples.test,
      let prediction = result.prediction
    else { return }
    let (scaling, o) = (examples.scaling, examples.outputs)
    let features = examples.inputShape.reduce(1, *)
    func unscaled(_ values: [Double]) -> [Double] {
      DataScaling(targets: scaling.inputs).unscaled(values, columns: features)
    }
    predictions = PredictionReport(
      title: "", lead: "", features: features, outputs: o,
      trainInputs: unscaled(result.saved.inputs),
      trainTargets: scaling.unscaled(result.saved.targets, columns: o),
      inputs: unscaled(test.inputs), targets: scaling.unscaled(test.targets, columns: o),
      predictions: [
        .init(
          result.methods[0].name, mean: scaling.unscaled(prediction.outputs.mean, columns: o),
          variance: scaling.unscaled(
            variances: prediction.outputs.variances ?? [], columns: o))
      ], settings: [:])
  }
}
