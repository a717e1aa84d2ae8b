import DataSets
import Networks
import Training

/// report.html and figures/ of predictions with their uncertainty, and all numbers in
/// predictions.csv.
///
/// With one-dimensional inputs the figure shows the predicted mean ± 2σ against the input, with the
/// training points; else predicted against true values.
public struct PredictionReport: Sendable {
  /// One way to predict.
  public struct Prediction: Sendable {
    /// Such as "NTK".
    public var name: String
    /// [examples, outputs]
    public var mean: [Double]
    /// Of each example, the same for every output, or [examples, outputs], without noise; nil where there
    /// is none, such as of one network.
    public var variance: [Double]?

    public init(_ name: String, mean: [Double], variance: [Double]? = nil) {
      (self.name, self.mean, self.variance) = (name, mean, variance)
    }

    /// σ of number `index` of the mean; 0 where nothing is known. Rounding may leave a variance below 0.
    func deviation(_ index: Int) -> Double {
      variance.map { max(0, $0[index * $0.count / mean.count]).squareRoot() } ?? 0
    }
  }

  public var title: String
  public var lead: String
  /// Numbers of an input, and of a target.
  public let features: Int
  public let outputs: Int
  /// [n1, features] and [n1, outputs].
  public var trainInputs: [Double]
  public var trainTargets: [Double]
  /// [n2, features]
  public var inputs: [Double]
  /// [n2, outputs], where they are known.
  public var targets: [Double]?
  public var predictions: [Prediction]
  /// Sentences in front of those that the report finds itself: eigenvalues, ridge, time.
  public var remarks: [String]
  public var settings: [String: JSONValue]
  /// Losses against training time.
  public var losses: [LossCurve] = []

  public init(
    title: String, lead: String, features: Int, outputs: Int, trainInputs: [Double],
    trainTargets: [Double], inputs: [Double], targets: [Double]?, predictions: [Prediction],
    remarks: [String] = [], settings: [String: JSONValue]
  ) {
    let examples = inputs.count / features
    precondition(
      trainInputs.count / features == trainTargets.count / outputs
        && targets?.count ?? examples * outputs == examples * outputs
        && predictions.allSatisfy {
          $0.mean.count == examples * outputs
            && [nil, examples, examples * outputs].contains($0.variance?.count)
        }, "a row for each example")
    self.title = title
    self.lead = lead
    self.features = features
    self.outputs = outputs
    self.trainInputs = trainInputs
    self.trainTargets = trainTargets
    self.inputs = inputs
    self.targets = targets
    self.predictions = predictions
    self.remarks = remarks
    self.settings = settings
  }

  var examples: Int { inputs.count / features }

  private var allFigures: [Figure] { figures + [LossCurve.figure(losses)].compactMap { $0 } }

  /// Writes report.html, figures/ and predictions.csv into a folder.
  ///
  /// - Throws: `TrainingError` or `FileError` where the folder cannot be written.
  public func write(to folder: String) throws {
    try Figure.write(allFigures, page: page, to: folder)
    try writeTable(to: folder)
  }

  /// Writes predictions.csv.
  func writeTable(to folder: String) throws {
    try AtomicFile.write(folder + "/predictions.csv", table)
  }

  /// A row for each prediction, example and output; the input only where it is one number.
  private var table: String {
    let input = features == 1 ? ",input" : ""
    var lines = ["prediction,example,output\(input),mean,standard_deviation,target"]
    for prediction in predictions {
      for example in 0..<examples {
        for output in 0..<outputs {
          let at = example * outputs + output
          lines.append(
            "\(prediction.name),\(example),\(output)" + (features == 1 ? ",\(inputs[example])" : "")
              + ",\(prediction.mean[at])"
              + ",\(prediction.variance == nil ? "" : "\(prediction.deviation(at))")"
              + ",\(targets.map { "\($0[at])" } ?? "")")
        }
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  // MARK: Page

  var page: String {
    ReportPage(
      title: title, lead: lead,
      sections: [ReportPage.findings(findings)]
        + allFigures.map { ReportPage.section($0) } + [ReportPage.settings(settings)]
    ).html
  }

  /// Sentences computed from the numbers.
  public var findings: [String] {
    remarks + predictions.compactMap { finding($0) }
  }

  private func finding(_ prediction: Prediction) -> String? {
    guard let targets, !targets.isEmpty else { return nil }
    let differences = zip(prediction.mean, targets).map { $0 - $1 }
    let error = (differences.reduce(0) { $0 + $1 * $1 } / Double(targets.count)).squareRoot()
    var sentence =
      "The root mean square error of \(prediction.name) is \(NumberText.significant(error, 3)) on "
      + "\(examples) examples"
    if prediction.variance != nil {
      let within = differences.indices.filter {
        abs(differences[$0]) <= 2 * prediction.deviation($0)
      }.count
      let share = 100 * Double(within) / Double(differences.count)
      sentence +=
        "; \(NumberText.fixed(share, 1)) % of the targets lie within the mean ± 2σ"
    }
    return sentence + "."
  }
}
