import Networks

/// The page of one run: well-formed XML that is also HTML, with everything it needs inside.
struct ReportPage {
  /// run.json.
  var run: [String: JSONValue]
  /// result.json; absent while a run goes on.
  var result: [String: JSONValue]?
  /// network.json as it stands.
  var network: String?
  var metrics: RunMetrics

  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8"/>
    <meta name="viewport" content="width=device-width, initial-scale=1"/>
    <meta name="color-scheme" content="light dark"/>
    <title>\(Markup.escaped(title)) · Maclaurin</title>
    <style>
    \(Self.style)
    </style>
    </head>
    <body>
    <main>
    <h1>\(Markup.escaped(title))</h1>
    <p class="lead">\(Markup.escaped(lead))</p>
    \(resultSection)
    \(chartSections)
    \(evaluationSection)
    \(settingsSection)
    \(networkSection)
    </main>
    </body>
    </html>

    """
  }

  // MARK: Head

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
    if let count = run["parameters"] { parts.append("\(Self.text(count)) parameters") }
    if !text("backend").isEmpty { parts.append("on \(text("backend"))") }
    if !text("numerics").isEmpty { parts.append("\(text("numerics")) numerics") }
    if !text("version").isEmpty { parts.append("maclaurin \(text("version"))") }
    return parts.joined(separator: ", ")
  }

  private func text(_ name: String) -> String { run[name].map(Self.text) ?? "" }

  // MARK: Sections

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

  private var chartSections: String {
    metrics.charts.map { chart in
      var lines = ["<section>", "<h2>\(Markup.escaped(chart.title))</h2>", chart.svg]
      let silent = metrics.tensorsWithoutRelativeMovement
      if chart == metrics.movement, !silent.isEmpty {
        lines.append(
          "<p class=\"note\">Not shown, because they start at zero: "
            + "\(Markup.escaped(silent.joined(separator: ", "))).</p>")
      }
      return (lines + ["</section>"]).joined(separator: "\n")
    }.joined(separator: "\n")
  }

  private var evaluationSection: String {
    let (header, rows) = metrics.evaluationTable
    guard !rows.isEmpty, header.count > 1 else { return "" }
    let head = header.map { "<th scope=\"col\">\(Markup.escaped($0))</th>" }.joined()
    let body = rows.map { row in
      "<tr>" + row.map { "<td>\(Markup.escaped($0))</td>" }.joined() + "</tr>"
    }
    return """
      <details><summary>Evaluations as a table</summary>
      <div class="wide"><table class="numbers"><thead><tr>\(head)</tr></thead><tbody>
      \(body.joined(separator: "\n"))
      </tbody></table></div></details>
      """
  }

  private var settingsSection: String {
    var members = run.filter { !["settings", "format"].contains($0.key) }
    if case .object(let settings)? = run["settings"] {
      members.merge(settings) { first, _ in first }
    }
    let rows = members.keys.sorted().map { key in
      "<tr><th scope=\"row\">\(Markup.escaped(Self.words(key)))</th>"
        + "<td>\(Markup.escaped(Self.text(members[key] ?? .null)))</td></tr>"
    }
    return """
      <section><h2>Effective settings</h2>
      <table><tbody>
      \(rows.joined(separator: "\n"))
      </tbody></table></section>
      """
  }

  private var networkSection: String {
    guard let network else { return "" }
    return """
      <details><summary>Network file</summary>
      <pre>\(Markup.escaped(network))</pre></details>
      """
  }

  // MARK: Values

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .null: "none"
    case .bool(let value): value ? "yes" : "no"
    case .number(let value):
      Int(exactly: value).map { NumberText.fixed(Double($0), 0) } ?? "\(value)"
    case .string(let value): value
    case .array(let values): values.isEmpty ? "none" : values.map(text).joined(separator: ", ")
    case .object: value.line
    }
  }

  /// learningRate and learning_rate as "learning rate".
  private static func words(_ key: String) -> String {
    key.map { character in
      character == "_"
        ? " " : character.isUppercase ? " \(character.lowercased())" : String(character)
    }.joined()
  }

  private static let style = """
    :root { color-scheme: light dark; --ink: #1d2126; --soft: #5d6670; --line: #d8dde2;
      --page: #ffffff; --card: #f4f6f8; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e4e8ec; --soft: #9aa4ae; --line: #353c44; --page: #14171a; --card: #1d2227; }
    }
    body { margin: 0; background: var(--page); color: var(--ink);
      font: 16px/1.5 system-ui, sans-serif; }
    main { max-width: 46rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
    h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; }
    h2 { font-size: 1.1rem; margin: 2.2rem 0 0.6rem; }
    .lead, .note, dt { color: var(--soft); }
    .lead { margin: 0.3rem 0 1.4rem; }
    .note { font-size: 0.85rem; }
    .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr));
      gap: 0.6rem; margin: 0; }
    .cards div { background: var(--card); border-radius: 6px; padding: 0.6rem 0.8rem; }
    dt { font-size: 0.85rem; }
    dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
    svg { display: block; width: 100%; height: auto; }
    code { overflow-wrap: anywhere; font-size: 0.85rem; }
    table { border-collapse: collapse; font-size: 0.9rem; }
    th, td { text-align: left; padding: 0.2rem 1.2rem 0.2rem 0; vertical-align: top;
      border-bottom: 1px solid var(--line); }
    th { font-weight: normal; color: var(--soft); white-space: nowrap; }
    .numbers { font-variant-numeric: tabular-nums; }
    .wide, pre { overflow-x: auto; }
    details { margin-top: 2.2rem; }
    summary { cursor: pointer; }
    pre { background: var(--card); border-radius: 6px; padding: 0.8rem; font-size: 0.8rem; }
    """
}
