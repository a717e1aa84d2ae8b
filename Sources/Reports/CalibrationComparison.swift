import GaussianProcesses

/// Several ways to predict classes of the same test examples, side by side: a table, reliability diagrams
/// and sentences, as parts of a report's page.
public struct CalibrationComparison: Sendable {
  public private(set) var names: [String] = []
  public private(set) var calibrations: [Calibration] = []

  public init() {}

  /// - Parameter name: such as "Laplace, samples".
  public mutating func add(_ name: String, _ calibration: Calibration) {
    names.append(name)
    calibrations.append(calibration)
  }

  /// figures/reliability.svg; nil where there is nothing to draw.
  var figure: Figure? {
    guard !names.isEmpty else { return nil }
    var methods: [ReliabilityDiagram.Method] = []
    for (name, calibration) in zip(names, calibrations) {
      methods.append(.init(name: name, calibration: calibration))
    }
    return Figure("reliability", ReliabilityDiagram(title: "Reliability", methods: methods))
  }

  /// A section with the numbers of every method.
  var section: String {
    guard !names.isEmpty else { return "" }
    var rows: [[String]] = []
    for (name, value) in zip(names, calibrations) {
      rows.append([
        name, NumberText.fixed(100 * value.accuracy, 2) + " %",
        NumberText.significant(value.negativeLogLikelihood),
        NumberText.significant(value.brierScore),
        NumberText.fixed(100 * value.expectedCalibrationError, 2) + " %",
        NumberText.fixed(100 * value.maximumCalibrationError, 2) + " %",
      ])
    }
    let table = ReportPage.table(
      ["", "accuracy", "NLL", "Brier score", "ECE", "MCE"], rows, rowHeads: 1)
    return """
      <section><h2>Classification</h2>
      \(table)
      <p class="note">\(Markup.escaped(note))</p></section>
      """
  }

  private var note: String {
    "NLL is the mean negative log likelihood in nats; ECE and MCE are the mean and the greatest "
      + "difference between confidence and accuracy over \(calibrations[0].bins.count) intervals of "
      + "confidence, on \(calibrations[0].count) examples."
  }

  /// Which method is the most accurate, and which has the best probabilities.
  public var findings: [String] {
    guard let first = calibrations.first else { return [] }
    func text(_ value: Calibration) -> String {
      "\(NumberText.fixed(100 * value.accuracy, 1)) % of \(value.count) test examples, with an NLL of "
        + "\(NumberText.significant(value.negativeLogLikelihood, 3)) and an ECE of "
        + "\(NumberText.fixed(100 * value.expectedCalibrationError, 1)) %"
    }
    guard names.count > 1 else { return ["\(names[0]) is right on \(text(first))."] }
    var (accurate, likely) = (0, 0)
    for index in names.indices {
      if calibrations[index].accuracy > calibrations[accurate].accuracy { accurate = index }
      if calibrations[index].negativeLogLikelihood
        < calibrations[likely].negativeLogLikelihood
      {
        likely = index
      }
    }
    var sentences = [
      "The most accurate is \(names[accurate]): right on \(text(calibrations[accurate]))."
    ]
    sentences.append(
      likely == accurate
        ? "It also has the lowest NLL."
        : "The lowest NLL has \(names[likely]): right on \(text(calibrations[likely])).")
    return sentences
  }
}
