import Maclaurin

/// What `study` prints.
enum StudyTable {
  /// The columns of the table, by what they show.
  private static let columns = [
    ("train_loss", "train loss"), ("test_loss", "test loss"), ("test_accuracy", "test accuracy"),
    ("logit_distance", "logit distance"), ("logit_cosine", "logit cosine"),
    ("kernel_distance", "kernel distance"), ("kernel_alignment", "kernel alignment"),
  ]

  /// {"summary": [{"order", "relinearize_every", the grid's axes, "seeds", "diverged", NAME, NAME_standard_error, …}]}
  static func result(_ summaries: [StudySummary], axes: [String]) -> [String: JSONValue] {
    let list = summaries.map { summary -> JSONValue in
      var members: [String: JSONValue] = [
        "order": .string(summary.variant.orderName), "seeds": .number(Double(summary.seeds)),
        "diverged": .number(Double(summary.diverged)),
      ]
      if summary.variant.period != nil {
        members["relinearize_every"] = .string(summary.variant.periodName)
      }
      for (axis, text) in zip(axes, summary.grid) {
        members[axis] = Double(text).map { .number($0) } ?? .string(text)
      }
      for name in StudySummary.quantities {
        let statistic = summary.statistics[name]
        members[name] = statistic.map { .number($0.mean) } ?? .null
        members["\(name)_standard_error"] = statistic?.standardError.map { .number($0) }
      }
      return .object(members)
    }
    return ["summary": .array(list)]
  }

  /// The table of a result: a row for each place of the grid and order.
  static func text(_ result: [String: JSONValue], axes: [String]) -> String {
    guard case .array(let list)? = result["summary"] else { return "" }
    let rows = list.compactMap { value -> [String: JSONValue]? in
      if case .object(let members) = value { members } else { nil }
    }
    let shown = columns.filter { column in
      rows.contains { if case .number? = $0[column.0] { true } else { false } }
    }
    let hasPeriods = rows.contains { $0["relinearize_every"] != nil }
    let first = [("order", "order")] + (hasPeriods ? [("relinearize_every", "every")] : [])
    let header = first.map(\.1) + axes + shown.map(\.1) + ["diverged"]
    let lines = rows.map { row -> [String] in
      var cells = first.map { cell(row[$0.0]) } + axes.map { cell(row[$0]) }
      cells += shown.map { name, _ in statistic(row, name) }
      guard case .number(let diverged)? = row["diverged"], diverged > 0,
        case .number(let seeds)? = row["seeds"]
      else { return cells + [""] }
      return cells + [seeds == 1 ? "yes" : "\(fixed(diverged, 0)) of \(fixed(seeds, 0))"]
    }
    return table([header] + lines)
  }

  private static func cell(_ value: JSONValue?) -> String {
    switch value {
    case .string(let text)?: text
    case .some(let value): value.line
    case nil: ""
    }
  }

  private static func statistic(_ row: [String: JSONValue], _ name: String) -> String {
    guard case .number(let mean)? = row[name] else { return "" }
    let isShare = name == "test_accuracy"
    func text(_ value: Double) -> String {
      isShare ? fixed(100 * value, 2) : abs(value) < 1e6 ? fixed(value, 4) : short(value)
    }
    var cell = text(mean)
    if case .number(let error)? = row["\(name)_standard_error"] { cell += " ± " + text(error) }
    return cell + (isShare ? " %" : "")
  }

  /// A large number with three digits.
  private static func short(_ value: Double) -> String {
    var (mantissa, exponent) = (value, 0)
    while abs(mantissa) >= 10 {
      mantissa /= 10
      exponent += 1
    }
    return "\(fixed(mantissa, 2))e\(exponent)"
  }

  /// One evaluation as a line for people; nil for one without numbers.
  static func line(_ rows: [StudyRow]) -> String? {
    guard let step = rows.map(\.step).max() else { return nil }
    let parts = rows.map { row -> String in
      let name = row.variant.name
      if row.isDiverged { return "\(name) diverged after step \(row.step)" }
      if let accuracy = row.values["test_accuracy"] {
        return "\(name) \(fixed(100 * accuracy, 2)) %"
      }
      return row.values["test_loss"].map { "\(name) \(fixed($0, 4))" } ?? name
    }
    return "step \(step)  " + parts.joined(separator: "  ")
  }
}
