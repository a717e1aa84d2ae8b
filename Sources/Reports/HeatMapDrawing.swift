import Glibc

/// A heat map as lines of SVG: the cells are one embedded picture, and so is the scale beside them.
struct HeatMapDrawing {
  let map: HeatMap
  let hasTitle: Bool

  private static let width = 720.0
  private static let largest = (width: 520.0, height: 440.0)
  private static let scaleWidth = 18.0

  private var left: Double {
    30 + max(24, ChartLayout.width(of: "\(map.rows - 1)") + 8)
  }
  private var top: Double { hasTitle ? 32 : 10 }

  /// Width and height of the picture: square cells where the matrix is not too long.
  private var size: (width: Double, height: Double) {
    let cell = min(
      Self.largest.width / Double(map.columns), Self.largest.height / Double(map.rows))
    return (max(24, cell * Double(map.columns)), max(24, cell * Double(map.rows)))
  }

  var svg: String {
    let (width, height) = size
    var lines: [String] = []
    if hasTitle { lines.append(SVG.label(map.title, 8, 15, " font-weight=\"600\"")) }
    lines += picture(cells, left, top, width, height, label: map.title)
    lines += indices(columns: true) + indices(columns: false)
    let (x, y) = (left + width / 2, top + height / 2)
    lines.append(SVG.label(map.xLabel, x, top + height + 38, " text-anchor=\"middle\""))
    lines.append(
      SVG.label(
        map.yLabel, 13, y, " text-anchor=\"middle\" transform=\"rotate(-90 13 \(SVG.text(y)))\""))
    lines += scale(left + width + 28, max(height, 120))
    return SVG.document(
      width: Self.width, height: top + max(height, 120) + 46, title: map.title, isFile: hasTitle,
      lines)
  }

  // MARK: Pictures

  private var cells: PaletteImage {
    let (least, most) = map.range
    return PaletteImage(
      columns: map.cellColumns, rows: map.cellRows,
      pixels: map.cells.map { HeatMapColors.index(($0 - least) / (most - least)) },
      palette: HeatMapColors.palette, hasTransparentColor: true)
  }

  private func picture(
    _ image: PaletteImage, _ x: Double, _ y: Double, _ width: Double, _ height: Double,
    label: String
  ) -> [String] {
    let place =
      "x=\"\(SVG.text(x))\" y=\"\(SVG.text(y))\" width=\"\(SVG.text(width))\" "
      + "height=\"\(SVG.text(height))\""
    return [
      "<image \(place) preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" "
        + "href=\"\(image.address)\"><title>\(Markup.escaped(label))</title></image>",
      "<rect \(place) fill=\"none\" stroke=\"currentColor\" stroke-opacity=\"0.5\"/>",
    ]
  }

  /// The colours from the greatest value to the least, with values beside them.
  private func scale(_ x: Double, _ height: Double) -> [String] {
    let colors = PaletteImage(
      columns: 1, rows: HeatMapColors.count,
      pixels: (0..<HeatMapColors.count).reversed().map { UInt8($0) },
      palette: HeatMapColors.palette)
    var lines = picture(colors, x, top, Self.scaleWidth, height, label: "colours by value")
    let (least, most) = map.range
    let axis = ChartAxis.spanning(least, most, count: 6)
    for tick in axis.ticks {
      let y = top + height * (1 - axis.position(tick.value))
      let end = x + Self.scaleWidth
      lines.append(
        "<line x1=\"\(SVG.text(end))\" y1=\"\(SVG.text(y))\" x2=\"\(SVG.text(end + 5))\" "
          + "y2=\"\(SVG.text(y))\" stroke=\"currentColor\"/>")
      // Very small and very large values as powers of ten.
      let isPlain = (1e-3..<1e6).contains(max(abs(least), abs(most)))
      let label = isPlain ? tick.label : NumberText.significant(tick.value, 3)
      lines.append(SVG.label(label, end + 9, y + 4, " text-anchor=\"start\""))
    }
    return lines
  }

  // MARK: Axes

  /// Ticks in the middle of their row or column, numbered from 0.
  private func indices(columns: Bool) -> [String] {
    let count = columns ? map.columns : map.rows
    let (width, height) = size
    let axis = ChartAxis.spanning(0, Double(count), count: 6)
    return axis.ticks.flatMap { tick -> [String] in
      guard let index = Int(exactly: tick.value.rounded()), index < count,
        abs(tick.value - Double(index)) < 1e-9
      else { return [] }
      let share = (Double(index) + 0.5) / Double(count)
      if columns {
        let x = left + share * width
        return [
          "<line x1=\"\(SVG.text(x))\" y1=\"\(SVG.text(top + height))\" x2=\"\(SVG.text(x))\" "
            + "y2=\"\(SVG.text(top + height + 5))\" stroke=\"currentColor\"/>",
          SVG.label("\(index)", x, top + height + 19, " text-anchor=\"middle\""),
        ]
      }
      let y = top + share * height
      return [
        "<line x1=\"\(SVG.text(left - 5))\" y1=\"\(SVG.text(y))\" x2=\"\(SVG.text(left))\" "
          + "y2=\"\(SVG.text(y))\" stroke=\"currentColor\"/>",
        SVG.label("\(index)", left - 8, y + 4, " text-anchor=\"end\""),
      ]
    }
  }
}
