import Maclaurin

/// Where a run's operations went, for people and as JSON. Empty where there was no choice.
struct PlacementTable {
  private let places: [Scheduler.PlaceReport]
  /// Seconds of the run.
  private let seconds: Double

  init(_ backend: any Backend, seconds: Double) {
    places = backend.scheduler?.report ?? []
    self.seconds = seconds
  }

  var text: String? {
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

  var json: JSONValue {
    .array(
      places.map { place in
        .object([
          "name": .string(place.name), "operations": .number(Double(place.operations)),
          "flops": .number(place.flops), "seconds": .number(place.seconds),
          "time_share": .number(seconds > 0 ? place.seconds / seconds : 0),
          "transfers": .number(Double(place.transfers)),
          "transferred_bytes": .number(Double(place.transferredBytes)),
          "given_up": .bool(place.isRetired),
        ])
      })
  }
}
