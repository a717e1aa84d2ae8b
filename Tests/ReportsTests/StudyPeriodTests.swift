import FoundationEssentials
import Glibc
import Testing

@testable import Reports

@Suite("A study of how often expansions are made again")
struct StudyPeriodTests {
  /// Periods 1, 10 and never of order 1, the network itself, and Gauss–Newton steps on it; two seeds.
  private static let csv = """
    seed,order,relinearize_every,step,test_accuracy,kernel_distance,expansions,diverged
    0,1,inf,20,0.5,0,0,0
    0,1,10,20,0.7,0.25,1,0
    0,1,1,20,0.9,0.5,19,0
    0,full,,20,0.9,0.5,,0
    0,gauss-newton,,20,0.8,0.75,,0
    1,1,inf,20,0.52,0,0,0
    1,1,10,20,0.72,0.25,1,0
    1,1,1,20,0.92,0.5,19,0
    1,full,,20,0.92,0.5,,0
    1,gauss-newton,,20,0.82,0.75,,0

    """

  private static func study(_ text: String = csv) throws -> StudyTable {
    try StudyTable(Array(text.utf8), path: "study.csv")
  }

  @Test func againstTheNumberOfExpansions() throws {
    let study = try Self.study()
    #expect(study.periods == [1, 10])
    #expect(
      study.orders.map(\.shortName) == ["1, every 1", "1, every 10", "1", "full", "Gauss–Newton"])
    let figures = StudyFigures(study: study).overall
    let accuracy = try #require(
      figures.first { $0.name == "final-test-accuracy-by-expansions" })
    let drawn = try DrawnChart(accuracy.svg)
    let line = try drawn.line("order 1")
    // Means of the seeds, the expansion at the start counted.
    for (corner, expected) in zip(line, [(1.0, 51.0), (2, 71), (20, 91)]) {
      // The axis is logarithmic, and read as a linear one from 1 to 20.
      let place = 1 + 19 * log(expected.0) / log(20)
      #expect(abs(corner.x - place) < 0.05, "\(corner)")
      #expect(abs(corner.y - expected.1) <= drawn.precision(expected.1), "\(corner)")
    }
    #expect(line.count == 3)
    #expect(abs(try drawn.level("full") - 91) <= drawn.precision(91))
    #expect(abs(try drawn.level("Gauss–Newton") - 81) <= drawn.precision(81))
    let distance = try #require(
      figures.first { $0.name == "final-kernel-distance-by-expansions" })
    #expect(try DrawnChart(distance.svg).line("order 1").count == 3)
    // There are no orders to compare at the end.
    #expect(!figures.contains { $0.name == "final-logit-cosine" })
  }

  @Test func inWords() throws {
    let study = try Self.study()
    let sentences = StudyFindings(study.slices(study.points[0])).sentences
    #expect(
      sentences.first
        == "From 1 expansion to 20 expansions of order 1, the final test accuracy goes from 51.00 % "
        + "to 91.00 % and the kernel distance from 0 to 0.500.")
    #expect(!sentences.contains { $0.contains("Fewer than two orders") })
  }

  @Test func aPeriodThatIsNone() throws {
    let text = Self.csv.replacing("0,1,10,", with: "0,1,often,")
    let error = #expect(throws: (any Error).self) { try Self.study(text) }
    #expect("\(error.map { "\($0)" } ?? "")".contains("often"))
  }
}
