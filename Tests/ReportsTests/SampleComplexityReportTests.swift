import DataSets
import FoundationEssentials
import Glibc
import Testing
import Training

@testable import Reports

/// The report of a study of sample sizes, from errors made by hand: 4·d²/n and 4·d/n.
@Suite struct SampleComplexityReportTests {
  private func folder(_ cells: [SampleComplexityCell]) throws -> String {
    let path =
      FileManager.default.temporaryDirectory.path + "/report-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try AtomicFile.write(
      path + "/sample-complexity.json",
      #"{"settings": {"degree": 2, "rank": 1, "inputs": "sphere", "seeds": "0..1"}}"#)
    try AtomicFile.write(path + "/cells.csv", SampleComplexityTable(cells).csv)
    try AtomicFile.write(path + "/result.json", #"{"threshold": 0.125}"#)
    return path
  }

  @Test func figuresAndFindings() throws {
    var cells: [SampleComplexityCell] = []
    for (learner, power) in [("ntk", 2), ("a<b", 1)] {
      for d in [4, 8, 16, 32] {
        for n in [8, 64, 512, 16384] {
          for seed in 0..<2 {
            let error = 4 * pow(Double(d), Double(power)) / Double(n)
            cells.append(
              SampleComplexityCell(
                learner: learner, dimension: d, examples: n, seed: UInt64(seed), error: error,
                validationError: error, choice: 1, steps: 1))
          }
        }
      }
    }
    let path = try folder(cells)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let report = try SampleComplexityReport(path)
    #expect(report.figures.map(\.name) == ["error", "examples-needed"])
    let page = report.html
    _ = try XMLChecker(page)
    #expect(page.contains("a&lt;b needs n ∝ d^1.00 ± 0.00 examples (4 dimensions)."))
    // At 32·d², which for d = 32 is more than 16384.
    #expect(page.contains("ntk needs n ∝ d^2.00 ± 0.00 examples (3 dimensions)."))
    #expect(page.contains("&gt; 16384") && page.contains("2048"))
    try report.write(to: path)
    for name in ["error", "examples-needed"] {
      _ = try XMLChecker(
        String(decoding: FileContents.read("\(path)/figures/\(name).svg"), as: UTF8.self))
    }
  }

  @Test func nothingThere() throws {
    let path = try folder([])
    defer { try? FileManager.default.removeItem(atPath: path) }
    let error = #expect(throws: TrainingError.self) { _ = try SampleComplexityReport(path) }
    #expect(error?.description.contains("no cells yet") == true)
  }
}
