import DataSets
import Glibc
import Networks
import Training

/// report.html and figures of a study of sample sizes, from sample-complexity.json, cells.csv and
/// the threshold in result.json.
public struct SampleComplexityReport {
  private let record: [String: JSONValue]
  private let threshold: Double
  let table: SampleComplexityTable

  /// - Throws: `TrainingError` if the folder holds no such study, or no cell yet.
  public init(_ folder: String) throws {
    let files = ReportFolder(path: folder)
    guard let record = try files.object("sample-complexity.json") else {
      throw TrainingError(
        "\(folder) has no sample-complexity.json; is this the folder of a study of sample sizes?")
    }
    guard let text = try files.text("cells.csv") else {
      throw TrainingError("the study in \(folder) has no cells yet; draw it later")
    }
    self.record = record
    table = try SampleComplexityTable(csv: text, path: folder + "/cells.csv")
    guard !table.cells.isEmpty else {
      throw TrainingError("the study in \(folder) has no cells yet; draw it later")
    }
    if case .number(let number)? = try files.object("result.json")?["threshold"] {
      threshold = number
    } else {
      threshold = 0.5
    }
  }

  /// Writes report.html and figures/ into the study's folder.
  public static func write(to folder: String) throws {
    try SampleComplexityReport(folder).write(to: folder)
  }

  /// Writes report.html and figures/ into a folder.
  public func write(to out: String) throws { try Figure.write(figures, page: html, to: out) }

  // MARK: Figures

  var figures: [Figure] { [errors, sizes].filter { !$0.isEmpty } }

  private var sampleSizes: [Chart.Place] {
    Set(table.cells.map(\.examples)).sorted().map { Chart.Place(Double($0), "\($0)") }
  }

  /// A panel for each learner: the error against n, a line for each dimension.
  private var errors: Figure {
    let charts = table.learners.map { learner in
      Chart(
        title: learner, xLabel: "examples", yLabel: "test error", values: .logarithmic,
        positions: .listed(sampleSizes, isLogarithmic: true),
        series: table.dimensions.enumerated().map { index, dimension in
          Chart.Series(
            "d = \(dimension)",
            table.curve(learner, dimension: dimension).map {
              Chart.Point(
                x: Double($0.examples), y: $0.error, spread: $0.standardError ?? 0)
            }, color: index)
        }, levels: [Chart.Level("threshold \(threshold)", y: threshold)])
    }
    return Figure(
      "error",
      ChartPanels(
        title: "Test error by number of examples",
        caption: "mean squared error over the targets' variance, against training examples",
        charts: charts),
      note: "Lines are means over seeds, bands ± one standard error.")
  }

  /// n* against d, and the fitted powers.
  private var sizes: Figure {
    let places = table.dimensions.map { Chart.Place(Double($0), "\($0)") }
    var series: [Chart.Series] = []
    for (index, learner) in table.learners.enumerated() {
      let points = table.crossings(learner, threshold: threshold).compactMap { d, crossing in
        crossing.examples.map { Chart.Point(x: Double(d), y: $0) }
      }
      guard !points.isEmpty else { continue }
      var measured = Chart.Series(learner, points, color: index)
      let fitted = table.fit(learner, threshold: threshold)
      if fitted != nil { measured.shape = .markers }
      series.append(measured)
      guard let fit = fitted else { continue }
      var line =
        Chart.Series(
          "\(learner): \(Self.power(fit))",
          [points[0], points[points.count - 1]].map { Chart.Point(x: $0.x, y: fit($0.x)) },
          color: index, dash: index + 4)
      line.shape = .line
      series.append(line)
    }
    return Figure(
      "examples-needed",
      Chart(
        title: "Examples needed for error \(threshold)",
        xLabel: "dimension d", yLabel: "examples", values: .logarithmic,
        positions: .listed(places, isLogarithmic: true), series: series),
      note: "Dimensions at which the error was below the threshold from the start, or never fell "
        + "below it, are left out.")
  }

  private static func power(_ fit: LogLogFit) -> String {
    "n ∝ d^\(NumberText.fixed(fit.slope, 2))"
      + (fit.standardError.map { " ± \(NumberText.fixed($0, 2))" } ?? "")
  }

  // MARK: Page

  var html: String {
    ReportPage(
      title: "Examples that learners need", lead: lead,
      sections: [findings] + figures.map { ReportPage.section($0) }
        + [crossings, ReportPage.settings(record)]
    ).html
  }

  private var lead: String {
    func text(_ name: String) -> String {
      guard case .object(let settings)? = record["settings"] else { return "" }
      return (settings[name] ?? record[name]).map(ReportPage.text) ?? ""
    }
    return "polynomials of degree \(text("degree")) and rank \(text("rank")) on the "
      + "\(text("inputs")), \(table.dimensions.count) dimensions, seeds \(text("seeds"))"
  }

  /// What the data show.
  private var findings: String {
    let sentences = table.learners.map { learner -> String in
      guard let fit = table.fit(learner, threshold: threshold) else {
        return "\(learner) reaches the threshold at too few dimensions for a fit."
      }
      return "\(learner) needs \(Self.power(fit)) examples (\(fit.count) dimensions)."
    }
    return "<section class=\"findings\">\n\(ReportPage.paragraphs(sentences))\n</section>"
  }

  private var crossings: String {
    let rows = table.learners.map { learner -> [String] in
      let found = table.crossings(learner, threshold: threshold)
      return [learner]
        + table.dimensions.map { dimension in
          switch found.first(where: { $0.dimension == dimension })?.crossing {
          case .at(let n)?: NumberText.fixed(n, 0)
          case .atMost(let n)?: "≤ \(n)"
          case .above(let n)?: "> \(n)"
          case nil: "–"
          }
        }
    }
    return "<section><h2>Examples needed</h2>\n"
      + ReportPage.table(
        ["learner"] + table.dimensions.map { "d = \($0)" }, rows, rowHeads: 1) + "</section>"
  }
}
