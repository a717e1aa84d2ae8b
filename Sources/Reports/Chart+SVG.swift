import Glibc

extension Chart {
  private static let colors = [
    "#2f7fc1", "#d2691e", "#2e9e6b", "#b0569d", "#8a7a1f", "#d6455d", "#3b98a8", "#7a6fd0",
  ]
  private static let dashes = ["", "7 4", "2 3", "9 3 2 3", "14 4", "4 2", "1 5", "12 3 3 3 3 3"]

  private static let width = 720.0
  private static let plotHeight = 230.0
  private static let left = 62.0
  private static let right = 18.0
  private static let rowHeight = 20.0
  private static let characterWidth = 6.6
  private static let sampleWidth = 34.0

  /// Where the lines are drawn.
  private struct Plot {
    var top: Double
    var x: ChartAxis
    var y: ChartAxis
    var bottom: Double { top + Chart.plotHeight }
    var end: Double { Chart.width - Chart.right }

    func horizontal(_ value: Double) -> Double {
      Chart.left + x.position(value) * (end - Chart.left)
    }
    func vertical(_ value: Double) -> Double { bottom - y.position(value) * Chart.plotHeight }
  }

  /// The chart as an SVG element of its own, without references to anything outside it.
  public var svg: String {
    let rows = legendRows()
    let plot = Plot(
      top: 12 + Double(rows.count) * Self.rowHeight, x: xAxis, y: yAxis)
    let height = plot.bottom + 46
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(text(Self.width)) "
        + "\(text(height))\" role=\"img\" fill=\"currentColor\" font-size=\"12\" "
        + "font-family=\"system-ui, sans-serif\">",
      "<title>\(Markup.escaped(title))</title>",
    ]
    lines += legend(rows)
    lines += axes(plot)
    for series in series { lines += draw(series, plot) }
    lines.append("</svg>")
    return lines.joined(separator: "\n")
  }

  // MARK: Legend

  private func legendRows() -> [[Series]] {
    var rows: [[Series]] = [[]]
    var position = Self.left
    for series in series {
      let width = entryWidth(series)
      if position + width > Self.width, !rows[rows.count - 1].isEmpty {
        rows.append([])
        position = Self.left
      }
      rows[rows.count - 1].append(series)
      position += width
    }
    return rows
  }

  private func entryWidth(_ series: Series) -> Double {
    Self.sampleWidth + 24 + Self.characterWidth * Double(series.name.count)
  }

  private func legend(_ rows: [[Series]]) -> [String] {
    var lines: [String] = []
    for (row, entries) in rows.enumerated() {
      let y = 14 + Double(row) * Self.rowHeight
      var x = Self.left
      for series in entries {
        lines.append(
          "<line x1=\"\(text(x))\" y1=\"\(text(y))\" x2=\"\(text(x + Self.sampleWidth))\" "
            + "y2=\"\(text(y))\" \(stroke(series))/>")
        if hasMarkers(series) {
          lines.append(marker(series, x + Self.sampleWidth / 2, y, label: nil))
        }
        lines.append(
          "<text x=\"\(text(x + Self.sampleWidth + 6))\" y=\"\(text(y + 4))\">"
            + "\(Markup.escaped(series.name))</text>")
        x += entryWidth(series)
      }
    }
    return lines
  }

  // MARK: Axes

  private func axes(_ plot: Plot) -> [String] {
    var lines: [String] = []
    for tick in plot.y.ticks {
      let y = plot.vertical(tick.value)
      lines.append(
        "<line x1=\"\(text(Self.left))\" y1=\"\(text(y))\" x2=\"\(text(plot.end))\" "
          + "y2=\"\(text(y))\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>")
      lines.append(
        "<text x=\"\(text(Self.left - 7))\" y=\"\(text(y + 4))\" text-anchor=\"end\">"
          + "\(Markup.escaped(tick.label))</text>")
    }
    for tick in plot.x.ticks {
      let x = plot.horizontal(tick.value)
      lines.append(
        "<line x1=\"\(text(x))\" y1=\"\(text(plot.bottom))\" x2=\"\(text(x))\" "
          + "y2=\"\(text(plot.bottom + 5))\" stroke=\"currentColor\"/>")
      lines.append(
        "<text x=\"\(text(x))\" y=\"\(text(plot.bottom + 19))\" text-anchor=\"middle\">"
          + "\(Markup.escaped(tick.label))</text>")
    }
    lines.append(
      "<path d=\"M\(text(Self.left)) \(text(plot.top))V\(text(plot.bottom))H\(text(plot.end))\" "
        + "fill=\"none\" stroke=\"currentColor\"/>")
    let middle = (Self.left + plot.end) / 2
    lines.append(
      "<text x=\"\(text(middle))\" y=\"\(text(plot.bottom + 38))\" text-anchor=\"middle\">"
        + "\(Markup.escaped(xLabel))</text>")
    let center = (plot.top + plot.bottom) / 2
    lines.append(
      "<text x=\"13\" y=\"\(text(center))\" text-anchor=\"middle\" "
        + "transform=\"rotate(-90 13 \(text(center)))\">\(Markup.escaped(yLabel))</text>")
    return lines
  }

  // MARK: Lines

  private func hasMarkers(_ series: Series) -> Bool { series.points.count <= Self.mostMarkers }

  private func draw(_ series: Series, _ plot: Plot) -> [String] {
    let points = series.drawn(on: plot.y)
    let places = points.map {
      text(plot.horizontal($0.x)) + "," + text(plot.vertical($0.y))
    }
    var lines: [String] = []
    if points.count > 1 {
      lines.append(
        "<polyline points=\"\(places.joined(separator: " "))\" fill=\"none\" "
          + "stroke-linejoin=\"round\" \(stroke(series))/>")
    }
    guard hasMarkers(series) || points.count == 1 else { return lines }
    for point in points {
      let label =
        "\(series.name), \(xLabel) \(NumberText.significant(point.x)): "
        + NumberText.significant(point.y)
      lines.append(
        marker(series, plot.horizontal(point.x), plot.vertical(point.y), label: label))
    }
    return lines
  }

  private func stroke(_ series: Series) -> String {
    let dash = Self.dashes[series.dash % Self.dashes.count]
    return "stroke=\"\(color(series))\" stroke-width=\"1.8\""
      + (dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\"")
  }

  private func color(_ series: Series) -> String { Self.colors[series.color % Self.colors.count] }

  /// A small disc, square, diamond or triangle by the line's dashes.
  private func marker(_ series: Series, _ x: Double, _ y: Double, label: String?) -> String {
    let outline: [(Double, Double)]? =
      switch series.dash % 4 {
      case 1: [(-3, -3), (3, -3), (3, 3), (-3, 3)]
      case 2: [(0, -4), (4, 0), (0, 4), (-4, 0)]
      case 3: [(0, -4), (4, 3), (-4, 3)]
      default: nil
      }
    let title = label.map { "<title>\(Markup.escaped($0))</title>" } ?? ""
    guard let outline else {
      return "<circle cx=\"\(text(x))\" cy=\"\(text(y))\" r=\"3\" fill=\"\(color(series))\">"
        + "\(title)</circle>"
    }
    let corners = outline.map { text(x + $0.0) + "," + text(y + $0.1) }
    return "<polygon points=\"\(corners.joined(separator: " "))\" fill=\"\(color(series))\">"
      + "\(title)</polygon>"
  }

  /// A coordinate with at most two digits behind the point.
  private func text(_ coordinate: Double) -> String {
    let hundredths = Int((coordinate * 100).rounded())
    if hundredths % 100 == 0 { return String(hundredths / 100) }
    return String(Double(hundredths) / 100)
  }
}
