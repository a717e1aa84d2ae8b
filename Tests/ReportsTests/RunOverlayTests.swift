import FoundationEssentials
import Testing
import Training

@testable import Reports

@Suite("Several runs in one set of figures")
struct RunOverlayTests {
  private static func run(_ loss: [Double], _ accuracy: [Double]) -> [String: String] {
    let header =
      "step,epoch,learning_rate,loss,test_loss,test_accuracy,"
      + "movement.layers.0.weight,relative_movement.layers.0.weight"
    let rows = zip(loss, accuracy).enumerated().map { index, values in
      "\(index * 10),\(index),0.1,\(values.0),,\(values.1),\(index),\(Double(index) / 4)"
    }
    return [
      "run.json": #"{"settings": {"data": "digits", "order": "2"}}"#,
      "metrics.csv": ([header] + rows).joined(separator: "\n") + "\n",
    ]
  }

  private static func withRuns<Result>(
    _ names: [String], _ body: (_ folder: String, _ runs: [String]) throws -> Result
  ) throws -> Result {
    let folder = try StudyFixture.newFolder([:])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for (index, name) in names.enumerated() {
      let shift = Double(index) / 10
      let files = run([2 + shift, 1 + shift, 0.5], [0.1, 0.5 + shift, 0.75])
      try FileManager.default.createDirectory(
        atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
      for (file, text) in files {
        try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)/\(file)"))
      }
    }
    return try body(folder, names.map { "\(folder)/\($0)" })
  }

  @Test func valuesAreThoseOfTheCSV() throws {
    try Self.withRuns(["a", "b"]) { folder, runs in
      try RunOverlay(runs).write(to: folder + "/out")
      _ = try XMLChecker(StudyFixture.text(folder + "/out/report.html"))
      let files = try FileManager.default.contentsOfDirectory(atPath: folder + "/out/figures")
      #expect(Set(files) == ["test-accuracy.svg", "loss.svg", "movement.svg"])
      let drawn = try DrawnChart(StudyFixture.text(folder + "/out/figures/test-accuracy.svg"))
      for (name, values) in [("a", [10.0, 50, 75]), ("b", [10, 60, 75])] {
        let line = try drawn.line(name)
        #expect(line.count == 3)
        for (index, value) in values.enumerated() {
          #expect(abs(line[index].y - value) <= drawn.precision(value))
          #expect(abs(line[index].x - Double(10 * index)) < 0.01)
        }
      }
    }
  }

  @Test func namesAreTheShortestThatDiffer() throws {
    try Self.withRuns(["x/seed-0/order-1", "x/seed-1/order-1", "y/seed-0/order-1", "x/order-2"]) {
      _, runs in
      let names = try RunOverlay.names(runs)
      #expect(
        names == ["x/seed-0/order-1", "seed-1/order-1", "y/seed-0/order-1", "order-2"])
      let others = try RunOverlay.names([runs[0] + "/", runs[3] + "/../order-2"])
      #expect(others == ["order-1", "order-2"])
      let error = #expect(throws: TrainingError.self) {
        _ = try RunOverlay.names([runs[0], runs[0] + "/."])
      }
      #expect("\(error!)".contains("twice"))
    }
  }

  @Test func manyRunsHaveDifferentLines() throws {
    try Self.withRuns((0..<20).map { "run-\($0)" }) { _, runs in
      let figure = try #require(RunOverlay(runs).figures.first { $0.name == "loss" })
      let document = try XMLChecker(figure.svg)
      let looks = document.attributes.indices.filter { document.elements[$0] == "polyline" }.map {
        (document.attributes[$0]["stroke"] ?? "")
          + (document.attributes[$0]["stroke-dasharray"] ?? "")
      }
      #expect(looks.count == 20 && Set(looks).count == 20)
    }
  }

  @Test func aRunIsDrawnAgainFromItsCSV() throws {
    let metrics = RunReportTests.metrics
    var files = RunReportTests.complete
    // The same records as a table.
    let columns = [
      "step", "epoch", "learning_rate", "loss", "gradient_norm", "test_loss", "test_accuracy",
      "movement.layers.2.weight", "relative_movement.layers.2.weight", "movement.layers.2.bias",
      "relative_movement.layers.2.bias", "movement.layers.10.weight",
      "relative_movement.layers.10.weight",
    ]
    let rows = [
      ["0", "0", "0", "", "", "2.5", "0.1", "0", "0", "0", "nan", "0", "0"],
      ["10", "1", "0.1", "1.5", "2"] + [String](repeating: "", count: 8),
      ["10", "1", "0.1", "", "", "1.25", "0.8125", "1", "0.25", "1", "nan", "1", "0.5"],
      ["20", "2", "0.1", "-inf", "1"] + [String](repeating: "", count: 8),
    ]
    #expect(metrics.split(separator: "\n").count == rows.count)
    files["metrics.csv"] = ([columns] + rows).map { $0.joined(separator: ",") + "\n" }.joined()
    try RunReportTests.withRun(files) { directory in
      try RunReport.write(to: directory)
      let written = try directory.read("report.html")
      let figure = try directory.read("figures/movement.svg")
      _ = try XMLChecker(String(decoding: figure, as: UTF8.self))
      try RunReport.redraw(directory.path, to: directory.path)
      #expect(try directory.read("report.html") == written)
      #expect(try directory.read("figures/movement.svg") == figure)
    }
  }
}
