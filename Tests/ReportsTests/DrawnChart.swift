import Glibc
import Testing

/// A drawn chart as a reader sees it: coordinates become values by the labels of the axes.
struct DrawnChart {
  struct Mark {
    var element: String
    var attributes: [String: String]
    var series: String
  }

  private struct Tick {
    var place: Double
    var value: Double
  }

  private(set) var marks: [Mark] = []
  private var xTicks: [Tick] = []
  private var yTicks: [Tick] = []

  /// - Parameter svg: of one chart, not of panels.
  init(_ svg: String) throws {
    _ = try XMLChecker(svg)
    for line in svg.split(separator: "\n") where line.hasPrefix("<") {
      let (name, attributes) = Self.element(line)
      if let series = attributes["data-series"] {
        marks.append(Mark(element: name, attributes: attributes, series: series))
      }
      guard name == "text", attributes["transform"] == nil,
        let value = Self.number(line.split(separator: ">")[1].prefix { $0 != "<" })
      else { continue }
      let x = try #require(Double(attributes["x"] ?? ""))
      let y = try #require(
        Double(attributes["y"] ?? ""))
      if attributes["text-anchor"] == "end" { yTicks.append(Tick(place: y - 4, value: value)) }
      if attributes["text-anchor"] == "middle" { xTicks.append(Tick(place: x, value: value)) }
    }
  }

  private static func element(_ line: Substring) -> (String, [String: String]) {
    let inside = line.dropFirst().prefix { $0 != ">" }
    let name = String(inside.prefix { $0 != " " && $0 != "/" })
    var attributes: [String: String] = [:]
    let parts = inside.dropFirst(name.count).split(
      separator: "\"", omittingEmptySubsequences: false)
    for index in stride(from: 0, to: parts.count - 1, by: 2) {
      let key = parts[index].filter { !" =/".contains($0) }
      attributes[String(key)] = String(parts[index + 1])
    }
    return (name, attributes)
  }

  /// "95 %", "12,500", "3*", "10⁻⁴" as numbers.
  static func number(_ label: Substring) -> Double? {
    let text = label.filter { !" %,*×".contains($0) }.map { $0 == "−" ? "-" : $0 }
    if let value = Double(String(text)) { return value }
    guard let base = label.firstRange(of: "10") else { return nil }
    let digits: [Character: Character] = [
      "⁻": "-", "⁰": "0", "¹": "1", "²": "2", "³": "3", "⁴": "4", "⁵": "5", "⁶": "6", "⁷": "7",
      "⁸": "8", "⁹": "9",
    ]
    let exponent = label[base.upperBound...].compactMap { digits[$0] }
    guard let power = Int(String(exponent)) else { return nil }
    let factor = Double(label[..<base.lowerBound].prefix { $0 != "·" }) ?? 1
    return factor * pow(10, Double(power))
  }

  // MARK: From coordinates to values

  var isLogarithmic: Bool {
    guard yTicks.count > 2 else { return false }
    let steps = zip(yTicks, yTicks.dropFirst()).map { abs($1.value - $0.value) }
    return (steps.max() ?? 0) > 1.5 * (steps.min() ?? 0)
  }

  func value(_ y: Double) -> Double {
    let (first, last) = (yTicks[0], yTicks[yTicks.count - 1])
    let share = (y - first.place) / (last.place - first.place)
    if isLogarithmic { return first.value * pow(last.value / first.value, share) }
    return first.value + share * (last.value - first.value)
  }

  /// What a tenth of a pixel is worth at a value: more than the rounding of coordinates.
  func precision(_ value: Double) -> Double {
    let (first, last) = (yTicks[0], yTicks[yTicks.count - 1])
    let height = abs(last.place - first.place)
    if isLogarithmic { return value * (pow(last.value / first.value, 0.1 / height) - 1) }
    return abs(last.value - first.value) * 0.1 / height
  }

  func position(_ x: Double) -> Double {
    let (first, last) = (xTicks[0], xTicks[xTicks.count - 1])
    return first.value + (x - first.place) / (last.place - first.place) * (last.value - first.value)
  }

  /// Position and value of each corner of a line.
  func line(_ series: String) throws -> [(x: Double, y: Double)] {
    let mark = try #require(
      marks.first { $0.element == "polyline" && $0.series == series },
      "no line \(series) among \(Set(marks.map(\.series)))")
    return try corners(mark)
  }

  /// The upper and the lower edge of a line's band, each from left to right.
  func band(_ series: String) throws -> (high: [Double], low: [Double]) {
    let mark = try #require(
      marks.first { $0.attributes["fill-opacity"] != nil && $0.series == series })
    let corners = try corners(mark)
    let half = corners.count / 2
    return (corners[..<half].map(\.y), corners[half...].reversed().map(\.y))
  }

  private func corners(_ mark: Mark) throws -> [(x: Double, y: Double)] {
    try ChartTests.coordinates(mark.attributes["points"]).map { (position($0.x), value($0.y)) }
  }

  /// Middles of crosses.
  func crosses(_ series: String) -> [(x: Double, y: Double)] {
    marks.filter { $0.series == series }.compactMap { mark in
      guard let path = mark.attributes["d"], path.hasSuffix("l10 10m0 -10l-10 10") else {
        return nil
      }
      let numbers = path.dropFirst().prefix { $0 != "l" }.split(separator: " ").compactMap {
        Double($0)
      }
      return (position(numbers[0] + 5), value(numbers[1] + 5))
    }
  }

  /// Values at the ends of error bars, left to right.
  func bars(_ series: String) -> [(high: Double, low: Double)] {
    marks.filter { $0.series == series }.compactMap { mark in
      guard let path = mark.attributes["d"], path.contains("V") else { return nil }
      let numbers = path.split { !"0123456789.".contains($0) }.compactMap { Double($0) }
      return (value(numbers[1]), value(numbers[5]))
    }
  }

  /// The value of a horizontal line.
  func level(_ name: String) throws -> Double {
    let mark = try #require(marks.first { $0.element == "line" && $0.series == name })
    return value(try #require(Double(mark.attributes["y1"] ?? "")))
  }
}
