import GaussianProcesses

/// Reliability diagrams, one beside the other: for each interval of confidence the share of right answers
/// as a bar, the mean confidence as a short line, the diagonal on which the two are equal, and below it how
/// many examples there are. Murphy and Winkler 1977; Guo et al., ICML 2017.
struct ReliabilityDiagram: Equatable {
  struct Method: Equatable {
    var name: String
    var calibration: Calibration
  }

  var title: String
  var methods: [Method]

  var note: String {
    "Bars are the share of right answers, short lines the mean confidence of an interval; on the "
      + "dashed diagonal they are equal. The lower bars count examples."
  }

  private static let width = 720.0
  private static let left = 46.0
  private static let right = 14.0
  private static let countHeight = 36.0
  private static let head = 40.0

  private var columns: Int { min(3, max(2, methods.count)) }
  private var panelWidth: Double { Self.width / Double(columns) }
  private var side: Double { panelWidth - Self.left - Self.right }
  private var panelHeight: Double { Self.head + side + 10 + Self.countHeight + 46 }

  func svg(isFile: Bool) -> String {
    var lines = isFile ? [SVG.label(title, 8, 15, " font-weight=\"600\"")] : []
    let top = isFile ? ChartLegend.rowHeight : 0
    for (index, method) in methods.enumerated() {
      let x = Double(index % columns) * panelWidth
      let y = top + Double(index / columns) * panelHeight
      lines.append("<g transform=\"translate(\(SVG.text(x)) \(SVG.text(y)))\">")
      lines += panel(method)
      lines.append("</g>")
    }
    let rows = (methods.count + columns - 1) / columns
    return SVG.document(
      width: Self.width, height: top + Double(rows) * panelHeight, title: title, isFile: isFile,
      lines)
  }

  private func panel(_ method: Method) -> [String] {
    let (left, top, side) = (Self.left, Self.head, side)
    let (bottom, bins) = (top + side, method.calibration.bins)
    let percent = NumberText.fixed(100 * method.calibration.expectedCalibrationError, 1)
    var lines = [
      SVG.label(method.name, left, 15, " font-weight=\"600\""),
      SVG.label("ECE \(percent) %", left, 31),
    ]
    for tick in 0...4 {
      let (share, label) = (Double(tick) / 4, "\(25 * tick) %")
      let place = bottom - share * side
      lines.append(
        "<line x1=\"\(SVG.text(left))\" y1=\"\(SVG.text(place))\" x2=\"\(SVG.text(left + side))\" "
          + "y2=\"\(SVG.text(place))\" stroke=\"currentColor\" stroke-opacity=\"0.15\"/>")
      lines.append(SVG.label(label, left - 6, place + 4, " text-anchor=\"end\""))
    }
    let width = side / Double(bins.count)
    let most = bins.map(\.count).max() ?? 0
    let base = bottom + 10 + Self.countHeight
    for (index, bin) in bins.enumerated() where bin.count > 0 {
      let x = left + Double(index) * width
      let text = Markup.escaped(
        "\(method.name), confidence \(NumberText.fixed(100 * bin.confidence, 1)) %: "
          + "\(NumberText.fixed(100 * bin.accuracy, 1)) % of \(bin.count) right")
      lines.append(
        bar(
          x, bottom, width, bin.accuracy * side, "fill=\"#2f7fc1\" data-series=\"accuracy\"", text))
      let place = SVG.text(bottom - bin.confidence * side)
      lines.append(
        "<line x1=\"\(SVG.text(x))\" y1=\"\(place)\" x2=\"\(SVG.text(x + width))\" y2=\"\(place)\" "
          + "stroke=\"currentColor\" stroke-width=\"2\" data-series=\"confidence\"/>")
      lines.append(
        bar(
          x, base, width, Double(bin.count) / Double(most) * Self.countHeight,
          "fill=\"currentColor\" fill-opacity=\"0.45\" data-series=\"count\"", text))
    }
    lines.append(
      "<line x1=\"\(SVG.text(left))\" y1=\"\(SVG.text(bottom))\" x2=\"\(SVG.text(left + side))\" "
        + "y2=\"\(SVG.text(top))\" stroke=\"currentColor\" stroke-dasharray=\"6 4\" "
        + "data-series=\"diagonal\"/>")
    lines.append(
      "<path d=\"M\(SVG.text(left)) \(SVG.text(top))V\(SVG.text(bottom))H\(SVG.text(left + side))"
        + "M\(SVG.text(left)) \(SVG.text(base))H\(SVG.text(left + side))\" fill=\"none\" "
        + "stroke=\"currentColor\"/>")
    lines.append(
      SVG.label(
        NumberText.fixed(Double(most), 0), left - 6, base - Self.countHeight + 8,
        " text-anchor=\"end\""))
    for (share, label) in [(0.0, "0"), (0.5, "50 %"), (1, "100 %")] {
      lines.append(
        SVG.label(
          label, left + share * side, base + 15,
          " text-anchor=\"\(share == 1 ? "end" : "middle")\""))
    }
    lines.append(SVG.label("confidence", left + side / 2, base + 32, " text-anchor=\"middle\""))
    return lines
  }

  /// A bar that stands on `base`.
  private func bar(
    _ x: Double, _ base: Double, _ width: Double, _ height: Double, _ attributes: String,
    _ title: String
  ) -> String {
    "<rect x=\"\(SVG.text(x + 0.5))\" y=\"\(SVG.text(base - height))\" "
      + "width=\"\(SVG.text(max(0.5, width - 1)))\" height=\"\(SVG.text(height))\" \(attributes)>"
      + "<title>\(title)</title></rect>"
  }
}
