/// Several small charts of the same lines, one beside the other: one legend, one value axis.
struct ChartPanels: Equatable {
  var title: String
  /// What the charts' values and positions are, said once.
  var caption: String
  var charts: [Chart]

  init(title: String, caption: String, charts: [Chart]) {
    self.title = title
    self.caption = caption
    self.charts = charts.filter { !$0.isEmpty }
  }

  private static let width = 720.0

  private var columns: Int { charts.count <= 4 ? min(2, charts.count) : 3 }

  func svg(isFile: Bool) -> String {
    // Every line that occurs, once; a cross in one panel is shown in the legend.
    var all = Chart(title: title, yLabel: "", series: [])
    for series in charts.flatMap(\.series) {
      if let known = all.series.firstIndex(where: { $0.name == series.name }) {
        if !series.crosses.isEmpty { all.series[known].crosses = series.crosses }
      } else {
        all.series.append(series)
      }
    }
    for level in charts.flatMap(\.levels)
    where !all.levels.contains(where: {
      $0.name == level.name
    }) {
      all.levels.append(level)
    }
    var legendLayout = ChartLayout.page
    legendLayout.mostMarkers = 0
    let legend = ChartLegend(all, legendLayout, left: 8)
    let head = isFile ? ChartLegend.rowHeight : 0

    var lines = isFile ? [SVG.label(title, 8, 15, " font-weight=\"600\"")] : []
    lines += legend.lines(top: head)
    var y = head + Double(legend.rows.count) * ChartLegend.rowHeight
    lines.append(SVG.label(caption, 8, y + 18))
    y += ChartLegend.rowHeight + 8

    let layout = ChartLayout.panel(width: Self.width / Double(max(1, columns)))
    let axis = sharedAxis(layout)
    var rowHeight = 0.0
    for (index, chart) in charts.enumerated() {
      let column = index % columns
      if column == 0, index > 0 { y += rowHeight + 8 }
      let drawing = ChartDrawing(chart, layout, y: axis)
      rowHeight = drawing.height
      lines.append(
        "<g transform=\"translate(\(SVG.text(Double(column) * layout.width)) \(SVG.text(y)))\">")
      lines += drawing.lines
      lines.append("</g>")
    }
    return SVG.document(
      width: Self.width, height: y + rowHeight, title: title, isFile: isFile, lines)
  }

  private func sharedAxis(_ layout: ChartLayout) -> ChartAxis? {
    guard var common = charts.first else { return nil }
    common.series = charts.flatMap(\.series)
    common.levels = charts.flatMap(\.levels)
    return common.yAxis(count: layout.yTicks)
  }
}
