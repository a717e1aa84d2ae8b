import DataSets
import Networks
import Training

/// report.html of a study: what it shows, the figures, a table of final values and the settings in
/// one file that loads nothing; and the figures as files of their own, figures/NAME.svg.
public struct StudyReport {
  private let record: [String: JSONValue]
  private let network: String?
  let study: StudyTable

  /// Reads study.json, study.csv and, where it is there, network.json.
  ///
  /// Final values are the last rows of study.csv: a study that goes on has a report, too.
  ///
  /// - Throws: `TrainingError` if the folder is no study's or has no rows yet, `FileError` with the
  ///   line if study.csv is damaged.
  public init(_ folder: String) throws {
    let files = ReportFolder(path: folder)
    guard let record = try files.object("study.json") else {
      throw TrainingError("\(folder) has no study.json; is this a study's folder?")
    }
    guard files.contains("study.csv") else { throw Self.noRows(folder) }
    self.record = record
    network = try files.text("network.json")
    study = try StudyTable(folder + "/study.csv")
    guard !study.points.isEmpty else { throw Self.noRows(folder) }
  }

  private static func noRows(_ folder: String) -> TrainingError {
    TrainingError("the study in \(folder) has no rows yet; draw it after its first evaluation")
  }

  /// Writes report.html and figures/ into the study's folder.
  public static func write(to folder: String) throws {
    try StudyReport(folder).write(to: folder)
  }

  /// Writes report.html and figures/ into a folder.
  public func write(to out: String) throws { try Figure.write(figures, page: html, to: out) }

  // MARK: Figures

  /// Of every grid point that has curves.
  private var curves: [(point: StudyTable.GridPoint, figures: [Figure])] {
    let drawn = StudyFigures(study: study)
    return study.points.prefix(StudyFigures.mostGridPoints).map { ($0, drawn.curves($0)) }
  }

  private var overall: [Figure] { StudyFigures(study: study).overall }

  var figures: [Figure] { overall + curves.flatMap(\.figures) }

  // MARK: Page

  var html: String {
    ReportPage(
      title: title, lead: lead,
      sections: [findings] + figureSections
        + [finalTable, ReportPage.settings(record), ReportPage.network(network)]
    ).html
  }

  /// A member of study.json, or of the settings in it, as text.
  private func text(_ name: String) -> String {
    if let value = record[name] { return ReportPage.text(value) }
    guard case .object(let settings)? = record["settings"] else { return "" }
    return settings[name].map(ReportPage.text) ?? ""
  }

  private var title: String {
    let data = text("data")
    return "Study of Taylor orders" + (data.isEmpty ? "" : " on \(data)")
  }

  private var lead: String {
    let orders = study.orders.compactMap(\.number).reduce(into: [Int]()) { list, number in
      if !list.contains(number) { list.append(number) }
    }
    let others = study.orders.filter { $0.number == nil }.map(\.shortName)
    let names = orders.map { "\($0)" } + others
    var parts = ["\(names.count == 1 ? "order" : "orders") \(names.joined(separator: ", "))"]
    if !study.periods.isEmpty {
      let periods = study.periods.map { "\($0)" }.joined(separator: ", ")
      parts.append("re-expanded every \(periods) steps")
    }
    parts.append(study.seeds.count == 1 ? "one seed" : "\(study.seeds.count) seeds")
    if study.points.count > 1 { parts.append("\(study.points.count) grid points") }
    if !text("backend").isEmpty { parts.append("on \(text("backend"))") }
    if !text("numerics").isEmpty { parts.append("\(text("numerics")) numerics") }
    if !text("version").isEmpty { parts.append("maclaurin \(text("version"))") }
    return parts.joined(separator: ", ")
  }

