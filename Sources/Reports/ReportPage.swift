import Networks
import Training

/// The frame of every report: well-formed XML that is also HTML, with everything it needs inside.
struct ReportPage {
  var title: String
  /// A line below the title; may be empty.
  var lead: String
  /// Elements, in order.
  var sections: [String]

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
    \(sections.filter { !$0.isEmpty }.joined(separator: "\n"))
    </main>
    </body>
    </html>

    """
  }

  // MARK: Parts

  static func section(_ figure: Figure) -> String {
    var lines = ["<section>", "<h2>\(Markup.escaped(figure.title))</h2>", figure.svg]
    if let note = figure.note { lines.append("<p class=\"note\">\(Markup.escaped(note))</p>") }
    return (lines + ["</section>"]).joined(separator: "\n")
  }

  static func paragraphs(_ sentences: [String]) -> String {
    sentences.map { "<p>\(Markup.escaped($0))</p>" }.joined(separator: "\n")
  }

  /// Sentences in a box of their own; nothing without them.
  static func findings(_ sentences: [String]) -> String {
    sentences.isEmpty
      ? "" : "<section class=\"findings\">\n\(paragraphs(sentences))\n</section>"
  }

  /// What opens on a click.
  static func details(_ title: String, _ content: String) -> String {
    "<details><summary>\(Markup.escaped(title))</summary>\n\(content)</details>"
  }

  /// - Parameter rowHeads: how many cells of each row are its head.
  static func table(_ header: [String], _ rows: [[String]], rowHeads: Int = 0) -> String {
    let head = header.map { "<th scope=\"col\">\(Markup.escaped($0))</th>" }.joined()
    let body = rows.map { row in
      let cells = row.enumerated().map { index, cell in
        index < rowHeads
          ? "<th scope=\"row\">\(Markup.escaped(cell))</th>" : "<td>\(Markup.escaped(cell))</td>"
      }
      return "<tr>\(cells.joined())</tr>"
    }
    return """
      <div class="wide"><table class="numbers"><thead><tr>\(head)</tr></thead><tbody>
      \(body.joined(separator: "\n"))
      </tbody></table></div>
      """
  }

  /// The members of run.json or study.json; those of `settings` join the others.
  static func settings(_ record: [String: JSONValue]) -> String {
    var members = record.filter { !["settings", "format"].contains($0.key) }
    if case .object(let settings)? = record["settings"] {
      members.merge(settings) { first, _ in first }
    }
    let rows = members.keys.sorted().map { key in
      "<tr><th scope=\"row\">\(Markup.escaped(words(key)))</th>"
        + "<td>\(Markup.escaped(text(members[key] ?? .null)))</td></tr>"
    }
    return """
      <section><h2>Effective settings</h2>
      <table><tbody>
      \(rows.joined(separator: "\n"))
      </tbody></table></section>
      """
  }

  static func network(_ text: String?) -> String {
    text.map { details("Network file", "<pre>\(Markup.escaped($0))</pre>") } ?? ""
  }

  // MARK: Values

  static func text(_ value: JSONValue) -> String {
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
    .findings { background: var(--card); border-radius: 6px; padding: 0.2rem 1rem; }
    .findings details { margin: 1rem 0; }
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
