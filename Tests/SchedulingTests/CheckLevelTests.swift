import Compute
import Scheduling
import Testing

@Suite struct CheckLevelTests {
  @Test func levelsAreParsed() throws {
    #expect(try CheckLevel(parsing: "elements") == .elements)
    #expect(try CheckLevel(parsing: "freivalds") == .freivalds)
    #expect(try CheckLevel(parsing: "50") == .whole(every: 50))
    for text in ["", "0", "-1", "all", "1.5", "99999999999999999999"] {
      #expect(throws: BackendError.self) { try CheckLevel(parsing: text) }
    }
    for level in [CheckLevel.elements, .freivalds, .whole(every: 3)] {
      #expect(try CheckLevel(parsing: "\(level)") == level)
    }
  }

  /// Its numbers by their formulas: (1 − (511/512)⁴)(1 − (2047/2048)⁴) = 1.52·10⁻⁵,
  /// 0.99²⁰⁰⁰ = 1.86·10⁻⁹, 16·√1029·2⁻²⁴ = 3.06·10⁻⁵, 2e⁻³² = 2.53·10⁻¹⁴.
  @Test func detectionIsStated() {
    let elements = CheckLevel.elements.detectionText
    #expect(elements.contains("1.5e-5") && elements.contains("1.9e-9"))
    let projections = CheckLevel.freivalds.detectionText
    #expect(projections.contains("3.1e-5") && projections.contains("2.5e-14"))
    #expect(CheckLevel.whole(every: 1).detectionText.contains("every wrong element is found"))
    #expect(CheckLevel.whole(every: 50).detectionText.contains("1/50"))
  }
}
