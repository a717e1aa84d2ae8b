import GaussianProcesses
import Testing

@testable import Reports

@Suite("Comparisons of calibration")
struct CalibrationComparisonTests {
  /// Two methods with four intervals: right half of the time with a confidence of 0.9, and always with
  /// 0.7; and always right with 0.9.
  private func comparison() -> CalibrationComparison {
    var result = CalibrationComparison()
    result.add(
      "plain",
      Calibration(
        [0.9, 0.1, 0.9, 0.1, 0.3, 0.7], labels: [0, 1, 1], classes: 2, bins: 4))
    result.add(
      "a < b",
      Calibration([0.9, 0.1, 0.9, 0.1], labels: [0, 0], classes: 2, bins: 4))
    return result
  }

  @Test func bars() throws {
    let figure = try #require(comparison().figure)
    #expect(figure.name == "reliability" && !figure.isEmpty)
    let document = try XMLChecker(figure.file)
    _ = try XMLChecker(figure.svg)
    func heights(_ series: String) throws -> [Double] {
      try document.attributes.filter { $0["data-series"] == series }.map {
        try #require(Double($0["height"] ?? ""))
      }
    }
    let diagonal = try #require(
      document.attributes.first { $0["data-series"] == "diagonal" })
    func number(_ name: String, _ attributes: [String: String]) throws -> Double {
      try #require(Double(attributes[name] ?? ""))
    }
    let (base, top) = (try number("y1", diagonal), try number("y2", diagonal))
    let side = base - top
    // Bins (½, ¾] and (¾, 1] of the first method, and (¾, 1] of the second.
    let accuracies = try heights("accuracy")
    #expect(accuracies.count == 3)
    for (height, accuracy) in zip(accuracies, [1, 0.5, 1]) {
      #expect(abs(height - accuracy * side) < 0.02)
    }
    let lines = document.attributes.filter { $0["data-series"] == "confidence" }
    for (line, confidence) in zip(lines, [0.7, 0.9, 0.9]) {
      let place = try number("y1", line)
      #expect(abs((base - place) / side - confidence) < 1e-3)
    }
    let counts = try heights("count")
    #expect(counts.count == 3 && abs(counts[0] / counts[1] - 0.5) < 1e-2)
    // A bar stands between the ends of its interval of confidence.
    let bars = document.attributes.filter { $0["data-series"] == "accuracy" }
    let (x1, x2) = (try number("x1", diagonal), try number("x2", diagonal))
    let (x, width) = (try number("x", bars[0]), try number("width", bars[0]))
    #expect(x >= x1 + 0.5 * (x2 - x1) && x + width <= x1 + 0.75 * (x2 - x1))
    #expect(document.text.contains("ECE 36.7 %") && document.text.contains("of 2 right"))
  }

  @Test func words() throws {
    let comparison = comparison()
    let section = try XMLChecker(comparison.section)
    #expect(section.text.contains("a < b") && section.text.contains("66.67 %"))
    #expect(section.text.contains("4 intervals"))
    #expect(comparison.findings.count == 2 && comparison.findings[0].contains("a < b"))
    #expect(CalibrationComparison().figure == nil && CalibrationComparison().section.isEmpty)
    #expect(CalibrationComparison().findings.isEmpty)
  }
}