  /// What the data show.
  var findings: String {
    let all = study.points.map { ($0, StudyFindings(study.slices($0))) }
    let content: String
    if study.axes.isEmpty, let (_, findings) = all.first {
      content = ReportPage.paragraphs(findings.sentences)
    } else {
      let compared = all.compactMap(\.1.agreementRises)
      let rising = compared.filter { $0 }.count
      let sentence =
        compared.isEmpty
        ? "At no grid point are there two orders that can be compared with full."
        : "Agreement with full training rises with the order at \(rising) of \(compared.count) "
          + "grid points."
      let others = all.filter { $0.1.agreementRises == false }.map { study.name($0.0) }
      let items = all.map { point, findings in
        "<li>\(Markup.escaped(study.name(point) + ": " + findings.sentences.joined(separator: " ")))"
          + "</li>"
      }
      content =
        ReportPage.paragraphs(
          [sentence] + (others.isEmpty ? [] : ["Not so at \(others.joined(separator: "; "))."]))
        + ReportPage.details(
          "Each grid point", "<ul>\n\(items.joined(separator: "\n"))\n</ul>")
    }
    let note =
      study.seeds.count > 1
      ? "<p class=\"note\">Lines and points are means over seeds; bands and bars are ± one "
        + "standard error.</p>"
      : ""
    return "<section class=\"findings\">\n\(content)\n\(note)\n</section>"
  }

  private var figureSections: [String] {
    let overall = overall.map { ReportPage.section($0) }
    if study.axes.isEmpty {
      return overall + curves.flatMap { $0.figures.map { ReportPage.section($0) } }
    }
    let curves = curves.map { point, figures in
      ReportPage.details(
        "Curves at \(study.name(point))",
        figures.map { ReportPage.section($0) }.joined(separator: "\n"))
    }
    let hidden = study.points.count - curves.count
    let note =
      hidden > 0
      ? "<p class=\"note\">Curves are shown at the first \(curves.count) grid points; the folders "
        + "of the other \(hidden) hold a report for each member.</p>"
      : ""
    return overall + curves + [note]
  }

  private static let columns = [
    ("test_accuracy", "test accuracy"), ("test_loss", "test loss"), ("train_loss", "train loss"),
    ("logit_distance", "logit distance"), ("logit_cosine", "logit cosine"),
    ("parameter_distance", "parameter distance"), ("parameter_cosine", "parameter cosine"),
    ("kernel_distance", "kernel distance"), ("kernel_alignment", "kernel alignment"),
  ]

  /// Header and rows of the table of final values.
  var finals: (header: [String], rows: [[String]]) {
    let slices = study.points.flatMap { point in study.slices(point).map { (point, $0) } }
    let columns = Self.columns.filter { column, _ in
      slices.contains { $0.1.final(column) != nil }
    }
    let rows = slices.map { point, slice -> [String] in
      let diverged =
        slice.diverged.isEmpty
        ? "–"
        : "\(slice.diverged.count), at step "
          + Set(slice.diverged.compactMap(\.divergedStep)).sorted()
          .map { NumberText.fixed($0, 0) }.joined(separator: ", ")
      return point.settings.map(\.text) + [
        slice.order.shortName, "\(slice.members.count)", diverged,
      ]
        + columns.map { column, _ in Self.cell(slice.final(column), column) }
    }
    return (
      study.axes.map { StudyTable.words($0) } + ["order", "seeds", "diverged"] + columns.map(\.1),
      rows
    )
  }

  private static func cell(_ statistic: Statistic?, _ column: String) -> String {
    guard let statistic else { return "–" }
    if column.hasSuffix("accuracy") {
      let error = statistic.standardError.map { " ± \(NumberText.fixed(100 * $0, 2))" } ?? ""
      return NumberText.fixed(100 * statistic.mean, 2) + error + " %"
    }
    return NumberText.significant(statistic.mean, 5)
      + (statistic.standardError.map { " ± \(NumberText.significant($0, 2))" } ?? "")
  }

  private var finalTable: String {
    let (header, rows) = finals
    return "<section><h2>At the end</h2>\n"
      + ReportPage.table(header, rows, rowHeads: study.axes.count + 1) + "</section>"
  }
}
