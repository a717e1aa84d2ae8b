import ArgumentParser
import Maclaurin

extension GaussianProcessCommand {
  func showPlan(
    _ loaded: PredictionExamples.Loaded, _ network: Network, _ type: ScalarType
  ) throws {
    let model = try process.model(network, type, on: NullBackend())
    var settings = try settings(loaded)
    // Of a solver that was asked for, what it would take.
    if settings.solver != nil { settings.memory = .max }
    let plan = try GaussianProcessFit.plan(model, examples: loaded.train, settings)
    showPlan(
      loaded, network, solver: plan.solver.rawValue, reason: plan.reason,
      costs: plan.costs.map { ($0.solver.rawValue, $0.bytes, $0.flops) })
  }

  /// - Parameter costs: of the solvers, that which is chosen among them.
  func showPlan(
    _ loaded: PredictionExamples.Loaded, _ network: Network, solver: String, reason: String,
    costs: [(solver: String, bytes: Double, flops: Double?)]
  ) {
    var (solvers, rows) = ([JSONValue](), [["solver", "memory", "GFLOP"]])
    var members: [String: JSONValue] = [
      "solver": .string(solver), "solver_reason": .string(reason),
      "examples": .number(Double(loaded.train)),
      "test_examples": .number(Double(loaded.test)),
      "outputs": .number(Double(loaded.outputs)),
      "parameters": .number(Double(network.parameterCount)),
    ]
    for cost in costs {
      var own: [String: JSONValue] = [
        "solver": .string(cost.solver), "peak_bytes": .number(cost.bytes),
      ]
      own["flops"] = cost.flops.map { .number($0) }
      solvers.append(.object(own))
      rows.append([
        cost.solver, bytesText(Int(min(cost.bytes, 1e18))),
        cost.flops.map { fixed($0 / 1e9, 3) } ?? "",
      ])
      if cost.solver == solver {
        (members["peak_bytes"], members["flops"]) = (own["peak_bytes"], own["flops"])
      }
    }
    members["solvers"] = .array(solvers)
    report.result(
      members,
      table([
        ["solver", solver], ["training examples", String(loaded.train)],
        ["test examples", String(loaded.test)], ["outputs", String(loaded.outputs)],
        ["parameters", String(network.parameterCount)],
      ]) + "\n" + table(rows) + "\n" + reason, nil)
  }

  /// −log density of a test target, and losses; none where targets are not known.
  private func scores(
    _ outcome: Outcome, _ loaded: PredictionExamples.Loaded
  ) -> [(name: String, value: Double)] {
    guard loaded.knowsTest else { return [] }
    let targets = loaded.set.test.targetDoubles()
    let loss = OutputLoss(.mse, targets: targets, outputs: loaded.outputs)
    var result = [("test_loss", loss.value(outcome.outputs.mean))]
    if loaded.set.classCount != nil {
      result.append(("test_accuracy", loss.accuracy(outcome.outputs.mean)))
    }
    if outcome.outputs.form != .none {
      result.append(
        (
          "test_nll",
          outcome.outputs.negativeLogDensity(
            targets, noiseStd: outcome.fit.hyperparameters.noiseStd)
        ))
    }
    return result
  }

  /// σp of each layer; nil where they share one.
  private func layerPriors(_ fit: GaussianProcessFit) -> [(name: String, std: Double)]? {
    guard let scales = fit.search?.scales else { return nil }
    var result: [(name: String, std: Double)] = []
    for (tensor, scale) in zip(fit.posterior.model.network.parameters, scales) where scale > 0 {
      let name = String(tensor.name[..<(tensor.name.lastIndex(of: ".") ?? tensor.name.endIndex)])
      if result.last?.name != name { result.append((name, scale * fit.hyperparameters.priorStd)) }
    }
    return result
  }

