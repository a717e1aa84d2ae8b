import FoundationEssentials
import Maclaurin

/// study.json: the effective settings, so that a resumed study is the same study.
struct StudyRecord {
  /// Of any of its members, with the network of the first.
  var run: RunRecord
  /// 0 for full.
  var orders: [Int]
  /// Of --relinearize; 0 for never.
  var periods: [Int]
  /// Of --gauss-newton.
  var gaussNewtonRate: Double?
  var seeds: [UInt64]
  var grid: StudyGrid
  var probes: Int

  var variants: [StudyVariant] {
    StudyVariant.all(orders: orders, periods: periods, gaussNewtonRate: gaussNewtonRate)
  }
  var orderNames: [String] { orders.map { $0 == 0 ? "full" : String($0) } }
  var periodNames: [String] { periods.map { $0 == 0 ? "inf" : String($0) } }

  /// What a resumed study must share with the one it goes on with, by the option that says it.
  private func choices() throws -> [String: JSONValue] {
    var choices = try run.choices()
    // What the members differ in.
    for name in ["order", "seed"] { choices[name] = nil }
    for axis in grid.names { choices[axis == "output_scale" ? "output-scale" : axis] = nil }
    choices["orders"] = .string(orderNames.joined(separator: ","))
    if !periods.isEmpty {
      choices["relinearize-every"] = nil
      choices["relinearize"] = .string(periodNames.joined(separator: ","))
    }
    choices["gauss-newton"] = gaussNewtonRate.map { .number($0) }
    choices["seeds"] = .string(seeds.map { String($0) }.joined(separator: ","))
    choices["grid"] = grid.axes.isEmpty ? nil : .string(grid.description)
    choices["kernel-probes"] = .number(Double(probes))
    return choices
  }

  /// Writes network.json and study.json.
  func write(to directory: StudyDirectory, backend: any Backend) throws {
    try directory.write("network.json", run.network.description.json)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let record = JSONValue.object([
      "format": .number(1), "version": .string(MainCommand.configuration.version),
      "orders": .array(orderNames.map { .string($0) }),
      "seeds": .array(seeds.map { .number(Double($0)) }), "grid": grid.json,
      "data": .string(run.data.data), "settings": .object(try choices()),
      "backend": .string(backend.name), "parameters": .number(Double(run.network.parameterCount)),
      "examples": .array(run.examples.map { .number(Double($0)) }),
    ])
    // Last: a folder with study.json is one that can be resumed.
    try directory.write("study.json", [UInt8](encoder.encode(record)))
  }

  /// A resumed study must have the settings it began with.
  func check(in folder: String) throws {
    try run.check(in: folder, .study, now: choices())
  }
}
