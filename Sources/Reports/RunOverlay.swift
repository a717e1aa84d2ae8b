import DataSets
import Networks
import Training

/// Several runs in one set of figures.
public struct RunOverlay {
  struct Run {
    /// The end of the run's path that tells it from the others.
    var name: String
    var record: [String: JSONValue]
    var result: [String: JSONValue]?
    var metrics: RunMetrics
  }

  let runs: [Run]

  /// Reads the metrics.csv of each folder.
  ///
  /// - Throws: if a folder is no run's, is given twice, has no metrics, or one that is damaged.
  public init(_ folders: [String]) throws {
    let names = try Self.names(folders)
    runs = try zip(folders, names).map { folder, name in
      let files = ReportFolder(path: folder)
      guard let record = try files.object("run.json") else {
        throw TrainingError("\(folder) has no run.json; is this a run's folder?")
      }
      return Run(
        name: name, record: record, result: try files.object("result.json"),
        metrics: try RunReport.metrics(folder))
    }
  }

  /// Writes report.html and figures/NAME.svg to a folder.
  public func write(to out: String) throws {
    try Figure.write(figures, page: html, to: out)
  }

  /// The shortest ends of the paths that differ.
  static func names(_ folders: [String]) throws -> [String] {
    let paths = folders.map { folder in
      (FileContents.resolvedPath(folder) ?? folder).split(separator: "/").map { String($0) }
    }
    for (index, path) in paths.enumerated() where paths[..<index].contains(path) {
      throw TrainingError("the run in \(folders[index]) is given twice; name it once")
    }
    return paths.map { path in
      let others = paths.filter { $0 != path }
      let count =
        (1...max(1, path.count)).first { count in
          !others.contains { $0.suffix(count) == path.suffix(count) }
        } ?? path.count
      return path.suffix(count).joined(separator: "/")
    }
  }

  // MARK: Figures

  var figures: [Figure] {
    [
      steps("test-accuracy", "Test accuracy", "accuracy", "test_accuracy", .percentage),
      steps("test-loss", "Test loss", "mean loss", "test_loss"),
      steps(
        "validation-accuracy", "Validation accuracy", "accuracy", "validation_accuracy",
        .percentage),
      steps("validation-loss", "Validation loss", "mean loss", "validation_loss"),
      steps("loss", "Loss of minibatches", "mean loss", "loss"),
      steps("gradient-norm", "Gradient norm before clipping", "‖g‖", "gradient_norm"),
      movement,
    ].filter { !$0.isEmpty }
  }

  private func steps(
    _ name: String, _ title: String, _ yLabel: String, _ field: String,
    _ values: Chart.Values = .adaptive
  ) -> Figure {
    Figure(
      name,
      Chart(title: title, yLabel: yLabel, values: values, series: series(field, values)))
  }

  private func series(_ field: String, _ values: Chart.Values = .adaptive) -> [Chart.Series] {
    runs.enumerated().map { index, run in
      // Eight colours and eight dashes make 64 different lines.
      Chart.Series(
        run.name, run.metrics.points(field, factor: values == .percentage ? 100 : 1),
        color: index, dash: index + index / 8)
    }
  }

  private var movement: Figure {
    let tensors = Set(runs.flatMap(\.metrics.tensors)).sorted(by: RunMetrics.precedes)
    return Figure(
      "movement",
      ChartPanels(
        title: "Relative movement of each tensor from the start",
        caption: "‖θ−θ0‖ / ‖θ0‖ against steps",
        charts: tensors.map { tensor in
          Chart(
            title: tensor, yLabel: "", series: series("relative_movement.\(tensor)"))
        }))
  }

  // MARK: Page

  var html: String {
    ReportPage(
      title: "\(runs.count) runs", lead: runs.map(\.name).joined(separator: ", "),
      sections: figures.map { ReportPage.section($0) } + [results]
        + runs.map { run in
          ReportPage.details("Settings of \(run.name)", ReportPage.settings(run.record))
        }
    ).html
  }

  private var results: String {
    let fields = [
      "steps", "test_accuracy", "test_loss", "validation_accuracy", "validation_loss",
      "train_accuracy", "train_loss", "seconds",
    ].filter { field in
      runs.contains { if case .number? = $0.result?[field] { true } else { false } }
    }
    let rows = runs.map { run -> [String] in
      [run.name]
        + fields.map { field in
          guard case .number(let value)? = run.result?[field] else { return "–" }
          return field.hasSuffix("accuracy")
            ? NumberText.fixed(100 * value, 2) + " %" : NumberText.significant(value)
        }
    }
    let header = ["run"] + fields.map { String($0.map { $0 == "_" ? " " : $0 }) }
    let unfinished = runs.filter { $0.result == nil }.map(\.name)
    return "<section><h2>Results</h2>\n" + ReportPage.table(header, rows, rowHeads: 1)
      + (unfinished.isEmpty
        ? ""
        : "\n<p class=\"note\">Not ended yet: "
          + "\(Markup.escaped(unfinished.joined(separator: ", "))).</p>")
      + "</section>"
  }
}
