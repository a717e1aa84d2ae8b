import Testing

@testable import Reports

@Suite("Bands, bars, levels and crosses of charts")
struct ChartPartsTests {
  private static func points(_ values: [(Double, Double)]) -> [Chart.Point] {
    values.enumerated().map { .init(x: Double($0.offset), y: $0.element.0, spread: $0.element.1) }
  }

  private static func expect(_ a: Double, _ b: Double, _ chart: DrawnChart) {
    #expect(abs(a - b) <= chart.precision(b), "\(a) \(b)")
  }

  @Test("a band spans value ± spread", arguments: [1.0, 1e-7, 1e9])
  func bands(unit: Double) throws {
    let values = [(3.0, 1.0), (5, 0.5), (4, 2)].map { ($0.0 * unit, $0.1 * unit) }
    let chart = Chart(
      title: "", yLabel: "", values: .linear,
      series: [Chart.Series("a", Self.points(values), color: 0)])
    let drawn = try DrawnChart(chart.svg)
    let (high, low) = try drawn.band("a")
    let line = try drawn.line("a")
    #expect(high.count == 3 && low.count == 3 && line.count == 3)
    for (index, value) in values.enumerated() {
      Self.expect(high[index], value.0 + value.1, drawn)
      Self.expect(low[index], value.0 - value.1, drawn)
      Self.expect(line[index].y, value.0, drawn)
    }
  }

  @Test func noSpreadNoBand() throws {
    let chart = Chart(
      title: "", yLabel: "", series: [Chart.Series("a", Self.points([(1, 0), (2, 0)]), color: 0)])
    #expect(!chart.svg.contains("fill-opacity"))
  }

  @Test func barsAndLevels() throws {
    var line = Chart.Series("a", Self.points([(90, 2), (95, 0), (97, 1)]), color: 0)
    line.spread = .bars
    let places = [0.0, 1, 2].map { Chart.Place($0, "\(Int($0) + 1)") }
    let chart = Chart(
      title: "", yLabel: "", values: .percentage, positions: .listed(places), series: [line],
      levels: [Chart.Level("full", y: 98, spread: 0.5)])
    let drawn = try DrawnChart(chart.svg)
    let bars = drawn.bars("a")
    // A point without a spread has no bar.
    #expect(bars.count == 2)
    Self.expect(bars[0].high, 92, drawn)
    Self.expect(bars[0].low, 88, drawn)
    Self.expect(bars[1].high, 98, drawn)
    Self.expect(try drawn.level("full"), 98, drawn)
    // The places' own labels stand where the points are.
    let corners = try drawn.line("a")
    for (index, corner) in corners.enumerated() {
      #expect(abs(corner.x - Double(index + 1)) < 0.001)
    }
    #expect(chart.svg.contains(">full</text>"))
  }

  @Test func listedPlacesOnALogarithmicAxis() throws {
    let widths = [32.0, 64, 256]
    let chart = Chart(
      title: "", yLabel: "", values: .linear,
      positions: .listed(widths.map { .init($0, "\(Int($0))") }, isLogarithmic: true),
      series: [
        Chart.Series("a", widths.map { .init(x: $0, y: $0) }, color: 0)
      ])
    let document = try XMLChecker(chart.svg)
    let index = try #require(document.elements.firstIndex(of: "polyline"))
    let x = try ChartTests.coordinates(document.attributes[index]["points"]).map(\.x)
    // 64 → 256 is twice as far as 32 → 64.
    #expect(abs((x[2] - x[1]) - 2 * (x[1] - x[0])) < 0.05)
  }

  @Test func labelsThatWouldOverlapAreLeftOut() throws {
    let places = [0.0, 0.001, 0.5, 1].map { Chart.Place($0, "label of \($0)") }
    let chart = Chart(
      title: "", yLabel: "", positions: .listed(places),
      series: [Chart.Series("a", [.init(x: 0, y: 1), .init(x: 1, y: 2)], color: 0)])
    #expect(chart.svg.contains("label of 0.0<") && chart.svg.contains("label of 0.5<"))
    #expect(!chart.svg.contains("label of 0.001<"))
  }

