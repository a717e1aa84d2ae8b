/// A line chart: values against training steps, drawn as SVG text by `svg`.
///
/// Lines differ in colour and in dashes and, where points are few, in markers, so that they can be
/// told apart in grayscale. Text and axes take the surrounding page's colour; the lines' colours
/// have a contrast of 3 or more on white and on near-black.
public struct Chart: Sendable, Equatable {
  public struct Point: Sendable, Equatable {
    public var x: Double
    public var y: Double

    public init(x: Double, y: Double) {
      self.x = x
      self.y = y
    }
  }

  /// One line.
  public struct Series: Sendable, Equatable {
    public var name: String
    /// In ascending x. Points that are not finite are left out.
    public var points: [Point]
    /// Index into the colours; taken modulo their number, as are the dashes.
    public var color: Int
    public var dash: Int

    public init(_ name: String, _ points: [Point], color: Int, dash: Int? = nil) {
      self.name = name
      self.points = points.filter { $0.x.isFinite && $0.y.isFinite }
      self.color = color
      self.dash = dash ?? color
    }
  }

  /// How values are spaced.
  public enum Values: Sendable, Equatable {
    case linear
    /// 0…100.
    case percentage
    /// Logarithmic where the positive values span a factor of 30 or more, else linear.
    case adaptive
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var values: Values
  public var series: [Series]

  public init(
    title: String, xLabel: String = "step", yLabel: String, values: Values = .adaptive,
    series: [Series]
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.values = values
    self.series = series.filter { !$0.points.isEmpty }
  }

  public var isEmpty: Bool { series.isEmpty }
  public var pointCount: Int { series.reduce(0) { $0 + $1.points.count } }

  /// Above this many points a line is thinned to the extremes of equal intervals, which no eye
  /// can tell from all of them at the chart's width.
  static let mostPoints = 1200

  /// Up to this many points get markers.
  static let mostMarkers = 40

  var yAxis: ChartAxis {
    let values = series.flatMap { $0.points.map(\.y) }
    switch self.values {
    case .linear: return .linear(values)
    case .percentage: return .linear(values, within: 0...100, unit: " %")
    case .adaptive:
      let positive = values.filter { $0 > 0 }
      if let least = positive.min(), let most = positive.max(), most >= 30 * least,
        let axis = ChartAxis.logarithmic(values)
      {
        return axis
      }
      return .linear(values)
    }
  }

  var xAxis: ChartAxis {
    let values = series.flatMap { $0.points.map(\.x) }
    let (least, most) = (values.min() ?? 0, values.max() ?? 1)
    return .spanning(least > 0 && least <= most / 10 ? 0 : least, most)
  }
}

extension Chart.Series {
  /// The points to draw: those that the axis can show, thinned.
  func drawn(on axis: ChartAxis) -> [Chart.Point] {
    let shown = axis.scale == .logarithmic ? points.filter { $0.y > 0 } : points
    guard shown.count > Chart.mostPoints else { return shown }
    let intervals = Chart.mostPoints / 2
    return (0..<intervals).flatMap { interval -> [Chart.Point] in
      let part = shown[
        (interval * shown.count / intervals)..<((interval + 1) * shown.count / intervals)]
      guard let low = part.min(by: { $0.y < $1.y }), let high = part.max(by: { $0.y < $1.y })
      else { return [] }
      return low == high ? [low] : low.x < high.x ? [low, high] : [high, low]
    }
  }
}
