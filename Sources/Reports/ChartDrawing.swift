/// A chart as lines of SVG: title, legend and axes here, what stands between them in extensions.
struct ChartDrawing {
  var chart: Chart
  var layout: ChartLayout
  let x: ChartAxis
  let y: ChartAxis
  let legend: ChartLegend
  /// Edges of the rectangle in which the lines are drawn.
  let left: Double
  let right: Double
  let top: Double
  var bottom: Double { top + layout.plotHeight }
  var height: Double { bottom + (layout.hasLabels ? 46 : 26) }

  /// - Parameter y: another axis than the chart's own, to be shared with others.
  init(_ chart: Chart, _ layout: ChartLayout, y: ChartAxis? = nil) {
    self.chart = chart
    self.layout = layout
    x = chart.xAxis(count: layout.xTicks)
    self.y = y ?? chart.yAxis(count: layout.yTicks)
    let labels = self.y.ticks.map { ChartLayout.width(of: $0.label) }.max() ?? 0
    left = max(layout.hasLabels ? 62 : 40, labels + (layout.hasLabels ? 32 : 12))
    right = layout.width - 18
    legend = ChartLegend(chart, layout, left: left)
    top =
      12 + (layout.hasTitle ? ChartLegend.rowHeight : 0)
      + (layout.hasLegend ? Double(legend.rows.count) * ChartLegend.rowHeight : 0)
  }

  func horizontal(_ value: Double) -> Double { left + x.position(value) * (right - left) }
  func vertical(_ value: Double) -> Double { bottom - y.clamped(value) * layout.plotHeight }

  /// Everything, back to front.
  var lines: [String] {
    var lines: [String] = []
    if layout.hasTitle {
      // Above a whole chart, or above the plot of a panel.
      lines.append(
        SVG.label(chart.title, layout.hasLegend ? 8 : left, 15, " font-weight=\"600\""))
    }
    if layout.hasLegend {
      lines += legend.lines(top: layout.hasTitle ? ChartLegend.rowHeight : 0)
    }
    lines += valueAxis + positionAxis
    lines += chart.marks.map { mark(at: $0) }
    lines += chart.levels.flatMap { draw($0) }
    // The first lines end up on top: the last is often the one that others are compared with.
    lines += chart.series.reversed().flatMap { band($0) }
    lines += chart.series.reversed().flatMap { draw($0) }
    return lines
  }

  private func mark(at value: Double) -> String {
    let place = SVG.text(horizontal(value))
    return
      "<line x1=\"\(place)\" y1=\"\(SVG.text(top))\" x2=\"\(place)\" y2=\"\(SVG.text(bottom))\" "
      + "stroke=\"currentColor\" stroke-opacity=\"0.3\" stroke-dasharray=\"2 3\"/>"
  }

  // MARK: Axes

  private var valueAxis: [String] {
    var lines: [String] = []
    for tick in y.ticks {
      let place = vertical(tick.value)
      lines.append(
        "<line x1=\"\(SVG.text(left))\" y1=\"\(SVG.text(place))\" x2=\"\(SVG.text(right))\" "
          + "y2=\"\(SVG.text(place))\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>")
      lines.append(SVG.label(tick.label, left - 7, place + 4, " text-anchor=\"end\""))
    }
    if layout.hasLabels {
      let center = (top + bottom) / 2
      lines.append(
        SVG.label(
          chart.yLabel, 13, center,
          " text-anchor=\"middle\" transform=\"rotate(-90 13 \(SVG.text(center)))\""))
    }
    return lines
  }

  private var positionAxis: [String] {
    var lines: [String] = []
    var free = -Double.infinity
    for tick in x.ticks {
      let place = horizontal(tick.value)
      lines.append(
        "<line x1=\"\(SVG.text(place))\" y1=\"\(SVG.text(bottom))\" x2=\"\(SVG.text(place))\" "
          + "y2=\"\(SVG.text(bottom + 5))\" stroke=\"currentColor\"/>")
      let half = ChartLayout.width(of: tick.label) / 2
      guard place - half >= free else { continue }
      free = place + half + 4
      lines.append(SVG.label(tick.label, place, bottom + 19, " text-anchor=\"middle\""))
    }
    lines.append(
      "<path d=\"M\(SVG.text(left)) \(SVG.text(top))V\(SVG.text(bottom))H\(SVG.text(right))\" "
        + "fill=\"none\" stroke=\"currentColor\"/>")
    if layout.hasLabels {
      lines.append(
        SVG.label(chart.xLabel, (left + right) / 2, bottom + 38, " text-anchor=\"middle\""))
    }
    return lines
  }
}

extension Chart {
  /// The chart for a page that gives it colour and width.
  public var svg: String { svg(.page) }

  /// The chart as a file of its own, with its title.
  public var file: String { svg(.file) }

  private func svg(_ layout: ChartLayout) -> String {
    let drawing = ChartDrawing(self, layout)
    return SVG.document(
      width: layout.width, height: drawing.height, title: title, isFile: layout.hasTitle,
      drawing.lines)
  }
}
