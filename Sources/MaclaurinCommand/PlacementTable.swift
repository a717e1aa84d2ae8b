import Maclaurin

/// Where a run's operations went, and what was checked, for people and as JSON.
struct PlacementTable {
  /// Empty where there was no choice.
  private let places: [Scheduler.PlaceReport]
  private let checks: CheckStatistics?
  /// Seconds of the run.
  private let seconds: Double

  init(_ backend: any Backend, seconds: Double) {
    places = backend.scheduler?.report ?? []
    checks = (backend as? CheckedBackend)?.checks
    self.seconds = seconds
  }

  var text: String? {
    let parts = [placesText, checksText].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: "\n")
  }

  private var checksText: String? {
    checks.map {
      "Checked \($0.checkedOperations) of \($0.operations) operations, \($0.comparedElements) "
        + "elements bit for bit, \($0.oracleChecks) operations against their definition: no "
        + "disagreement"
    }
  }

  private var placesText: String? {
    guard !places.isEmpty else { return nil }
    var rows = [["operations ran on", "operations", "flops", "of the time", "copied there"]]
    let flops = places.reduce(0) { $0 + $1.flops }
    for place in places {
      rows.append([
        place.name + (place.isRetired ? " (given up)" : ""), "\(place.operations)",
        flops > 0 ? fixed(100 * place.flops / flops, 1) + " %" : "",
        seconds > 0 ? fixed(100 * place.seconds / seconds, 1) + " %" : "",
        place.transfers == 0 ? "" : bytesText(place.transferredBytes) + " in \(place.transfers)",
      ])
    }
    return table(rows)
  }

  var members: [String: JSONValue] {
    var members: [String: JSONValue] = [:]
    if !places.isEmpty { members["placement"] = .array(places.map(json)) }
    if let checks {
      members["checks"] = .object([
        "operations": .number(Double(checks.operations)),
        "checked_operations": .number(Double(checks.checkedOperations)),
        "compared_elements": .number(Double(checks.comparedElements)),
        "oracle_checks": .number(Double(checks.oracleChecks)),
      ])
    }
    return members
  }

  private func json(_ place: Scheduler.PlaceReport) -> JSONValue {
    .object([
      "name": .string(place.name), "operations": .number(Double(place.operations)),
      "flops": .number(place.flops), "seconds": .number(place.seconds),
      "time_share": .number(seconds > 0 ? place.seconds / seconds : 0),
      "transfers": .number(Double(place.transfers)),
      "transferred_bytes": .number(Double(place.transferredBytes)),
      "given_up": .bool(place.isRetired),
    ])
  }
}
