import Networks

/// The page of one run.
struct RunPage {
  /// run.json.
  var run: [String: JSONValue]
  /// result.json; absent while a run goes on.
  var result: [String: JSONValue]?
  /// network.json as it stands.
  var network: String?
  var metrics: RunMetrics

  var figures: [Figure] { metrics.figures }

  var html: String {
    ReportPage(
      title: title, lead: lead,
      sections: [resultSection] + figures.map { ReportPage.section($0) }
        + [evaluations, ReportPage.settings(run), ReportPage.network(network)]
    ).html
  }

  private var title: String {
    let data = text("data")
    switch text("order") {
    case "": return "Training run"
    case "full": return "The network itself on \(data)"
    case let order: return "Taylor expansion of order \(order) on \(data)"
    }
  }

  private var lead: String {
    var parts: [String] = []
    if let count = run["parameters"] { parts.append("\(ReportPage.text(count)) parameters") }
    if !text("backend").isEmpty { parts.append("on \(text("backend"))") }
    if !text("numerics").isEmpty { parts.append("\(text("numerics")) numerics") }
    if !text("version").isEmpty { parts.append("maclaurin \(text("version"))") }
    return parts.joined(separator: ", ")
  }

  /// A member of run.json, or of the settings in it.
  private func text(_ name: String) -> String {
    if let value = run[name] { return ReportPage.text(value) }
    guard case .object(let settings)? = run["settings"] else { return "" }
    return settings[name].map(ReportPage.text) ?? ""
  }

  private var resultSection: String {
    guard let result else {
      return "<p>The run has not ended: there is no result yet.</p>"
    }
    let cards = [
      ("test_accuracy", "test accuracy"), ("test_loss", "test loss"),
      ("validation_accuracy", "validation accuracy"), ("validation_loss", "validation loss"),
      ("train_accuracy", "training accuracy"), ("train_loss", "training loss"),
      ("steps", "steps"), ("seconds", "seconds"), ("examples_per_second", "examples per second"),
    ].compactMap { name, label -> String? in
      guard case .number(let value)? = result[name] else { return nil }
      let shown =
        name.hasSuffix("accuracy")
        ? NumberText.fixed(100 * value, 2) + " %" : NumberText.significant(value)
      return "<div><dt>\(label)</dt><dd>\(Markup.escaped(shown))</dd></div>"
    }
    var lines = ["<section>", "<dl class=\"cards\">"] + cards + ["</dl>"]
    if result["stopped_early"] == .bool(true) {
      lines.append("<p>Stopped early: the validation loss no longer fell.</p>")
    }
    if case .string(let hash)? = result["parameters_sha256"] {
      lines.append(
        "<p>SHA-256 of the final parameters: <code>\(Markup.escaped(hash))</code></p>")
    }
    return (lines + ["</section>"]).joined(separator: "\n")
  }

  private var evaluations: String {
    let (header, rows) = metrics.evaluationTable
    guard !rows.isEmpty, header.count > 1 else { return "" }
    return ReportPage.details("Evaluations as a table", ReportPage.table(header, rows))
  }
}
