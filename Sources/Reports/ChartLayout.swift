/// Sizes and parts of a drawn chart.
struct ChartLayout: Equatable {
  var width = 720.0
  var plotHeight = 230.0
  /// A line above with the chart's title.
  var hasTitle = false
  var hasLegend = true
  var hasLabels = true
  /// Up to this many points a line gets markers.
  var mostMarkers = 40
  /// The most intervals on the axes.
  var xTicks = 8
  var yTicks = 5

  static let page = ChartLayout()
  /// For a file of its own.
  static let file = ChartLayout(hasTitle: true)

  /// One of several in a row.
  static func panel(width: Double) -> ChartLayout {
    ChartLayout(
      width: width, plotHeight: 120, hasTitle: true, hasLegend: false, hasLabels: false,
      mostMarkers: 8, xTicks: width > 300 ? 5 : 3, yTicks: 4)
  }

  /// An estimate, on the safe side for 12 px of the usual fonts.
  static func width(of text: String) -> Double { 6.6 * Double(text.count) }
}

/// Text of SVG elements.
enum SVG {
  /// A coordinate with at most two digits behind the point.
  static func text(_ coordinate: Double) -> String {
    let hundredths = Int((coordinate * 100).rounded())
    if hundredths % 100 == 0 { return String(hundredths / 100) }
    return String(Double(hundredths) / 100)
  }

  /// A document or, in a page, an element of its own, without references to anything outside it.
  ///
  /// - Parameter isFile: text in a gray that has a contrast of 4 and more on white and on
  ///   near-black, for no page gives it a colour; and a size.
  static func document(
    width: Double, height: Double, title: String, isFile: Bool, _ lines: [String]
  ) -> String {
    let own =
      isFile ? "width=\"\(text(width))\" height=\"\(text(height))\" color=\"#767b80\" " : ""
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(text(width)) \(text(height))" \
      \(own)role="img" fill="currentColor" font-size="12" font-family="system-ui, sans-serif">
      <title>\(Markup.escaped(title))</title>
      \(lines.joined(separator: "\n"))
      </svg>
      """ + (isFile ? "\n" : "")
  }

  /// - Parameter attributes: further ones, with a space before each.
  static func label(
    _ content: String, _ x: Double, _ y: Double, _ attributes: String = ""
  ) -> String {
    "<text x=\"\(text(x))\" y=\"\(text(y))\"\(attributes)>\(Markup.escaped(content))</text>"
  }
}
