import FoundationEssentials
import Testing

@testable import Reports

@Suite("The report of a grid")
struct StudyGridTests {
  private static var fixture: StudyFixture {
    var fixture = StudyFixture()
    fixture.axes = [("width", ["64", "8", "512"]), ("lr", ["0.1", "0.01"])]
    fixture.value = { column, place in
      let width = Double(place.grid[0])!
      return column == "test_accuracy"
        ? (place.order == 0 ? 0.9 : 0.5) + width / 10_000 + Double(place.seed) * 0.002
        : StudyFixture.standard(column, place)
    }
    return fixture
  }

  @Test func pointsAreInOrderOfTheirNumbers() throws {
    let table = try Self.fixture.table
    #expect(table.axes == ["width", "lr"])
    #expect(
      table.points.map { $0.settings.map(\.text) } == [
        ["8", "0.01"], ["8", "0.1"], ["64", "0.01"], ["64", "0.1"], ["512", "0.01"],
        ["512", "0.1"],
      ])
    #expect(table.points.allSatisfy { $0.members.count == 6 })
  }

  @Test func figuresForEveryAxisAndPoint() throws {
    let report = try Self.fixture.withFolder { try StudyReport($0) }
    let names = report.figures.map(\.name)
    #expect(Set(names).count == names.count)
    for name in [
      "final-test-accuracy-by-width", "final-test-accuracy-by-lr", "final-test-accuracy",
      "test-accuracy_width-8_lr-0.01", "movement_width-512_lr-0.1",
    ] { #expect(names.contains(name), "\(name)") }
    let document = try XMLChecker(report.html)
    #expect(document.text.contains("at 6 of 6 grid points"))
    #expect(document.text.contains("Curves at width 8, lr 0.01"))
    #expect(report.finals.header.prefix(3) == ["width", "lr", "order"])
    #expect(report.finals.rows.count == 18)
  }

  @Test func valuesAlongAnAxis() throws {
    var fixture = Self.fixture
    fixture.axes = [fixture.axes[0]]
    let report = try fixture.withFolder { try StudyReport($0) }
    let figure = try #require(
      report.figures.first { $0.name == "final-test-accuracy-by-width" })
    let drawn = try DrawnChart(figure.svg)
    for (name, base) in [("order 1", 50.0), ("full", 90)] {
      // Both seeds: base + width/100 and 0.2 more.
      let expected = [8.0, 64, 512].map { base + $0 / 100 + 0.1 }
      let line = try drawn.line(name)
      #expect(line.count == 3)
      for (corner, value) in zip(line, expected) {
        #expect(abs(corner.y - value) <= drawn.precision(value), "\(corner) \(value)")
      }
    }
  }

  @Test func manyPointsAreNotAllDrawn() throws {
    var fixture = StudyFixture()
    fixture.axes = [("seed_of_data", (0..<20).map { "\($0)" })]
    fixture.orders = [1, 0]
    fixture.seeds = [0]
    let report = try fixture.withFolder { try StudyReport($0) }
    #expect(report.html.contains("the first 12 grid points"))
    #expect(report.figures.count { $0.name.hasPrefix("test-loss_") } == 12)
    #expect(report.finals.rows.count == 40)
    _ = try XMLChecker(report.html)
  }
}
