/// Colours, dashes and markers of lines.
enum ChartStyle {
  private static let colors = [
    "#2f7fc1", "#d2691e", "#2e9e6b", "#b0569d", "#8a7a1f", "#d6455d", "#3b98a8", "#7a6fd0",
  ]
  private static let dashes = ["", "7 4", "2 3", "9 3 2 3", "14 4", "4 2", "3 6", "12 3 3 3 3 3"]

  private static let levelDashes = ["9 5", "2 4", "14 4 2 4"]

  static func stroke(_ level: Chart.Level) -> String {
    "stroke=\"currentColor\" stroke-width=\"1.8\" "
      + "stroke-dasharray=\"\(levelDashes[level.dash % levelDashes.count])\""
  }

  static func color(_ series: Chart.Series) -> String {
    series.color.map { colors[$0 % colors.count] } ?? "currentColor"
  }

  static func stroke(_ series: Chart.Series) -> String {
    let dash = dashes[series.dash % dashes.count]
    return "stroke=\"\(color(series))\" stroke-width=\"\(series.color == nil ? "2.4" : "1.8")\""
      + (dash.isEmpty ? "" : " stroke-dasharray=\"\(dash)\"")
  }

  /// A small disc, square, diamond or triangle by the line's dashes.
  static func marker(
    _ series: Chart.Series, _ x: Double, _ y: Double, label: String?, _ attributes: String = ""
  ) -> String {
    let outline: [(Double, Double)]? =
      switch series.dash % 4 {
      case 1: [(-3, -3), (3, -3), (3, 3), (-3, 3)]
      case 2: [(0, -4), (4, 0), (0, 4), (-4, 0)]
      case 3: [(0, -4), (4, 3), (-4, 3)]
      default: nil
      }
    let title = title(label)
    let tail = "fill=\"\(color(series))\"" + (attributes.isEmpty ? "" : " \(attributes)")
    guard let outline else {
      return "<circle cx=\"\(SVG.text(x))\" cy=\"\(SVG.text(y))\" r=\"3\" \(tail)>"
        + "\(title)</circle>"
    }
    let corners = outline.map { SVG.text(x + $0.0) + "," + SVG.text(y + $0.1) }
    return "<polygon points=\"\(corners.joined(separator: " "))\" \(tail)>\(title)</polygon>"
  }

  static func cross(
    _ series: Chart.Series, _ x: Double, _ y: Double, label: String?, _ attributes: String = ""
  ) -> String {
    "<path d=\"M\(SVG.text(x - 5)) \(SVG.text(y - 5))l10 10m0 -10l-10 10\" fill=\"none\" "
      + "stroke=\"\(color(series))\" stroke-width=\"2.4\""
      + (attributes.isEmpty ? "" : " \(attributes)") + ">\(title(label))</path>"
  }

  private static func title(_ label: String?) -> String {
    label.map { "<title>\(Markup.escaped($0))</title>" } ?? ""
  }
}
