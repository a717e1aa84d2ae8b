import ArgumentParser
import Maclaurin

extension ClassProbabilities: ExpressibleByArgument {}

/// `gp --likelihood softmax`: the outputs are logits of classes.
extension GaussianProcessCommand {
  enum Likelihood: String, CaseIterable, ExpressibleByArgument {
    case gaussian
    case softmax
  }

  func validateLikelihood() throws {
    guard likelihood == .softmax else {
      guard probabilities == nil else {
        throw ValidationError("--probabilities are those of --likelihood softmax; give it, too")
      }
      return
    }
    guard leaveOneOut == nil else {
      throw ValidationError("--leave-one-out goes with --likelihood gaussian; leave it out")
    }
    if let misuse = process.misuseOfClasses { throw ValidationError(misuse) }
    guard (1...1_000_000).contains(probabilitySamples) else {
      throw ValidationError("--probability-samples takes 1 to 1000000, not \(probabilitySamples)")
    }
  }

  /// What was found, on the host.
  private struct Classes {
    var fit: ClassificationFit
    var logits: GaussianOutputs
    /// [m, O]
    var probabilities: [Double]
    var samples: (values: [Double], jitter: Double)?
    /// The network's own logits, [m·O].
    var network: [Double]
    var backend: String
    var trace: Trace?
  }

  func classify(
    _ loaded: PredictionExamples.Loaded, _ network: Network, _ type: ScalarType,
    since start: ContinuousClock.Instant
  ) throws {
    if plan {
      let model = try process.model(network, type, on: NullBackend())
      let plan = try ClassificationFit.plan(
        model, examples: loaded.train, ClassificationFit.Settings(process.settings()))
      return showPlan(
        loaded, network, solver: plan.solver.rawValue, reason: plan.reason,
        costs: [(plan.solver.rawValue, plan.bytes, plan.flops)])
    }
    let found = try backend.compute(report) { device in
      try classes(loaded, process.model(network, type, on: device))
    }
    let (m, o) = (loaded.test, loaded.outputs)
    try write([
      ("--mean", mean, found.logits.mean, [m, o]),
      ("--covariance", covariance, found.logits.covariance, [m * o, m * o]),
      ("--variance", variance, found.logits.variances, [m, o]),
      ("--samples-output", samplesOutput, found.samples?.values, [samples ?? 0, m, o]),
      ("--probabilities", probabilities, found.probabilities, [m, o]),
    ])
    let lines = try page.map { try writePage(found, loaded, to: $0) } ?? []
    try show(found, loaded, lines, seconds: (ContinuousClock.now - start) / .seconds(1))
  }

  private func classes(
    _ loaded: PredictionExamples.Loaded, _ model: LinearizedNetwork
  ) throws -> Classes {
    let (device, width) = (model.backend, model.network.inputCount)
    let algebra = try LAPACK(threads: backend.threads)
    let x = try device.matrix(
      loaded.train, width, model.type, loaded.inputs(loaded.set.train))
    let test = try device.matrix(
      loaded.test, width, model.type, loaded.inputs(loaded.set.test))
    let observations = try ClassObservations(
      x, targets: loaded.set.train.targetDoubles(), classes: model.outputs)
    let bar = ProgressBar(quiet: report.quiet)
    let fit = try ClassificationFit(
      model, observations, ClassificationFit.Settings(process.settings()), by: algebra,
      progress: { what, done, total in bar.show(done, of: total, what) })
    var form = probabilityMethod.form
    // In parameter space a covariance takes a solution for each logit, a sample one for all of them.
    let posterior = fit.posterior as? LaplaceParameterPosterior
    let drawsParameters =
      posterior != nil && probabilityMethod == .samples
      && probabilitySamples < loaded.test * model.outputs
    if drawsParameters { form = .none }
    if form == .none, variance != nil { form = .variances }
    if page != nil { form = .blocks }
    if covariance != nil || samples != nil { form = .full }
    let logits =
      form == .full
      ? try fit.posterior.predict(test, form) : try fit.posterior.predictions(test, form)
    let probabilities: [Double]
    if let posterior, drawsParameters, form != .blocks, form != .full {
      bar.show(0, of: 1, "samples of parameters")
      probabilities = ClassProbabilities.mean(
        ofSamples: try posterior.samples(test, count: probabilitySamples, seed: seed),
        count: probabilitySamples, outputs: model.outputs)
    } else {
      probabilities = probabilityMethod(logits, samples: probabilitySamples, seed: seed)
    }
    var found = Classes(
      fit: fit, logits: logits, probabilities: probabilities,
      network: try device.download(model.values(test)), backend: device.name,
      trace: Trace(device, backend))
    if let samples {
      found.samples = try logits.samples(samples, seed: seed, on: device, by: algebra)
    }
    bar.clear()
    return found
  }

  // MARK: Results

