import DataSets
import Networks
import Training

/// report.html of a run directory: settings, result and curves in one file that loads nothing; and
/// the curves as files of their own, figures/NAME.svg.
public enum RunReport {
  /// Writes them from run.json, network.json, metrics.jsonl and result.json.
  ///
  /// result.json, network.json and metrics may be missing: the page then shows what there is.
  ///
  /// - Throws: `TrainingError` or `NetworkError` if run.json cannot be read, `FileError` if the
  ///   page cannot be written; an older page then stands.
  public static func write(to directory: RunDirectory) throws {
    let page = try page(directory.path, RunMetrics(records: directory.metrics()))
    try Figure.write(page.figures, page: page.html, to: directory.path)
  }

  /// Draws the run in `folder` again, from metrics.csv, and writes to the folder `out`.
  ///
  /// - Throws: also if metrics.csv is missing, has no row yet, or is damaged (with the line).
  public static func redraw(_ folder: String, to out: String) throws {
    let page = try page(folder, metrics(folder))
    try Figure.write(page.figures, page: page.html, to: out)
  }

  private static func page(_ folder: String, _ metrics: RunMetrics) throws -> RunPage {
    let files = ReportFolder(path: folder)
    guard let run = try files.object("run.json") else {
      throw TrainingError("\(folder) has no run.json; is this a run's folder?")
    }
    return RunPage(
      run: run, result: try files.object("result.json"), network: try files.text("network.json"),
      metrics: metrics)
  }

  static func metrics(_ folder: String) throws -> RunMetrics {
    let path = folder + "/metrics.csv"
    guard ReportFolder(path: folder).contains("metrics.csv") else { throw noMetrics(folder) }
    let table = try NumberTable(path)
    guard !table.rows.isEmpty else { throw noMetrics(folder) }
    guard table.contains("step") else {
      throw FileError(
        path: path, field: "line 1", problem: "has no column 'step'",
        advice: "the file is damaged; restore it")
    }
    return RunMetrics(table)
  }

  private static func noMetrics(_ folder: String) -> TrainingError {
    TrainingError(
      "the run in \(folder) has no metrics yet; draw it after its first logged step")
  }
}
