import Maclaurin

/// What a study of sample sizes found, as members, tables and text.
struct SampleComplexityResult {
  private let table: SampleComplexityTable
  private let threshold: Double

  init(_ table: SampleComplexityTable, threshold: Double) {
    (self.table, self.threshold) = (table, threshold)
  }

  private func crossings(_ learner: String) -> [(dimension: Int, crossing: ThresholdCrossing)] {
    table.crossings(learner, threshold: threshold)
  }

  /// thresholds.csv
  var thresholds: String {
    let lines = table.learners.flatMap { learner in
      crossings(learner).map { dimension, crossing in
        let (text, state) =
          switch crossing {
          case .at(let n): (String(n), "reached")
          case .atMost(let n): (String(n), "at_most")
          case .above(let n): (String(n), "above")
          }
        return "\(learner),\(dimension),\(text),\(state)"
      }
    }
    return (["learner,dimension,examples,state"] + lines).joined(separator: "\n") + "\n"
  }

  /// slopes.csv
  var slopes: String {
    let lines = table.learners.map { learner -> String in
      guard let fit = table.fit(learner, threshold: threshold) else { return "\(learner),,,0" }
      return [
        learner, String(fit.slope), fit.standardError.map { String($0) } ?? "", String(fit.count),
      ].joined(separator: ",")
    }
    return (["learner,slope,standard_error,dimensions"] + lines).joined(separator: "\n") + "\n"
  }

  /// {"threshold", "learners": [{"learner", "slope", "standard_error", "examples": [{…}]}]}
  var members: [String: JSONValue] {
    let learners = table.learners.map { learner -> JSONValue in
      let fit = table.fit(learner, threshold: threshold)
      let places = crossings(learner).map { dimension, crossing -> JSONValue in
        let (value, state) =
          switch crossing {
          case .at(let n): (n, "reached")
          case .atMost(let n): (Double(n), "at_most")
          case .above(let n): (Double(n), "above")
          }
        return .object([
          "dimension": .number(Double(dimension)), "examples": .number(value),
          "state": .string(state),
        ])
      }
      return .object([
        "learner": .string(learner), "examples": .array(places),
        "slope": fit.map { .number($0.slope) } ?? .null,
        "standard_error": fit?.standardError.map { .number($0) } ?? .null,
      ])
    }
    return ["threshold": .number(threshold), "learners": .array(learners)]
  }

  /// A row for each learner: n* by dimension, and the slope.
  var rows: [[String]] {
    let dimensions = table.dimensions
    let head = ["n at error \(threshold)"] + dimensions.map { "d = \($0)" } + ["n ∝ d^"]
    return [head]
      + table.learners.map { learner in
        let found = Dictionary(uniqueKeysWithValues: crossings(learner).map { ($0, $1) })
        let cells = dimensions.map { dimension -> String in
          switch found[dimension] {
          case .at(let n)?: fixed(n, 0)
          case .atMost(let n)?: "≤ \(n)"
          case .above(let n)?: "> \(n)"
          case nil: ""
          }
        }
        let fit = table.fit(learner, threshold: threshold)
        let slope =
          fit.map {
            fixed($0.slope, 2) + ($0.standardError.map { " ± " + fixed($0, 2) } ?? "")
          } ?? "–"
        return [learner] + cells + [slope]
      }
  }
}
