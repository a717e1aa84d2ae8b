import Maclaurin

/// What `adapt` found.
struct AdaptationResult {
  var likelihood: SavedPosterior.Likelihood
  var fit: AdaptationFit
  /// Examples that the posterior has learned.
  var learned: Int
  /// `all`, `last` or patterns; nil for an update.
  var layers: String?
  var fresh: [String] = []
  /// On the test part, the posterior first.
  var methods: [AdaptationMethod] = []
  /// The posterior's predictions there, and the last layer's.
  var prediction: AdaptationPrediction?
  var fineTuning: FineTuning?
  /// What --out keeps; nil where the solver's result cannot be kept.
  var saved: SavedPosterior?

  static let names = ["gaussian": "Gaussian process", "softmax": "Laplace"]

  // MARK: From a trained network

  init(
    _ command: AdaptCommand, _ adapted: AdaptedNetwork, _ examples: AdaptExamples,
    _ likelihood: SavedPosterior.Likelihood, by algebra: any DenseLinearAlgebra,
    on device: any Backend
  ) throws {
    let (network, type, part) = (adapted.network, adapted.center.type, examples.train)
    let selection = command.process.layers
    let x1 = try device.matrix(part.count, network.inputCount, type, part.inputs)
    let x2 = try examples.test.map {
      try device.matrix($0.count, network.inputCount, type, $0.inputs)
    }
    let bar = ProgressBar(quiet: command.report.quiet)
    func fitted(_ layers: String) throws -> (LinearizedNetwork, AdaptationFit) {
      let model = LinearizedNetwork(
        network, at: adapted.center, scales: try TensorSelection.scales(layers, network),
        priorMean: command.process.priorMean ?? (adapted.fresh.isEmpty ? .network : .zero),
        on: device)
      let fit = try AdaptationFit(
        model, part, x1, likelihood, command.process.settings(), by: algebra,
        progress: { bar.show($1, of: $2, $0) })
      bar.clear()
      return (model, fit)
    }
    let (given, fit) = try fitted(selection)
    // With priors of layers the posterior has scales of its own.
    let model = fit.posterior.model
    (self.likelihood, self.fit, learned, layers) = (likelihood, fit, part.count, selection)
    fresh = adapted.fresh.map(\.name)
    saved = fit.state.map {
      SavedPosterior(
        model, center: adapted.values, likelihood, fit.hyperparameters, inputs: part.inputs,
        targets: part.targets, state: $0, inputScaling: examples.scaling.inputs,
        targetScaling: examples.scaling.targets)
    }
    guard let x2 else { return }
    try predict(selection == "all" ? "all layers" : "layers \(selection)", fit, x2, examples)
    let comparisons = try command.comparisons()
    if comparisons.contains(.lastLayer), selection != "last" {
      let last = try fitted("last").1
      try predict("last layer", last, x2, examples)
    }
    for case .structure(let structure) in comparisons {
      try compare(structure, fit, x1, x2, examples, by: algebra)
    }
    let noise = fit.hyperparameters.noiseStd
    func add(_ name: String, _ values: [Double], seconds: Double) {
      guard let test = examples.test else { return }
      methods.append(
        AdaptationPrediction(values, outputs: network.outputCount, likelihood)
          .method(name, on: test, examples, noiseStd: noise, seconds: seconds))
    }
    var frozen: [String] = []
    for (tensor, scale) in zip(network.parameters, given.scales) where scale == 0 {
      frozen.append(tensor.name)
    }
    for comparison in comparisons {
      guard case .fineTune(let steps) = comparison else { continue }
      let tuned = try FineTuning(
        adapted, part, train: x1, test: x2, likelihood, frozen: frozen, seed: command.seed,
        steps: steps, flops: fit.flops, on: device)
      add(
        "fine-tuning, \(tuned.steps) step\(tuned.steps == 1 ? "" : "s")", tuned.outputs,
        seconds: tuned.seconds)
      if steps == nil { fineTuning = tuned }
    }
    if adapted.fresh.isEmpty {
      let start = ContinuousClock.now
      let values = try device.download(model.values(x2))
      add("network as it is", values, seconds: (ContinuousClock.now - start) / .seconds(1))
    }
  }

