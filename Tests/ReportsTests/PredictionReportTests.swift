import DataSets
import FoundationEssentials
import Glibc
import Networks
import Testing
import Training

@testable import Reports

/// Reports of predictions, from numbers made by hand.
@Suite struct PredictionReportTests {
  private func write(_ report: PredictionReport) throws -> String {
    let path =
      FileManager.default.temporaryDirectory.path + "/report-\(UInt64.random(in: 0 ... .max))"
    try report.write(to: path)
    _ = try XMLChecker(String(decoding: FileContents.read(path + "/report.html"), as: UTF8.self))
    return path
  }

  /// sin x on a grid in falling order, with σ = |x|/10.
  private func curve(outputs: Int = 1) -> PredictionReport {
    let x = (0...20).map { 1 - Double($0) / 10 }
    func values(_ x: [Double]) -> [Double] {
      x.flatMap { x in (0..<outputs).map { sin(x + Double($0)) } }
    }
    let training = [-0.75, 0.5, 0]
    return PredictionReport(
      title: "Prediction", lead: "", features: 1, outputs: outputs, trainInputs: training,
      trainTargets: values(training), inputs: x, targets: values(x).map { $0 + 0.05 },
      predictions: [
        .init("NTK", mean: values(x), variance: x.map { $0 * $0 / 100 }),
        .init("one network", mean: values(x).map { 2 * $0 }),
      ], settings: [:])
  }

  @Test func oneInput() throws {
    let report = curve()
    #expect(report.figures.map(\.name) == ["prediction"])
    guard case .chart(let chart) = report.figures[0].content else {
      Issue.record("a chart")
      return
    }
    let drawn = try DrawnChart(chart.svg)
    let line = try drawn.line("NTK ± 2σ")
    let band = try drawn.band("NTK ± 2σ")
    #expect(line.count == 21 && band.high.count == 21)
    for (i, point) in line.enumerated() {
      let x = Double(i) / 10 - 1
      #expect(abs(point.x - x) < 1e-3)
      #expect(abs(point.y - sin(x)) <= drawn.precision(point.y))
      #expect(abs(band.high[i] - sin(x) - abs(x) / 5) <= drawn.precision(point.y))
      #expect(abs(band.low[i] - sin(x) + abs(x) / 5) <= drawn.precision(point.y))
    }
    let training = drawn.marks.filter { $0.series == "training points" && $0.element == "circle" }
    #expect(training.count == 3)
    for (mark, x) in zip(training, [-0.75, 0, 0.5]) {
      let (cx, cy) = (Double(mark.attributes["cx"] ?? ""), Double(mark.attributes["cy"] ?? ""))
      #expect(abs(drawn.position(try #require(cx)) - x) < 1e-3)
      #expect(abs(drawn.value(try #require(cy)) - sin(x)) <= drawn.precision(1))
    }
  }

  /// A variance for each output of each example.
  @Test func variancesOfOutputs() throws {
    var report = curve(outputs: 2)
    report.predictions = [
      .init(
        "GP", mean: report.predictions[0].mean, variance: (0..<42).map { Double($0) / 100 })
    ]
    let path = try write(report)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let table = try NumberTable(path + "/predictions.csv", words: ["prediction"])
    for row in 0..<42 {
      #expect(
        table.number(row, "standard_deviation") == (Double(row) / 100).squareRoot())
    }
    // All targets are 0.05 above the mean, so that those of the first examples lie outside.
    let outside = (0..<42).filter { 2 * (Double($0) / 100).squareRoot() < 0.05 }.count
    let share = NumberText.fixed(100 * Double(42 - outside) / 42, 1)
    #expect(outside > 0 && report.findings[0].contains("\(share) % of the targets"))
  }

  @Test func numbersOfTheTable() throws {
    let report = curve(outputs: 2)
    let path = try write(report)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let table = try NumberTable(path + "/predictions.csv", words: ["prediction"])
    #expect(table.rows.count == 2 * 21 * 2)
    for example in 0..<21 {
      for output in 0..<2 {
        let row = example * 2 + output
        let x = 1 - Double(example) / 10
        #expect(table.text(row, "prediction") == "NTK")
        #expect(table.number(row, "example") == Double(example))
        #expect(table.number(row, "output") == Double(output))
        #expect(table.number(row, "input") == x)
        #expect(table.number(row, "mean") == sin(x + Double(output)))
        #expect(table.number(row, "standard_deviation") == (x * x / 100).squareRoot())
        #expect(table.number(row, "target") == sin(x + Double(output)) + 0.05)
        #expect(table.number(row + 42, "standard_deviation") == nil)
      }
    }
    // Panels, one for each output.
    guard case .panels(let panels) = report.figures[0].content else {
      Issue.record("panels")
      return
    }
    #expect(panels.charts.map(\.title) == ["output 0", "output 1"])
  }

  @Test func findings() {
    let findings = curve().findings
    // |difference| is 0.05 ≤ |x|/5 but where |x| < 0.25: 5 of 21.
    #expect(
      findings[0]
        == "The root mean square error of NTK is 0.0500 on 21 examples; 76.2 % of the targets lie within "
        + "the mean ± 2σ.")
    #expect(findings[1].hasSuffix("on 21 examples.") && findings.count == 2)
  }

  /// With more than one feature: predicted against true, and at most 400 points.
  @Test func severalInputs() throws {
    let count = 1000
    let targets = (0..<count).map { sin(Double($0)) }
    let report = PredictionReport(
      title: "Prediction", lead: "", features: 2, outputs: 1, trainInputs: [0, 1],
      trainTargets: [0], inputs: [Double](repeating: 0, count: 2 * count), targets: targets,
      predictions: [
        .init(
          "NNGP", mean: targets.map { $0 + 0.1 }, variance: [Double](repeating: 0.01, count: count))
      ], settings: [:])
    #expect(report.figures.map(\.name) == ["predicted-true"])
    guard case .chart(let chart) = report.figures[0].content else {
      Issue.record("a chart")
      return
    }
    let drawn = try DrawnChart(chart.svg)
    let marks = drawn.marks.filter { $0.series == "NNGP" && $0.element == "circle" }
    #expect(marks.count == 400)
    for mark in marks {
      let x = drawn.position(try #require(Double(mark.attributes["cx"] ?? "")))
      let y = drawn.value(try #require(Double(mark.attributes["cy"] ?? "")))
      #expect(abs(y - x - 0.1) < 2 * drawn.precision(1))
    }
    let bars = drawn.bars("NNGP")
    #expect(bars.count == 400 && bars.allSatisfy { abs($0.high - $0.low - 0.4) < 0.01 })
    let diagonal = try drawn.line("predicted = true")
    #expect(diagonal.allSatisfy { abs($0.x - $0.y) < 0.01 })
    #expect(report.figures[0].note?.contains("400") == true)
  }

  /// Targets need not be known.
  @Test func withoutTargets() throws {
    var report = curve()
    report.targets = nil
    let path = try write(report)
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(report.findings.isEmpty)
    let several = PredictionReport(
      title: "", lead: "", features: 2, outputs: 1, trainInputs: [0, 1], trainTargets: [0],
      inputs: [0, 0, 1, 1], targets: nil, predictions: [.init("NTK", mean: [2, 1])], settings: [:])
    guard case .chart(let chart) = several.figures[0].content else {
      Issue.record("a chart")
      return
    }
    #expect(chart.series[0].points.map(\.y) == [1, 2])
  }
}
