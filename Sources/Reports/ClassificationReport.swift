import DataSets
import Networks

/// report.html and figures/ of predicted classes: a table of methods, their reliability diagrams, and all
/// probabilities in probabilities.csv.
public struct ClassificationReport: Sendable {
  public var title: String
  public var lead: String
  /// Methods on the test examples; empty where their classes are not known.
  public var comparison: CalibrationComparison
  /// [m, classes]
  public var probabilities: [Double]
  public let classes: Int
  /// Sentences in front of those that the comparison finds.
  public var remarks: [String]
  public var settings: [String: JSONValue]

  public init(
    title: String, lead: String, comparison: CalibrationComparison, probabilities: [Double],
    classes: Int, remarks: [String], settings: [String: JSONValue]
  ) {
    precondition(classes > 0 && probabilities.count % classes == 0, "rows of probabilities")
    (self.title, self.lead, self.comparison) = (title, lead, comparison)
    (self.probabilities, self.classes) = (probabilities, classes)
    (self.remarks, self.settings) = (remarks, settings)
  }

  /// Sentences on what was found.
  public var findings: [String] { remarks + comparison.findings }

  var page: String {
    var sections = [ReportPage.findings(findings), comparison.section]
    if let figure = comparison.figure { sections.append(ReportPage.section(figure)) }
    sections.append(ReportPage.settings(settings))
    return ReportPage(title: title, lead: lead, sections: sections).html
  }

  /// Writes report.html, figures/ and probabilities.csv into a folder.
  ///
  /// - Throws: `TrainingError` or `FileError` where the folder cannot be written.
  public func write(to folder: String) throws {
    try Figure.write(comparison.figure.map { [$0] } ?? [], page: page, to: folder)
    var table = "example"
    for c in 0..<classes { table += ",class_\(c)" }
    table += "\n"
    for example in 0..<(probabilities.count / classes) {
      table += String(example)
      for c in 0..<classes { table += ",\(probabilities[example * classes + c])" }
      table += "\n"
    }
    try AtomicFile.write(folder + "/probabilities.csv", table)
  }
}
