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
  /// The share of targets within two standard deviations, noise included, of the mean.
  var coverage: Double?
  /// Time of the fit and of predictions.
  var seconds: Double

  var members: [String: JSONValue] {
    var members: [String: JSONValue] = [
      "method": .string(name), "seconds": .number(seconds),
    ]
    members["accuracy"] = accuracy.map { RunFiles.number($0) }
    members["rmse"] = rootMeanSquareError.map { RunFiles.number($0) }
    members["nll"] = negativeLogLikelihood.map { RunFiles.number($0) }
    members["coverage"] = coverage.map { RunFiles.number($0) }
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
    outputs =
      isSoftmax
      ? try posterior.predictions(inputs, .blocks) : try posterior.predict(inputs, .variances)
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
    method.coverage = quality.coverage2
    method.rootMeanSquareError = (squares / Double(mean.count)).squareRoot()
    return method
  }
}
