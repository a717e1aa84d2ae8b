import Networks
import Training

/// report.html of a run directory: settings, result and curves in one file that loads nothing.
public enum RunReport {
  /// Writes `report.html` from run.json, network.json, metrics.jsonl and result.json.
  ///
  /// result.json, network.json and metrics may be missing: the page then shows what there is.
  ///
  /// - Throws: `TrainingError` or `NetworkError` if run.json cannot be read, `FileError` if the
  ///   page cannot be written; an older page then stands.
  public static func write(to directory: RunDirectory) throws {
    guard let run = try object("run.json", in: directory) else {
      throw TrainingError("\(directory.path) has no run.json; is this a run's folder?")
    }
    let page = ReportPage(
      run: run, result: try object("result.json", in: directory),
      network: directory.contains("network.json")
        ? String(decoding: try directory.read("network.json"), as: UTF8.self) : nil,
      metrics: RunMetrics(records: try directory.metrics()))
    try directory.write("report.html", Array(page.html.utf8))
  }

  private static func object(
    _ name: String, in directory: RunDirectory
  ) throws -> [String: JSONValue]? {
    guard directory.contains(name) else { return nil }
    let path = "\(directory.path)/\(name)"
    guard case .object(let members) = try JSONValue(text: directory.read(name), named: path) else {
      throw TrainingError("\(path) is damaged: it must hold one JSON object")
    }
    return members
  }
}
