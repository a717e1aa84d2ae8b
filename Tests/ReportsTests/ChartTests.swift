import Testing

@testable import Reports

@Suite("Charts")
struct ChartTests {
  static func line(_ name: String, _ values: [Double], color: Int = 0) -> Chart.Series {
    Chart.Series(
      name, values.enumerated().map { .init(x: Double($0.offset), y: $0.element) }, color: color)
  }

  static func coordinates(_ attribute: String?) throws -> [(x: Double, y: Double)] {
    try #require(attribute).split(separator: " ").map { pair in
      let parts = pair.split(separator: ",")
      return (try #require(Double(parts[0])), try #require(Double(parts[1])))
    }
  }

  @Test(
    "SVG is well-formed and a line has a corner for each point",
    arguments: [2, 3, 41, 500, 1200])
  func points(count: Int) throws {
    let values = (0..<count).map { Double(($0 * 37) % 101) }
    let chart = Chart(
      title: "t", yLabel: "y", values: .linear,
      series: [Self.line("a", values), Self.line("b", values.reversed(), color: 1)])
    let document = try XMLChecker(chart.svg)
    #expect(document.elements.first == "svg")
    let lines = document.attributes.indices.filter { document.elements[$0] == "polyline" }
    #expect(lines.count == 2)
    for index in lines {
      let corners = try Self.coordinates(document.attributes[index]["points"])
      #expect(corners.count == count)
      #expect(zip(corners, corners.dropFirst()).allSatisfy { $0.x <= $1.x })
      #expect(corners.allSatisfy { (62...702.01).contains($0.x) })
    }
    // Markers where points are few: one for each point, one more in the legend.
    let circles = document.elements.filter { $0 == "circle" }.count
    #expect(circles == (count <= 40 ? count + 1 : 0))
  }

  @Test func higherValuesStandHigher() throws {
    let chart = Chart(title: "", yLabel: "", series: [Self.line("a", [1, 2, 4, 1000])])
    #expect(chart.yAxis.scale == .logarithmic)
    let document = try XMLChecker(chart.svg)
    let index = try #require(document.elements.firstIndex(of: "polyline"))
    let corners = try Self.coordinates(document.attributes[index]["points"])
    #expect(zip(corners, corners.dropFirst()).allSatisfy { $0.y > $1.y })
    // Equal factors are equal distances.
    #expect(abs((corners[0].y - corners[1].y) - (corners[1].y - corners[2].y)) < 0.02)
  }

  @Test func aLogarithmicAxisLeavesOutWhatItCannotShow() throws {
    let chart = Chart(title: "", yLabel: "", series: [Self.line("a", [0, -1, 1, 100, 5])])
    #expect(chart.series[0].drawn(on: chart.yAxis).map(\.y) == [1, 100, 5])
  }

  @Test func valuesThatAreNotFiniteAreLeftOut() throws {
    let chart = Chart(
      title: "", yLabel: "", series: [Self.line("a", [1, .nan, .infinity, 2]), Self.line("b", [])])
    #expect(chart.pointCount == 2)
    #expect(chart.series.map(\.name) == ["a"])
    #expect(!chart.svg.contains("nan") && !chart.svg.contains("inf"))
    _ = try XMLChecker(chart.svg)
  }

  @Test func onePointAndEqualValuesMakeAChart() throws {
    for values in [[3.0], [3, 3, 3], [0], [-2, -2]] {
      let document = try XMLChecker(
        Chart(title: "", yLabel: "", series: [Self.line("a", values)]).svg)
      #expect(document.elements.filter { $0 == "circle" }.count == values.count + 1)
      #expect(!document.attributes.contains { $0.values.contains { $0.contains("nan") } })
    }
  }

  @Test func thinningKeepsTheSpikes() {
    var values = [Double](repeating: 1, count: 100_000)
    values[77_777] = 9
    values[12_345] = -9
    let chart = Chart(title: "", yLabel: "", values: .linear, series: [Self.line("a", values)])
    let drawn = chart.series[0].drawn(on: chart.yAxis)
    #expect(drawn.count <= Chart.mostPoints)
    #expect(drawn.contains(.init(x: 77_777, y: 9)) && drawn.contains(.init(x: 12_345, y: -9)))
    #expect(zip(drawn, drawn.dropFirst()).allSatisfy { $0.x < $1.x })
  }

  @Test func namesAndTitlesAreEscaped() throws {
    let name = "a<b> & \"c\" 'd'\u{1}"
    let chart = Chart(
      title: name, xLabel: name, yLabel: name, series: [Self.line(name, [1, 2])])
    let document = try XMLChecker(chart.svg)
    #expect(document.text.contains("a<b> & \"c\" 'd'\u{FFFD}"))
    #expect(!chart.svg.contains("a<b>"))
  }

  @Test func linesDifferWithoutColour() throws {
    let chart = Chart(
      title: "", yLabel: "",
      series: (0..<8).map { Self.line("\($0)", [1, Double($0)], color: $0) })
    let document = try XMLChecker(chart.svg)
    let dashes = document.attributes.indices.filter { document.elements[$0] == "polyline" }
      .map { document.attributes[$0]["stroke-dasharray"] ?? "" }
    #expect(Set(dashes).count == 8)
  }
}
