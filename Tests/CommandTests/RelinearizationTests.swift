import Maclaurin
import Testing

/// Rules of re-expansion from the command line, and what they leave in a run's folder.
struct RelinearizationTests {
  private static let train = [
    "train", "--model", "mlp:16x2", "--activation", "tanh", "--steps", "40", "--batch-size", "96",
    "--lr", "0.3", "--evaluate-every", "4", "--json",
  ]

  private func settings(_ folder: TemporaryFolder, _ run: String) throws -> [String: JSONValue] {
    guard
      case .object(let record) = try JSONValue(text: folder.bytes("\(run)/run.json"), named: run),
      case .object(let settings)? = record["settings"]
    else { return [:] }
    return settings
  }

  /// The order rises and falls, the tables say so, and the run is evaluated at the order it has
  /// reached.
  @Test func adaptiveOrder() throws {
    let folder = try TemporaryFolder()
    let run = try Command.run(
      Self.train + ["--order", "1", "--adaptive-order", "0.05", "--max-order", "3"]
        + ["--relinearize-every", "2", "--kernel-probes", "4", "--out", "run", "--tensorboard"],
      in: folder)
    #expect(run.status == 0, "\(run.errors)")
    let rows = CSVText(folder.text("run/metrics.csv")).rows.filter { $0["test_loss"] != "" }
    let orders = rows.compactMap { $0.number("order") }
    #expect(orders.count == rows.count && orders.first == 1 && (orders.max() ?? 0) > 1)
    #expect(try #require(rows.last?.number("expansions")) >= 0)
    #expect(rows.dropFirst().allSatisfy { ($0.number("predicted_error") ?? -1) >= 0 })
    #expect(rows[0]["predicted_error"] == "")
    #expect(rows[0]["kernel_distance"] == "0" && rows[0]["kernel_alignment"] == "1")
    #expect(try #require(rows.last?.number("parameter_movement")) > 0)
    let figures = Set(folder.names("run/figures"))
    #expect(
      figures.isSuperset(of: [
        "kernel-distance.svg", "kernel-alignment.svg", "order.svg", "predicted-error.svg",
      ]))
    #expect(orders.last != 1, "not a case that shows anything: \(orders)")
    let evaluation = try Command.run("evaluate", "--run", "run", "--json", in: folder)
    #expect(try evaluation.number("test_loss") == run.number("test_loss"))
    let settings = try settings(folder, "run")
    #expect(settings["adaptive-order"] == .number(0.05) && settings["max-order"] == .number(3))
    #expect(settings["relinearize-every"] == .number(2) && settings["order"] == .string("1"))
    #expect(settings["kernel-probes"] == .number(4))
    expectSentence(
      try Command.run(
        Self.train + ["--order", "1", "--out", "run", "--resume"], in: folder),
      "--adaptive-order 0.05, not with no --adaptive-order")
  }

  /// A constant period is written as it was before there were other rules; inf and 0 are the same
  /// as none.
  @Test func constantPeriodsKeepTheirRecord() throws {
    let folder = try TemporaryFolder()
    func run(_ name: String, _ options: [String]) throws -> String {
      let outcome = try Command.run(
        Self.train + ["--order", "2", "--out", name] + options, in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try outcome.text("parameters_sha256")
    }
    let plain = try run("plain", [])
    #expect(try run("zero", ["--relinearize-every", "0"]) == plain)
    #expect(try run("inf", ["--relinearize-every", "inf"]) == plain)
    #expect(try run("long", ["--relinearize-every", "40"]) == plain)
    #expect(try run("some", ["--relinearize-every", "7"]) != plain)
    let (none, some) = (try settings(folder, "plain"), try settings(folder, "some"))
    #expect(try settings(folder, "inf") == none)
    #expect(none["relinearize-every"] == .number(0) && some["relinearize-every"] == .number(7))
    #expect(none.keys == some.keys)
    for name in none.keys {
      #expect(!["max-order", "adaptive-order", "kernel-probes"].contains(name))
      #expect(!name.hasPrefix("relinearize-") || name == "relinearize-every", "\(name)")
    }
    let columns = CSVText(folder.text("plain/metrics.csv")).columns
    #expect(!columns.contains("expansions") && !columns.contains("kernel_distance"))
    let last = CSVText(folder.text("some/metrics.csv")).rows.last
    #expect(last?.number("expansions") == 5)
  }

  /// Rules that look at the model decide alike everywhere.
  @Test(arguments: [
    ["--relinearize-trust", "0.05", "--relinearize-state", "reset", "--optimizer", "momentum"],
    ["--adaptive-order", "0.1", "--relinearize-every", "3"],
    ["--relinearize-every", "2", "--relinearize-growth", "1.5"],
  ])
  func sameBits(_ options: [String]) throws {
    let folder = try TemporaryFolder()
    let hashes = try SameBitsTests.places.map { place in
      let outcome = try Command.run(
        ["train", "--model", "mlp:16x2", "--activation", "tanh", "--order", "1", "--steps", "24"]
          + ["--lr", "0.1", "--json", "--quiet"] + options + place, in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      return try outcome.text("parameters_sha256")
    }
    #expect(Set(hashes).count == 1, "\(hashes)")
  }
}