  /// The classes of the test examples; nil where they are not known.
  private func labels(_ loaded: PredictionExamples.Loaded) -> [Int]? {
    guard loaded.knowsTest else { return nil }
    let (targets, o) = (loaded.set.test.targetDoubles(), loaded.outputs)
    return (0..<loaded.test).map { example in
      var best = 0
      for c in 1..<o where targets[example * o + c] > targets[example * o + best] { best = c }
      return best
    }
  }

  private func show(
    _ found: Classes, _ loaded: PredictionExamples.Loaded, _ lines: [String], seconds: Double
  ) throws {
    let fit = found.fit
    if let search = fit.search, search.isAtBound {
      report.note(
        "The search for the largest evidence ended at a bound of --prior-std, \(search.priorStd): the "
          + "data say no more about it; give it, or more data")
    }
    var members: [String: JSONValue] = [
      "likelihood": .string(likelihood.rawValue), "solver": .string(fit.solver.rawValue),
      "solver_reason": .string(fit.reason), "prior_std": .number(fit.priorStd),
      "newton_steps": .number(Double(fit.newtonSteps)),
      "residual": RunFiles.number(fit.residual), "examples": .number(Double(loaded.train)),
      "test_examples": .number(Double(loaded.test)),
      "outputs": .number(Double(loaded.outputs)),
      "probability_method": .string(probabilityMethod.rawValue), "seconds": .number(seconds),
      "backend": .string(found.backend),
    ]
    var rows = [
      ["solver", fit.solver.rawValue], ["prior std", String(fit.priorStd)],
      ["Newton steps", String(fit.newtonSteps)], ["residual", String(fit.residual)],
    ]
    if let evidence = fit.logEvidence {
      members["log_marginal_likelihood"] = RunFiles.number(evidence)
      rows.append(["log marginal likelihood (Laplace)", fixed(evidence, 4)])
    }
    members["search"] = fit.searchMembers
    if let labels = labels(loaded) {
      let value = Calibration(found.probabilities, labels: labels, classes: loaded.outputs)
      let scores = [
        ("test_accuracy", value.accuracy), ("test_nll", value.negativeLogLikelihood),
        ("test_brier", value.brierScore), ("test_ece", value.expectedCalibrationError),
        ("test_mce", value.maximumCalibrationError),
      ]
      for (name, value) in scores {
        members[name] = RunFiles.number(value)
        rows.append([name.split(separator: "_").joined(separator: " "), fixed(value, 6)])
      }
    }
    members["samples_jitter"] = found.samples.map { .number($0.jitter) }
    let files = [
      ("mean", mean), ("covariance", covariance), ("variance", variance),
      ("samples", samplesOutput), ("probabilities", probabilities),
      ("report", page.map { $0 + "/report.html" }),
    ]
    for (name, file) in files { members[name] = file.map { .string($0) } }
    report.result(
      members, ([table(rows), fit.reason] + lines).joined(separator: "\n"), found.trace)
  }

  /// report.html: the network itself and every way to predict, side by side.
  ///
  /// - Returns: sentences on what was found.
  private func writePage(
    _ found: Classes, _ loaded: PredictionExamples.Loaded, to folder: String
  ) throws -> [String] {
    let (fit, o) = (found.fit, loaded.outputs)
    var comparison = CalibrationComparison()
    if let labels = labels(loaded) {
      func add(_ name: String, _ method: ClassProbabilities, _ logits: GaussianOutputs) {
        comparison.add(
          name,
          Calibration(
            method(logits, samples: probabilitySamples, seed: seed), labels: labels, classes: o))
      }
      add("network", .map, GaussianOutputs(outputs: o, mean: found.network))
      add("MAP", .map, found.logits)
      add("Laplace, probit", .probit, found.logits)
      add("Laplace, samples", .samples, found.logits)
    }
    func number(_ value: Double) -> String { NumberText.significant(value, 3) }
    let evidence = fit.logEvidence.map {
      "; the log marginal likelihood is \(number($0)) by Laplace's approximation"
    }
    let page = ClassificationReport(
      title: "Classes predicted with a network's Jacobian",
      lead: "\(loaded.train) training examples, \(loaded.test) predicted, \(o) classes",
      comparison: comparison, probabilities: found.probabilities, classes: o,
      remarks: [
        "The prior's standard deviation is \(number(fit.priorStd)) of each parameter"
          + (evidence ?? "") + ".", "Why this solver: \(fit.reason).",
      ],
      settings: [
        "network": .string(process.networkFile), "parameters": .string(process.parameters ?? ""),
        "layers": .string(process.layers),
        "prior-mean": .string((process.priorMean ?? .network).rawValue),
        "likelihood": .string(likelihood.rawValue), "solver": .string(fit.solver.rawValue),
        "probability-method": .string(probabilityMethod.rawValue),
        "probability-samples": .number(Double(probabilitySamples)),
      ])
    try page.write(to: folder)
    return page.findings + ["\(folder)/report.html"]
  }
}
