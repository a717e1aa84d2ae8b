import DataSets
import GaussianProcesses
import Networks

/// report.html and figures/ of a network that was adapted to new data: a table of methods, of classes
/// reliability diagrams, of numbers the mean ± 2σ with all of it in predictions.csv.
public struct AdaptationReport: Sendable {
  public var title: String
  public var lead: String
  /// Methods in rows under a header.
  public var table: [[String]]
  /// Sentences.
  public var remarks: [String]
  public var settings: [String: JSONValue]
  /// Of classes.
  public var comparison = CalibrationComparison()
  /// Of numbers.
  public var predictions: PredictionReport?

  public init(
    title: String, lead: String, table: [[String]], remarks: [String],
    settings: [String: JSONValue]
  ) {
    (self.title, self.lead, self.table) = (title, lead, table)
    (self.remarks, self.settings) = (remarks, settings)
  }

  private var figures: [Figure] {
    (predictions?.figures ?? []) + (comparison.figure.map { [$0] } ?? [])
  }

  var page: String {
    let findings = (predictions?.findings ?? []) + comparison.findings + remarks
    return ReportPage(
      title: title, lead: lead,
      sections: [
        ReportPage.findings(findings),
        "<section><h2>Methods</h2>\n"
          + ReportPage.table(table.first ?? [], Array(table.dropFirst()), rowHeads: 1)
          + "</section>", comparison.section,
      ] + figures.map { ReportPage.section($0) } + [ReportPage.settings(settings)]
    ).html
  }

  /// Writes report.html, figures/ and, of numbers, predictions.csv into a folder.
  ///
  /// - Throws: `TrainingError` or `FileError` where the folder cannot be written.
  public func write(to folder: String) throws {
    try Figure.write(figures, page: page, to: folder)
    try predictions?.writeTable(to: folder)
  }
}
