import DataSets
import FoundationEssentials
import Testing

@testable import Reports

/// Losses of runs beside predicted ones.
@Suite struct LossCurveTests {
  /// Only rows with a test loss count.
  @Test func ofARun() throws {
    let folder =
      FileManager.default.temporaryDirectory.path + "/report-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try AtomicFile.write(
      folder + "/metrics.csv", "step,loss,test_loss\n0,,0.5\n1,0.4,\n2,0.3,0.25\n")
    let curve = try LossCurve.ofRun(in: folder)
    #expect(curve.times == [0, 2] && curve.losses == [0.5, 0.25] && curve.isMeasured)
    #expect(throws: FileError.self) { _ = try LossCurve.ofRun(in: folder + "/nothing") }
  }

  /// Lines for what is predicted, points for what is measured, ticks at powers of ten.
  @Test func figure() throws {
    let figure = try #require(
      LossCurve.figure([
        LossCurve("predicted", times: [1, 10, 100], losses: [1, 0.1, 0.01]),
        LossCurve("trained", times: [0, 1, 100], losses: [2, 1.1, 0.02], isMeasured: true),
      ]))
    let text = figure.svg
    #expect(text.contains(">predicted<") && text.contains(">trained<"))
    #expect(text.contains(">1<") && text.contains(">10<") && text.contains(">100<"))
    #expect(LossCurve.figure([]) == nil)
  }
}
