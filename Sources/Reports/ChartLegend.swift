/// Names of lines and levels with a sample of each, in rows.
struct ChartLegend {
  static let rowHeight = 20.0
  private static let sampleWidth = 34.0

  enum Entry {
    case series(Chart.Series, hasMarkers: Bool)
    case level(Chart.Level)

    var name: String {
      switch self {
      case .series(let series, _): ChartLegend.shortened(series.name)
      case .level(let level): ChartLegend.shortened(level.name)
      }
    }

    var width: Double { ChartLegend.sampleWidth + 24 + ChartLayout.width(of: name) }
  }

  let rows: [[Entry]]
  private let left: Double

  init(_ chart: Chart, _ layout: ChartLayout, left: Double) {
    self.left = left
    let entries =
      chart.series.map {
        Entry.series($0, hasMarkers: $0.hasMarkers(most: layout.mostMarkers))
      } + chart.levels.map { Entry.level($0) }
    var rows: [[Entry]] = [[]]
    var position = left
    for entry in entries {
      if position + entry.width > layout.width, !rows[rows.count - 1].isEmpty {
        rows.append([])
        position = left
      }
      rows[rows.count - 1].append(entry)
      position += entry.width
    }
    self.rows = rows
  }

  /// A name that fits into a row: its beginning and its end.
  static func shortened(_ name: String) -> String {
    name.count <= 84 ? name : "\(name.prefix(40))…\(name.suffix(40))"
  }

  func lines(top: Double) -> [String] {
    var lines: [String] = []
    for (row, entries) in rows.enumerated() {
      let y = top + 14 + Double(row) * Self.rowHeight
      var x = left
      for entry in entries {
        lines += sample(entry, x, y)
        lines.append(SVG.label(entry.name, x + Self.sampleWidth + 6, y + 4))
        x += entry.width
      }
    }
    return lines
  }

  private func sample(_ entry: Entry, _ x: Double, _ y: Double) -> [String] {
    func line(_ stroke: String) -> String {
      "<line x1=\"\(SVG.text(x))\" y1=\"\(SVG.text(y))\" "
        + "x2=\"\(SVG.text(x + Self.sampleWidth))\" y2=\"\(SVG.text(y))\" \(stroke)/>"
    }
    switch entry {
    case .level(let level): return [line(ChartStyle.stroke(level))]
    case .series(let series, let hasMarkers):
      let middle = x + Self.sampleWidth / 2
      let mark =
        !series.crosses.isEmpty
        ? [ChartStyle.cross(series, middle, y, label: nil)]
        : hasMarkers ? [ChartStyle.marker(series, middle, y, label: nil)] : []
      return (series.shape == .markers ? [] : [line(ChartStyle.stroke(series))]) + mark
    }
  }
}
