import FoundationEssentials
import Networks
import Testing
import Training

@testable import Reports

@Suite("The report of a run")
struct RunReportTests {
  /// A folder that is removed at the end.
  static func withRun<Result>(
    _ files: [String: String], _ body: (RunDirectory) throws -> Result
  ) throws -> Result {
    let manager = FileManager.default
    let path = manager.temporaryDirectory.path + "/report-\(UUID().uuidString)"
    defer { try? manager.removeItem(atPath: path) }
    let directory = try RunDirectory(path, resume: false)
    for (name, text) in files { try directory.write(name, Array(text.utf8)) }
    return try body(directory)
  }

  static let settings = """
    {"data": "csv:a&b.csv:<target>", "order": "2", "parameters": 563722, "version": "0.1.0",
     "settings": {"learningRate": 0.1, "frozen": ["layers.0", "*.bias"], "saveLogits": false}}
    """
  static let metrics = """
    {"step":0,"epoch":0,"learning_rate":0,"test_loss":2.5,"test_accuracy":0.1,\
    "movement.layers.10.weight":0,"relative_movement.layers.10.weight":0,\
    "movement.layers.2.weight":0,"relative_movement.layers.2.weight":0,\
    "movement.layers.2.bias":0,"relative_movement.layers.2.bias":null}
    {"step":10,"epoch":1,"learning_rate":0.1,"loss":1.5,"gradient_norm":2}
    {"step":10,"epoch":1,"learning_rate":0.1,"test_loss":1.25,"test_accuracy":0.8125,\
    "movement.layers.10.weight":1,"relative_movement.layers.10.weight":0.5,\
    "movement.layers.2.weight":1,"relative_movement.layers.2.weight":0.25,\
    "movement.layers.2.bias":1,"relative_movement.layers.2.bias":null}
    {"step":20,"epoch":2,"learning_rate":0.1,"loss":null,"gradient_norm":1}

    """
  static let result = """
    {"steps": 20, "test_accuracy": 0.8125, "test_loss": 1.25, "seconds": 3.5,
     "parameters_sha256": "0123456789abcdef", "stopped_early": true}
    """
  static let network = "{\"input\": [2], \"layers\": [\"<script>\"]}"

  static func page(_ files: [String: String]) throws -> String {
    try withRun(files) { directory in
      try RunReport.write(to: directory)
      return String(decoding: try directory.read("report.html"), as: UTF8.self)
    }
  }

  static var complete: [String: String] {
    [
      "run.json": settings, "metrics.jsonl": metrics, "result.json": result,
      "network.json": network,
    ]
  }

  @Test func theWholePageIsWellFormedAndSelfContained() throws {
    let page = try Self.page(Self.complete)
    let document = try XMLChecker(page)
    #expect(document.elements.first == "html")
    // Nothing is loaded or run: no scripts, and the only address is the name of SVG.
    #expect(!document.elements.contains { ["script", "link", "img", "iframe"].contains($0) })
    let addresses = document.attributes.flatMap { $0.filter { $0.value.contains("://") } }
    #expect(addresses.allSatisfy { $0.key == "xmlns" })
    #expect(!page.contains("url(") && !page.contains("@import"))
    #expect(page.contains("prefers-color-scheme: dark"))
  }

  @Test func itShowsSettingsResultAndCurves() throws {
    let page = try Self.page(Self.complete)
    let text = try XMLChecker(page).text
    for expected in [
      "Taylor expansion of order 2 on csv:a&b.csv:<target>", "81.25 %", "0123456789abcdef",
      "563,722", "learning rate", "layers.0, *.bias", "Stopped early", "<script>",
      "Not shown, because they start at zero: layers.2.bias.",
    ] {
      #expect(text.contains(expected), "\(expected)")
    }
    for title in ["Loss", "Accuracy", "Gradient norm before clipping"] {
      #expect(text.contains(title))
    }
    #expect(!page.contains("<target>") && !page.contains("<script>"))
  }

  @Test func pointsAndOrderOfTheCurves() throws {
    let records = Self.metrics.split(separator: "\n").compactMap { line -> [String: JSONValue]? in
      guard case .object(let members)? = try? JSONValue(text: Array(line.utf8), named: "") else {
        return nil
      }
      return members
    }
    let metrics = RunMetrics(records: records)
    #expect(records.count == 4)
    #expect(metrics.points("test_loss") == [.init(x: 0, y: 2.5), .init(x: 10, y: 1.25)])
    #expect(metrics.losses.pointCount == 3)  // one minibatch loss is null
    #expect(metrics.accuracies.series.map(\.name) == ["test"])
    #expect(metrics.accuracies.series[0].points.map(\.y) == [10, 81.25])
    #expect(metrics.tensors == ["layers.2.weight", "layers.2.bias", "layers.10.weight"])
    #expect(metrics.movement.series.map(\.name) == ["layers.2.weight", "layers.10.weight"])
    #expect(
      metrics.evaluationTable.rows == [["0", "2.500", "10.00 %"], ["10", "1.250", "81.25 %"]])
  }

  /// What is measured of features: curves with more than one point, and a mark at every evaluation
  /// behind a re-expansion.
  @Test func features() throws {
    func metrics(_ rows: [(step: Int, expansions: Int, distance: Double)]) -> RunMetrics {
      RunMetrics(
        records: rows.map { row in
          [
            "step": .number(Double(row.step)), "expansions": .number(Double(row.expansions)),
            "kernel_distance": .number(row.distance),
          ]
        })
    }
    let some = metrics([(0, 0, 0), (10, 2, 0.1), (20, 2, 0.1), (30, 3, 0.4)])
    #expect(some.figures.map(\.name) == ["kernel-distance", "expansions"])
    guard case .chart(let chart)? = some.figures.first?.content else {
      Issue.record("no chart")
      return
    }
    #expect(chart.marks == [10, 30] && chart.series[0].points.map(\.y) == [0, 0.1, 0.1, 0.4])
    let svg = try XMLChecker(chart.file)
    #expect(svg.attributes.count { $0["stroke-dasharray"] == "2 3" } == 2)
    #expect(metrics([(0, 0, 0), (10, 0, 0.1)]).figures.map(\.name) == ["kernel-distance"])
    #expect(metrics([(0, 0, 0)]).figures.isEmpty)
    let many = metrics((0..<70).map { ($0, $0, 1) })
    guard case .chart(let crowded)? = many.figures.first?.content else {
      Issue.record("no chart")
      return
    }
    #expect(crowded.marks.isEmpty && many.figures[0].note == nil)
  }

  @Test func aRunThatHasJustBegunHasAPage() throws {
    let page = try Self.page(["run.json": Self.settings])
    let document = try XMLChecker(page)
    #expect(document.text.contains("The run has not ended"))
    #expect(!document.elements.contains("svg"))
  }

  @Test func aDamagedRunIsNamedAndTheOldPageStands() throws {
    for damaged in ["{", "[1]"] {
      try Self.withRun(["run.json": damaged, "report.html": "old"]) { directory in
        let error = #expect(throws: (any Error).self) { try RunReport.write(to: directory) }
        #expect("\(error!)".contains("run.json"))
        let page = try directory.read("report.html")
        #expect(page == Array("old".utf8))
      }
    }
    try Self.withRun([:]) { directory in
      _ = #expect(throws: TrainingError.self) { try RunReport.write(to: directory) }
    }
  }
}