  /// Adds a posterior's predictions for the test part; the first ones are those of the result.
  private mutating func predict(
    _ layers: String, _ fit: AdaptationFit, _ x2: Matrix, _ examples: AdaptExamples
  ) throws {
    guard let test = examples.test else { return }
    let start = ContinuousClock.now
    let found = try AdaptationPrediction(fit.posterior, likelihood, x2)
    let seconds = fit.seconds + (ContinuousClock.now - start) / .seconds(1)
    let name = Self.names[likelihood.rawValue] ?? ""
    methods.append(
      found.method(
        "\(name), \(layers)", on: test, examples, noiseStd: fit.hyperparameters.noiseStd,
        seconds: seconds))
    guard prediction == nil else { return }
    prediction = found
    guard likelihood == .softmax else { return }
    methods.append(
      AdaptationPrediction(found.outputs.mean, outputs: found.outputs.outputs, likelihood)
        .method(
          "\(name), \(layers), most probable", on: test, examples, noiseStd: 0, seconds: seconds))
  }

  /// Adds the predictions with the posterior's mean and a cheaper covariance.
  private mutating func compare(
    _ structure: CurvatureStructure, _ fit: AdaptationFit, _ x1: Matrix, _ x2: Matrix,
    _ examples: AdaptExamples, by algebra: any DenseLinearAlgebra
  ) throws {
    guard let test = examples.test else { return }
    let start = ContinuousClock.now
    var (hyperparameters, logits) = (fit.hyperparameters, [Double]?.none)
    if likelihood == .softmax {
      hyperparameters.noiseStd = 1
      logits = try fit.posterior.predictions(x1, .none).mean
    }
    let posterior = try StructuredPosterior(
      fit.posterior.model, structure, likelihood == .softmax ? .softmax : .gaussian, inputs: x1,
      logits: logits, hyperparameters, meanOf: fit.posterior, by: algebra)
    let found = try AdaptationPrediction(posterior, likelihood, x2)
    methods.append(
      found.method(
        "\(Self.names[likelihood.rawValue] ?? ""), \(structure.rawValue) covariance", on: test,
        examples, noiseStd: fit.hyperparameters.noiseStd,
        seconds: fit.seconds + (ContinuousClock.now - start) / .seconds(1)))
  }

  // MARK: From a posterior

  /// A posterior that learns the training part of more examples.
  init(
    updating folder: PosteriorFolder, _ examples: AdaptExamples,
    by algebra: any DenseLinearAlgebra, on device: any Backend
  ) throws {
    let (saved, network, part) = (folder.saved, folder.network, examples.train)
    likelihood = saved.likelihood
    learned = saved.count + part.count
    let posterior = try folder.posterior(on: device, by: algebra)
    let inputs = try device.matrix(part.count, network.inputCount, saved.type, part.inputs)
    let all = try device.matrix(
      learned, network.inputCount, saved.type, saved.inputs + part.inputs)
    fit = try AdaptationFit(
      updating: posterior, saved, part, inputs, all: all, by: algebra)
    var result = saved
    result.inputs += part.inputs
    result.targets += part.targets
    result.state = fit.state ?? [:]
    self.saved = result
    guard let test = examples.test else { return }
    let x2 = try device.matrix(test.count, network.inputCount, saved.type, test.inputs)
    try predict("updated", fit, x2, examples)
  }
}

extension AdaptationFit {
  /// A saved posterior that learns more examples, with its σp and σ: of a normal likelihood the factor
  /// grows by the new rows, of a softmax Newton's method goes on from the old mode.
  ///
  /// - Parameters:
  ///   - inputs: of the new examples.
  ///   - all: of the old and the new ones.
  init(
    updating posterior: any Posterior, _ saved: SavedPosterior, _ part: AdaptExamples.Part,
    _ inputs: Matrix, all: Matrix, by algebra: any DenseLinearAlgebra
  ) throws {
    let start = ContinuousClock.now
    (likelihood, hyperparameters, flops) = (saved.likelihood, saved.hyperparameters, 0)
    if let exact = posterior as? ExactPosterior {
      let appended = try exact.appended(Observations(inputs, targets: part.targets))
      (self.posterior, state) = (appended, appended.state)
      logMarginalLikelihood = appended.logMarginalLikelihood
    } else if let laplace = posterior as? LaplacePosterior {
      let model = laplace.model
      try LaplacePosterior.checkMemory(examples: all.rows, outputs: model.outputs)
      let std = laplace.priorStd
      let approximation = try LaplaceApproximation(
        kernel: model.kernelMatrix(all), prior: std * std, mean: model.mean(all),
        targets: saved.targets + part.targets, outputs: model.outputs,
        start: laplace.weights + [Double](repeating: 0, count: part.targets.count),
        by: algebra)
      let found = try LaplacePosterior(model, all, approximation, priorStd: std)
      (self.posterior, state) = (found, found.state)
      logMarginalLikelihood = approximation.logEvidence
    } else {
      preconditionFailure("a posterior that can be saved")
    }
    seconds = (ContinuousClock.now - start) / .seconds(1)
  }
}