  @Test("a line that runs away is cut off and does not flatten the others")
  func runaway() throws {
    for last in [1e6, 1e99, -1e50] {
      let calm = Chart.Series("calm", Self.points([(2, 0), (1, 0), (0.5, 0)]), color: 0)
      var wild = Chart.Series("wild", Self.points([(2, 0), (3, 0), (last, 0)]), color: 1)
      wild.isBounded = false
      wild.crosses = [.init(x: 2, y: last)]
      let drawn = try DrawnChart(
        Chart(title: "", yLabel: "", values: .linear, series: [calm, wild]).svg)
      for (corner, value) in zip(try drawn.line("calm"), [2, 1, 0.5]) {
        Self.expect(corner.y, value, drawn)
      }
      let corners = try drawn.line("wild")
      #expect(corners.count == 3)
      Self.expect(corners[1].y, 3, drawn)
      // It ends on the edge, and so does its cross.
      let cross = try #require(drawn.crosses("wild").first)
      #expect(abs(cross.y - corners[2].y) <= drawn.precision(3) && abs(cross.x - 2) < 0.01)
      #expect(abs(corners[2].y) < 10)
    }
  }

  @Test("whatever the numbers, a chart is well-formed")
  func extremes() throws {
    let values = [
      0, 1, -1, 1 + 1e-16, 1 - 1e-16, 1e-300, 1e100, -1e100, 1e101, .nan, .infinity,
      .leastNonzeroMagnitude,
    ]
    for a in values {
      for b in values {
        for kind in [Chart.Values.linear, .percentage, .adaptive] {
          var series = Chart.Series(
            "s", [.init(x: 0, y: a, spread: abs(b)), .init(x: 1, y: b), .init(x: 2, y: a)],
            color: nil)
          series.crosses = [.init(x: 2, y: a)].filter { Chart.Series.isDrawable($0) }
          let chart = Chart(
            title: "", yLabel: "", values: kind, series: [series],
            levels: [.init("l", y: b, spread: 1)])
          for text in [chart.svg, chart.file] {
            _ = try XMLChecker(text)
            #expect(!text.contains("nan") && !text.contains("inf"), "\(a) \(b) \(kind)")
          }
        }
      }
    }
  }

  @Test("a file of its own has a size, a title that is seen, and one ink for light and dark")
  func file() throws {
    let chart = Chart(
      title: "Loss", yLabel: "", series: [Chart.Series("a", Self.points([(1, 0)]), color: 0)])
    let document = try XMLChecker(chart.file)
    let root = document.attributes[0]
    #expect(root["width"] == "720" && root["height"] != nil)
    #expect(chart.file.contains(">Loss</text>") && !chart.svg.contains(">Loss</text>"))
    let digits = Array(try #require(root["color"]).dropFirst())
    let channels = [0, 2, 4].map { Double(Int(String(digits[$0...($0 + 1)]), radix: 16)!) / 255 }
    // WCAG 2: relative luminance and contrast.
    let linear = channels.map { $0 <= 0.04045 ? $0 / 12.92 : Self.power(($0 + 0.055) / 1.055) }
    let luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    #expect(1.05 / (luminance + 0.05) >= 4 && (luminance + 0.05) / (0.0056 + 0.05) >= 4)
  }

  private static func power(_ value: Double) -> Double {
    // value^2.4 = value² · (value²)^(1/5), by Newton's method.
    let square = value * value
    var root = 0.5
    for _ in 0..<60 {
      root -= (root * root * root * root * root - square) / (5 * root * root * root * root)
    }
    return square * root
  }

  @Test func panelsShareLegendAndAxis() throws {
    let charts = (1...5).map { factor in
      Chart(
        title: "layer \(factor)", yLabel: "",
        series: [
          Chart.Series("one", Self.points([(0, 0), (Double(factor), 0)]), color: 0),
          Chart.Series("two", Self.points([(0, 0), (1, 0)]), color: 1),
        ])
    }
    let panels = ChartPanels(title: "Movement", caption: "against steps", charts: charts)
    let text = panels.svg(isFile: true)
    let document = try XMLChecker(text)
    #expect(document.elements.count { $0 == "g" } == 5)
    #expect(document.elements.count { $0 == "polyline" } == 10)
    #expect(text.components(separatedBy: ">one</text>") == 2)
    // Equal values stand at equal heights: (1, 1) of "two" is the same everywhere.
    let heights = try document.attributes.filter {
      $0["data-series"] == "two" && $0["fill"] == "none"
    }
    .map { try ChartTests.coordinates($0["points"])[1].y }
    #expect(heights.count == 5 && Set(heights).count == 1)
  }
}

extension String {
  /// How many parts a separator makes.
  func components(separatedBy separator: String) -> Int {
    ranges(of: separator).count + 1
  }
}