  func show(
    _ outcome: Outcome, _ loaded: PredictionExamples.Loaded, _ lines: [String], seconds: Double
  ) throws {
    let fit = outcome.fit
    if let bounds = fit.search?.bounds, !bounds.isEmpty {
      report.note(
        "The search for the largest marginal likelihood ended at \(bounds.joined(separator: ", ")): the "
          + "data say no more about it; give it, or more data")
    }
    let scores = scores(outcome, loaded)
    var members: [String: JSONValue] = [
      "solver": .string(fit.solver.rawValue), "solver_reason": .string(fit.reason),
      "prior_std": .number(fit.hyperparameters.priorStd),
      "noise_std": .number(fit.hyperparameters.noiseStd),
      "residual": RunFiles.number(fit.residual), "examples": .number(Double(loaded.train)),
      "test_examples": .number(Double(loaded.test)),
      "outputs": .number(Double(loaded.outputs)),
      "kernel_seconds": .number(fit.kernelSeconds), "kernel_flops": .number(fit.kernelFlops),
      "search_seconds": .number(fit.searchSeconds),
      "factor_seconds": .number(fit.factorSeconds), "seconds": .number(seconds),
      "backend": .string(outcome.backend),
    ]
    members["log_marginal_likelihood"] = fit.logMarginalLikelihood.map { RunFiles.number($0) }
    members["log_determinant_standard_error"] = fit.logDeterminantError.map {
      RunFiles.number($0)
    }
    members["iterations"] = fit.iterations.map { .number(Double($0)) }
    for (name, value) in scores { members[name] = RunFiles.number(value) }
    var rows = [
      ["solver", fit.solver.rawValue], ["prior std", String(fit.hyperparameters.priorStd)],
      ["noise std", String(fit.hyperparameters.noiseStd)],
      ["residual", String(fit.residual)],
    ]
    if let iterations = fit.iterations { rows.append(["iterations", String(iterations)]) }
    if let value = fit.logMarginalLikelihood {
      let error = fit.logDeterminantError.map { " ± " + fixed($0 / 2, 4) } ?? ""
      rows.append(["log marginal likelihood", fixed(value, 4) + error])
    }
    process.noteSolver(
      fit.posterior, outputs: outcome.outputs.form == .none ? 0 : outcome.outputs.mean.count,
      &members, report)
    rows += scores.map { [$0.split(separator: "_").joined(separator: " "), fixed($1, 6)] }
    if let approximation = outcome.approximation {
      members.merge(approximation.members) { old, _ in old }
      rows += approximation.rows
    }
    if let left = outcome.leaveOneOut {
      members["leave_one_out"] = .object([
        "rmse": RunFiles.number(left.rootMeanSquare),
        "nll": RunFiles.number(left.negativeLogDensity),
      ])
      rows.append(["rmse, each example left out", fixed(left.rootMeanSquare, 6)])
      rows.append(["nll, each example left out", fixed(left.negativeLogDensity, 6)])
    }
    if let priors = layerPriors(fit) {
      members["layer_prior_std"] = .object(
        Dictionary(uniqueKeysWithValues: priors.map { ($0.name, JSONValue.number($0.std)) }))
      rows += priors.map { ["prior std of \($0.name)", String($0.std)] }
    }
    members["search"] = fit.search?.members
    members["samples_jitter"] = outcome.samples.map { .number($0.jitter) }
    let files = [
      ("mean", mean), ("covariance", covariance), ("variance", variance),
      ("samples", samplesOutput), ("leave_one_out_output", leaveOneOut),
      ("report", page.map { $0 + "/report.html" }),
    ]
    for (name, file) in files { members[name] = file.map { .string($0) } }
    let text = [table(rows), fit.reason] + lines
    report.result(members, text.joined(separator: "\n"), outcome.trace)
  }

  /// report.html: the mean with two standard deviations.
  ///
  /// - Returns: sentences on what was found.
  func writePage(
    _ outcome: Outcome, _ loaded: PredictionExamples.Loaded, to folder: String
  ) throws -> [String] {
    let fit = outcome.fit
    func number(_ value: Double) -> String { NumberText.significant(value, 3) }
    let x = loaded.inputs(loaded.set.train)
    let report = PredictionReport(
      title: "Predictions with a network's Jacobian",
      lead: "\(loaded.train) training examples, \(loaded.test) predicted",
      features: x.count / loaded.train, outputs: loaded.outputs, trainInputs: x,
      trainTargets: loaded.set.train.targetDoubles(), inputs: loaded.inputs(loaded.set.test),
      targets: loaded.knowsTest ? loaded.set.test.targetDoubles() : nil,
      predictions: [
        .init("posterior", mean: outcome.outputs.mean, variance: outcome.outputs.variances)
      ],
      remarks: [
        "The prior's standard deviation is \(number(fit.hyperparameters.priorStd)) of each parameter, "
          + "the noise's \(number(fit.hyperparameters.noiseStd))"
          + (fit.logMarginalLikelihood.map { "; the log marginal likelihood is \(number($0))" }
            ?? "")
          + ".",
        "Why this solver: \(fit.reason).",
      ],
      settings: [
        "network": .string(process.networkFile), "parameters": .string(process.parameters ?? ""),
        "layers": .string(process.layers),
        "prior-mean": .string((process.priorMean ?? .network).rawValue),
        "solver": .string(fit.solver.rawValue),
      ])
    try report.write(to: folder)
    return report.findings + ["\(folder)/report.html"]
  }
}
