extension ChartDrawing {
  private func place(_ point: Chart.Point) -> String { place(point.x, point.y) }

  private func place(_ x: Double, _ y: Double) -> String {
    SVG.text(horizontal(x)) + "," + SVG.text(vertical(y))
  }

  private func name(_ name: String) -> String { "data-series=\"\(Markup.escaped(name))\"" }

  /// The line between the points; where it leaves the plot it ends at the edge.
  func draw(_ series: Chart.Series) -> [String] {
    let points = series.drawn(on: y)
    var lines: [String] = []
    if points.count > 1, series.shape != .markers {
      lines.append(
        "<polyline points=\"\(points.map { place($0) }.joined(separator: " "))\" fill=\"none\" "
          + "stroke-linejoin=\"round\" \(ChartStyle.stroke(series)) \(name(series.name))/>")
    }
    if series.spread == .bars { lines += points.flatMap { bar($0, series) } }
    let isMarked = points.count == 1 && series.shape != .line
    if isMarked || series.hasMarkers(most: layout.mostMarkers) {
      lines += points.filter { y.contains($0.y) }.map { point in
        ChartStyle.marker(
          series, horizontal(point.x), vertical(point.y), label: label(point, series.name),
          name(series.name))
      }
    }
    return lines + crosses(series, last: points.last)
  }

  private func label(_ point: Chart.Point, _ name: String) -> String {
    let position: String
    if case .listed(let places, _) = chart.positions,
      let place = places.first(where: { $0.value == point.x })
    {
      position = place.label
    } else {
      position = NumberText.significant(point.x)
    }
    return "\(name), \(chart.xLabel) \(position): \(NumberText.significant(point.y))"
      + (point.spread > 0 ? " ± \(NumberText.significant(point.spread, 2))" : "")
  }

  /// Crosses stand where the line ends if it left the plot before.
  private func crosses(_ series: Chart.Series, last: Chart.Point?) -> [String] {
    series.crosses.map { cross in
      var place = cross
      if let last, !y.contains(last.y) { place = last }
      return ChartStyle.cross(
        series, horizontal(place.x), vertical(place.y),
        label: "\(series.name), \(chart.xLabel) \(NumberText.significant(cross.x)): "
          + "the last value before it diverged",
        name(series.name))
    }
  }

  // MARK: Intervals

  func band(_ series: Chart.Series) -> [String] {
    let points = series.drawn(on: y)
    guard series.spread == .band, points.count > 1, points.contains(where: { $0.spread > 0 })
    else { return [] }
    let corners =
      points.map { place($0.x, $0.high) } + points.reversed().map { place($0.x, $0.low) }
    return [
      "<polygon points=\"\(corners.joined(separator: " "))\" fill=\"\(ChartStyle.color(series))\" "
        + "fill-opacity=\"0.18\" \(name(series.name))/>"
    ]
  }

  private func bar(_ point: Chart.Point, _ series: Chart.Series) -> [String] {
    guard point.spread > 0, y.contains(point.y) else { return [] }
    let x = horizontal(point.x)
    let (low, high) = (SVG.text(vertical(point.low)), SVG.text(vertical(point.high)))
    // Bars of a cloud of points stand back behind the points.
    let isCloud = series.shape == .markers && series.points.count > layout.mostMarkers
    let half = isCloud ? 0.0 : 4
    let (start, end) = (SVG.text(x - half), SVG.text(x + half))
    return [
      "<path d=\"M\(start) \(high)H\(end)M\(SVG.text(x)) \(high)V\(low)M\(start) \(low)H\(end)\" "
        + "fill=\"none\" stroke=\"\(ChartStyle.color(series))\" stroke-width=\"1.4\" "
        + (isCloud ? "stroke-opacity=\"0.35\" " : "") + "\(name(series.name))/>"
    ]
  }

  // MARK: Levels

  func draw(_ level: Chart.Level) -> [String] {
    var lines: [String] = []
    let (start, end, place) = (SVG.text(left), SVG.text(right), SVG.text(vertical(level.y)))
    if level.spread > 0 {
      let high = vertical(level.y + level.spread)
      lines.append(
        "<rect x=\"\(start)\" y=\"\(SVG.text(high))\" width=\"\(SVG.text(right - left))\" "
          + "height=\"\(SVG.text(vertical(level.y - level.spread) - high))\" "
          + "fill=\"currentColor\" fill-opacity=\"0.12\" \(name(level.name))/>")
    }
    lines.append(
      "<line x1=\"\(start)\" y1=\"\(place)\" x2=\"\(end)\" y2=\"\(place)\" "
        + "\(ChartStyle.stroke(level)) \(name(level.name))/>")
    return lines
  }
}
