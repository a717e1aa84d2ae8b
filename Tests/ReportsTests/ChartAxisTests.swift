import Testing

@testable import Reports

@Suite("Axes")
struct ChartAxisTests {
  @Test(
    "linear ticks",
    arguments: [
      ([0.0, 1.0], ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
      ([0.1, 2.3], ["0.0", "0.5", "1.0", "1.5", "2.0", "2.5"]),
      ([96, 98], ["96.0", "96.5", "97.0", "97.5", "98.0"]),
      ([0, 12_000], ["0", "2500", "5000", "7500", "10,000", "12,500"]),
      ([-3, 4], ["−4", "−2", "0", "2", "4"]),
    ])
  func linear(values: [Double], labels: [String]) {
    let axis = ChartAxis.linear(values)
    #expect(axis.ticks.map(\.label) == labels)
    #expect(axis.lower <= values.min()! && axis.upper >= values.max()!)
  }

  @Test func aPercentageEndsAt100() {
    let axis = ChartAxis.linear([91, 99.7], within: 0...100, unit: " %")
    #expect(axis.upper == 100)
    #expect(axis.ticks.last?.label == "100 %")
  }

  @Test func aCosineEndsAtOneUpToRounding() throws {
    let chart = Chart(
      title: "", yLabel: "", values: .cosine,
      series: [ChartTests.line("a", [0.2, 1.000_000_1, 0.9])])
    #expect(chart.yAxis.upper == 1 && chart.yAxis.ticks.last?.label == "1.0")
    #expect(try DrawnChart(chart.svg).line("a").count == 3)
  }

  @Test(
    "logarithmic ticks",
    arguments: [
      ([0.02, 0.4], ["0.02", "0.05", "0.1", "0.2", "0.5"]),
      ([0.003, 700], ["0.01", "0.1", "1", "10", "100", "1000"]),
      ([1e-9, 1e-7], ["10⁻⁹", "2·10⁻⁹", "5·10⁻⁹", "10⁻⁸", "2·10⁻⁸", "5·10⁻⁸", "10⁻⁷"]),
    ])
  func logarithmic(values: [Double], labels: [String]) throws {
    let axis = try #require(ChartAxis.logarithmic(values))
    #expect(axis.ticks.map(\.label) == labels)
    #expect(axis.lower <= values.min()! && axis.upper >= values.max()!)
  }

  @Test func noPositiveValueHasNoLogarithmicAxis() {
    #expect(ChartAxis.logarithmic([0, -1]) == nil)
  }

  @Test("every axis has 3 to 9 ticks inside it, over all exponents", arguments: -300...300)
  func ticks(exponent: Int) throws {
    let unit = Double("1e\(exponent)")!
    for factor in [1.1, 2.7, 4.9, 9.9] {
      let axis = ChartAxis.linear([0, factor * unit])
      #expect((3...9).contains(axis.ticks.count), "\(factor)e\(exponent)")
      #expect(axis.ticks.allSatisfy { (-0.001...1.001).contains(axis.position($0.value)) })
      #expect(axis.position(factor * unit) <= 1.000001)
      let steep = try #require(ChartAxis.logarithmic([factor * unit, factor * unit * 500]))
      #expect((2...9).contains(steep.ticks.count), "\(factor)e\(exponent)")
      #expect(steep.ticks.allSatisfy { (-0.001...1.001).contains(steep.position($0.value)) })
    }
  }

  @Test(
    "numbers for people",
    arguments: [
      (0.0, "0"), (1, "1"), (0.12345, "0.1235"), (1234.5, "1235"), (12_345, "12,345"),
      (-0.5, "−0.5000"), (1.5e-7, "1.500·10⁻⁷"), (2.5e12, "2.500·10¹²"), (.infinity, "inf"),
    ])
  func significant(value: Double, text: String) {
    #expect(NumberText.significant(value) == text)
  }
}
