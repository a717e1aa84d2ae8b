import Glibc
import Maclaurin

/// One way to use a trained network on new data, and how good it is on their test part.
struct AdaptationMethod {
  var name: String
  /// Of classes.
  var accuracy: Double?
  /// In the data's own units.
  var rootMeanSquareError: Double?
  var negativeLogLikelihood: Double?
  var calibration: Calibration?
  /// Time of the fit and of predictions.
  var seconds: Double

  var members: [String: JSONValue] {
    var members: [String: JSONValue] = [
      "method": .string(name), "seconds": .number(seconds),
    ]
    members["accuracy"] = accuracy.map { RunFiles.number($0) }
    members["rmse"] = rootMeanSquareError.map { RunFiles.number($0) }
    members["nll"] = negativeLogLikelihood.map { RunFiles.number($0) }
    members["ece"] = calibration.map { RunFiles.number($0.expectedCalibrationError) }
    return members
  }
}

/// Predictions for the test part of some examples.
struct AdaptationPrediction {
  /// In the network's units: logits, or values.
  var outputs: GaussianOutputs
  /// [m, classes], of a softmax.
  var probabilities: [Double]?

  /// The posterior's predictions.
  init(
    _ posterior: any Posterior, _ likelihood: SavedPosterior.Likelihood, _ inputs: Matrix,
    how: ClassProbabilities = .samples
  ) throws {
    let isSoftmax = likelihood == .softmax
    outputs = try posterior.predictions(inputs, isSoftmax ? .blocks : .variances)
    probabilities = isSoftmax ? how(outputs) : nil
  }

  /// Outputs without uncertainty.
  init(_ values: [Double], outputs count: Int, _ likelihood: SavedPosterior.Likelihood) {
    outputs = GaussianOutputs(
      outputs: count, mean: values, .variances, [Double](repeating: 0, count: values.count))
    probabilities = likelihood == .softmax ? ClassProbabilities.map(outputs) : nil
  }

  /// How good they are. Numbers are in the data's own units.
  func method(
    _ name: String, on part: AdaptExamples.Part, _ examples: AdaptExamples, noiseStd: Double,
    seconds: Double
  ) -> AdaptationMethod {
    var method = AdaptationMethod(name: name, seconds: seconds)
    if let probabilities, let labels = part.labels {
      let calibration = Calibration(probabilities, labels: labels, classes: outputs.outputs)
      method.accuracy = calibration.accuracy
      method.negativeLogLikelihood = calibration.negativeLogLikelihood
      method.calibration = calibration
      return method
    }
    let quality = RegressionCalibration(outputs, targets: part.targets, noiseStd: noiseStd)
    let o = outputs.outputs
    var logUnit = 0.0
    if let scaling = examples.scaling.targets {
      for deviation in scaling.deviations { logUnit += log(deviation) / Double(o) }
    }
    method.negativeLogLikelihood = quality.negativeLogLikelihood + logUnit
    if examples.classCount != nil {
      method.accuracy = OutputLoss(.mse, targets: part.targets, outputs: o).accuracy(outputs.mean)
      return method
    }
    let mean = examples.scaling.unscaled(outputs.mean, columns: o)
    let truth = examples.scaling.unscaled(part.targets, columns: o)
    var squares = 0.0
    for index in mean.indices {
      squares += (mean[index] - truth[index]) * (mean[index] - truth[index])
    }
    method.rootMeanSquareError = (squares / Double(mean.count)).squareRoot()
    return method
  }
}

/// A posterior that was fitted, and what the fit took.
struct AdaptationFit {
  var posterior: any Posterior
  var likelihood: SavedPosterior.Likelihood
  var hyperparameters: GaussianHyperparameters
  /// log p(y); of a softmax Laplace's approximation of it.
  var logMarginalLikelihood: Double
  /// Of a normal likelihood.
  var solver: GaussianProcessFit.Solver?
  var reason: String?
  /// Where the search for σp and σ ended at a bound: "the lower bound of --noise-std".
  var bounds: [String] = []
  /// The solver's vectors, for a file.
  var state: [String: [Double]]?
  /// Floating-point operations: kernel and factorizations.
  var flops: Double
  var seconds: Double

  /// - Parameter settings: of a softmax only σp is taken.
  init(
    _ model: LinearizedNetwork, _ part: AdaptExamples.Part, _ inputs: Matrix,
    _ likelihood: SavedPosterior.Likelihood, _ settings: GaussianProcessFit.Settings,
    by algebra: any DenseLinearAlgebra, progress: (String, Int, Int) -> Void
  ) throws {
    let start = ContinuousClock.now
    self.likelihood = likelihood
    let size = Double(part.targets.count)
    switch likelihood {
    case .gaussian:
      let fit = try GaussianProcessFit(
        model, Observations(inputs, targets: part.targets), settings, by: algebra,
        progress: progress)
      (posterior, hyperparameters) = (fit.posterior, fit.hyperparameters)
      (solver, reason, bounds) = (fit.solver, fit.reason, fit.search?.bounds ?? [])
      logMarginalLikelihood = fit.logMarginalLikelihood
      state = (posterior as? ExactPosterior)?.state
      let isChosen = settings.priorStd == nil || settings.noiseStd == nil
      flops = size * size * size * (isChosen ? 5 : 1) / 3
    case .softmax:
      try LaplacePosterior.checkMemory(examples: part.count, outputs: model.outputs)
      let observations = try ClassObservations(
        inputs, labels: part.labels ?? [], classes: model.outputs)
      let kernel = try model.kernelMatrix(inputs) { progress("tiles of the kernel", $0, $1) }
      progress("Newton's method", 0, 1)
      let (std, approximation, steps, isAtBound) = try Self.approximation(
        kernel, model.mean(inputs), observations, settings.priorStd, by: algebra)
      if isAtBound { bounds = ["a bound of --prior-std"] }
      let laplace = try LaplacePosterior(model, inputs, approximation, priorStd: std)
      (posterior, state) = (laplace, laplace.state)
      hyperparameters = GaussianHyperparameters(priorStd: std, noiseStd: 0)
      logMarginalLikelihood = approximation.logEvidence
      flops = Double(steps) * (size * size * size / 3 + 8 * size * size)
    }
    flops += try model.kernelCost(part.count).contractions.flops
    seconds = (ContinuousClock.now - start) / .seconds(1)
  }

  /// At a given σp, or where the evidence is largest; with the number of Newton's steps.
  private static func approximation(
    _ kernel: [Double], _ mean: [Double], _ observations: ClassObservations, _ priorStd: Double?,
    by algebra: any DenseLinearAlgebra
  ) throws -> (Double, LaplaceApproximation, steps: Int, isAtBound: Bool) {
    if let priorStd {
      let found = try LaplaceApproximation(
        kernel: kernel, prior: priorStd * priorStd, mean: mean, targets: observations.targets,
        outputs: observations.classes, by: algebra)
      return (priorStd, found, found.iterations + 1, false)
    }
    let search = try LaplacePriorSearch(
      kernel: kernel, mean: mean, targets: observations.targets, outputs: observations.classes,
      by: algebra)
    let steps = search.evaluations.reduce(0) { $0 + $1.iterations + 1 }
    return (search.priorStd, search.approximation, steps, search.isAtBound)
  }
}
