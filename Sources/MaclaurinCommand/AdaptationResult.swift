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
  /// What --out keeps.
  var saved: SavedPosterior

  static func name(_ likelihood: SavedPosterior.Likelihood) -> String {
    likelihood == .softmax ? "Laplace" : "Gaussian process"
  }

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
    var settings = try command.process.settings(command.backend)
    (settings.testExamples, settings.form) = (max(1, x2?.rows ?? 1), .variances)
    let bar = ProgressBar(quiet: command.report.quiet)
    func fitted(_ layers: String) throws -> (LinearizedNetwork, AdaptationFit) {
      let model = LinearizedNetwork(
        network, at: adapted.center, scales: try TensorSelection.scales(layers, network),
        priorMean: command.process.priorMean ?? (adapted.fresh.isEmpty ? .network : .zero),
        on: device)
      let fit = try AdaptationFit(
        model, part, x1, likelihood, settings, by: algebra,
        progress: { bar.show($1, of: $2, $0) })
      bar.clear()
      return (model, fit)
    }
    let (given, fit) = try fitted(selection)
    // With priors of layers the posterior has scales of its own.
    let model = fit.posterior.model
    (self.likelihood, self.fit, learned, layers) = (likelihood, fit, part.count, selection)
    fresh = adapted.fresh.map(\.name)
    saved = SavedPosterior(
      model, center: adapted.values, likelihood, fit.hyperparameters, inputs: part.inputs,
      targets: part.targets, solver: fit.solver, iterative: settings.iterative,
      state: fit.state,
      inputScaling: examples.scaling.inputs, targetScaling: examples.scaling.targets)
    guard let x2 else { return }
    // Names go into tables with commas between columns.
    let which = selection.split(separator: ",").joined(separator: " and ")
    try predict(
      selection == "all" ? "all layers" : selection == "last" ? "last layer" : which, fit, x2,
      examples)
    let comparisons = try command.comparisons()
    if comparisons.contains(.lastLayer), selection != "last" {
      let last = try fitted("last").1
      try predict("last layer", last, x2, examples)
    }
    for case .structure(let structure) in comparisons {
      try compare(structure, fit, x1, x2, examples, by: algebra)
    }
    // What has no variance of its own gets that of its training residuals, and the noise's at least.
    func add(_ name: String, _ values: [Double], train: [Double], seconds: Double) {
      guard let test = examples.test else { return }
      var squares = 0.0
      for index in train.indices {
        squares += (train[index] - part.targets[index]) * (train[index] - part.targets[index])
      }
      let residual = (squares / Double(train.count)).squareRoot()
      methods.append(
        AdaptationPrediction(values, outputs: network.outputCount, likelihood)
          .method(
            name, on: test, examples, noiseStd: max(fit.hyperparameters.noiseStd, residual),
            seconds: seconds))
    }
    var frozen: [String] = []
    for (tensor, scale) in zip(network.parameters, given.scales) where scale == 0 {
      frozen.append(tensor.name)
    }
    for comparison in comparisons {
      guard case .fineTune(let steps) = comparison else { continue }
      do {
        let tuned = try FineTuning(
          adapted, part, train: x1, test: x2, likelihood, frozen: frozen, seed: command.seed,
          steps: steps, flops: fit.flops, on: device)
        add(
          "fine-tuning (\(tuned.steps) step\(tuned.steps == 1 ? "" : "s"))", tuned.outputs,
          train: tuned.trainOutputs, seconds: tuned.seconds)
        if steps == nil { fineTuning = tuned }
      } catch let error as TrainingError where error.divergedAfter != nil {
        methods.append(
          AdaptationMethod(
            name: "fine-tuning (diverged after \(error.divergedAfter ?? 0) steps)", seconds: 0))
      }
    }
    if adapted.fresh.isEmpty {
      let start = ContinuousClock.now
      let values = try device.download(model.values(x2))
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      add(
        "network as it is", values, train: try device.download(model.values(x1)),
        seconds: seconds)
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
    methods.append(
      found.method(
        "\(Self.name(likelihood)) (\(layers))", on: test, examples,
        noiseStd: fit.hyperparameters.noiseStd,
        seconds: seconds))
    if prediction == nil { prediction = found }
    guard likelihood == .softmax else { return }
    methods.append(
      AdaptationPrediction(found.outputs.mean, outputs: found.outputs.outputs, likelihood)
        .method(
          "MAP (\(layers))", on: test, examples, noiseStd: 0, seconds: seconds))
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
        "\(Self.name(likelihood)) (\(structure.rawValue) covariance)", on: test, examples,
        noiseStd: fit.hyperparameters.noiseStd,
        seconds: fit.seconds + (ContinuousClock.now - start) / .seconds(1)))
  }

  // MARK: From a posterior

  /// A posterior that learns the training part of more examples.
  init(
    updating folder: PosteriorFolder, _ examples: AdaptExamples,
    by algebra: any DenseLinearAlgebra, on device: any Backend
  ) throws {
    (saved, likelihood) = (folder.saved, folder.saved.likelihood)
    fit = try AdaptationFit(updating: folder, examples.train, by: algebra, on: device)
    learned = saved.count + examples.train.count
    saved.inputs += examples.train.inputs
    saved.targets += examples.train.targets
    saved.state = fit.state
    guard let test = examples.test else { return }
    let x2 = try device.matrix(test.count, saved.features, saved.type, test.inputs)
    try predict("updated", fit, x2, examples)
  }
}
