/// A line chart: values against training steps or against listed places, drawn as SVG text.
///
/// Lines differ in colour and in dashes and, where points are few, in markers, so that they can be
/// told apart in grayscale. Text and axes take the surrounding page's colour; the lines' colours
/// have a contrast of 3 or more on white and on near-black.
public struct Chart: Sendable, Equatable {
  public struct Point: Sendable, Equatable {
    public var x: Double
    public var y: Double
    /// Half the height of the interval around y, such as a standard error; 0 for none.
    public var spread: Double

    public init(x: Double, y: Double, spread: Double = 0) {
      self.x = x
      self.y = y
      self.spread = spread
    }

    var low: Double { y - spread }
    var high: Double { y + spread }
  }

  /// One line.
  public struct Series: Sendable, Equatable {
    /// How the points' intervals are drawn.
    public enum Spread: Sendable { case band, bars }

    /// What is drawn of the points. A line of many points has no markers, unless they are all there
    /// is of it.
    public enum Shape: Sendable { case lineAndMarkers, line, markers }

    public var name: String
    /// In ascending x. Points that are not finite, or beyond 1e100, are left out.
    public var points: [Point]
    /// Index into the colours, modulo their number, as are the dashes; nil for the text's colour.
    public var color: Int?
    public var dash: Int
    public var spread = Spread.band
    public var shape = Shape.lineAndMarkers
    /// Places that are marked by a cross: where something came to its end.
    public var crosses: [Point] = []
    /// Whether the value axis makes room for all of it. A line that runs away is cut off instead
    /// where it leaves what the others need.
    public var isBounded = true

    public init(_ name: String, _ points: [Point], color: Int?, dash: Int? = nil) {
      self.name = name
      self.points = points.filter { Self.isDrawable($0) }
      self.color = color
      self.dash = dash ?? color ?? 0
    }

    /// Whether points have markers, where lines of up to `most` points have them.
    func hasMarkers(most: Int) -> Bool {
      shape == .markers || (shape != .line && points.count <= most)
    }

    static func isDrawable(_ point: Point) -> Bool {
      point.x.isFinite && abs(point.y) <= 1e100 && point.spread.isFinite
    }
  }

  /// A horizontal line through the whole chart, with an interval around it.
  public struct Level: Sendable, Equatable {
    public var name: String
    public var y: Double
    public var spread: Double
    /// Tells levels apart: an index into their dashes, modulo their number.
    public var dash: Int

    public init(_ name: String, y: Double, spread: Double = 0, dash: Int = 0) {
      (self.name, self.y, self.spread, self.dash) = (name, y, spread, dash)
    }
  }

  /// How values are spaced.
  public enum Values: Sendable, Equatable {
    case linear
    /// 0…100.
    case percentage
    /// −1…1, up to rounding.
    case cosine
    /// Logarithmic where the positive values span a factor of 30 or more, else linear.
    case adaptive
    /// Logarithmic wherever there are positive values.
    case logarithmic
  }

  /// A place on the x axis with a label of its own.
  public struct Place: Sendable, Equatable {
    public var value: Double
    public var label: String

    public init(_ value: Double, _ label: String) { (self.value, self.label) = (value, label) }
  }

  /// What the x axis shows.
  public enum Positions: Sendable, Equatable {
    /// Numbers from the least to the greatest.
    case steps
    /// The same, with room beside them.
    case numbers
    /// Ticks at these places only, in ascending order.
    case listed([Place], isLogarithmic: Bool = false)
  }

  public var title: String
  public var xLabel: String
  public var yLabel: String
  public var values: Values
  public var positions = Positions.steps
  public var series: [Series]
  public var levels: [Level]
  /// Positions where something happened, as thin vertical lines.
  var marks: [Double] = []

  public init(
    title: String, xLabel: String = "step", yLabel: String, values: Values = .adaptive,
    positions: Positions = .steps, series: [Series], levels: [Level] = []
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.values = values
    self.positions = positions
    self.series = series.filter { !$0.points.isEmpty }
    self.levels = levels.filter { abs($0.y) <= 1e100 && $0.spread.isFinite }
  }

  public var isEmpty: Bool { series.isEmpty }
  public var pointCount: Int { series.reduce(0) { $0 + $1.points.count } }

  /// Above this many points a line is thinned to the extremes of equal intervals, which no eye
  /// can tell from all of them at the chart's width.
  static let mostPoints = 1200

  /// What is nearer to zero is zero: no axis shows it beside other values.
  static let leastValue = 1e-100

  var yAxis: ChartAxis { yAxis(count: 5) }

  /// - Parameter count: the most intervals of a linear axis.
  func yAxis(count: Int) -> ChartAxis {
    let intervals = shownIntervals
    let values = intervals.flatMap { [$0.low, $0.y, $0.high] }
    switch self.values {
    case .linear: return .linear(values, count: count)
    case .percentage: return .linear(values, count: count, within: 0...100, unit: " %")
    case .cosine: return .linear(values, count: count, within: -1...1)
    case .logarithmic:
      return .logarithmic(intervals.map(\.y).filter { $0 > Self.leastValue })
        ?? .linear(values, count: count)
    case .adaptive:
      // An interval that reaches down to zero must not stretch a logarithmic axis without end.
      let upper = intervals.flatMap { [$0.y, $0.high] }
      let positive = upper.filter { $0 > Self.leastValue }
      if let least = positive.min(), let most = positive.max(), most >= 30 * least,
        let axis = ChartAxis.logarithmic(positive)
      {
        return axis
      }
      return .linear(values, count: count)
    }
  }

  /// Intervals that the value axis must hold: those of bounded lines and of levels, and what
  /// others have within ten times the largest of them.
  private var shownIntervals: [Point] {
    let bounded =
      series.filter(\.isBounded).flatMap(\.points)
      + levels.map { Point(x: 0, y: $0.y, spread: $0.spread) }
    let others = series.filter { !$0.isBounded }.flatMap(\.points)
    guard let most = bounded.map({ max(abs($0.low), abs($0.high)) }).max() else { return others }
    return bounded + others.filter { abs($0.low) <= 10 * most && abs($0.high) <= 10 * most }
  }

  var xAxis: ChartAxis { xAxis(count: 8) }

  func xAxis(count: Int) -> ChartAxis {
    switch positions {
    case .steps:
      let values = series.flatMap { ($0.points + $0.crosses).map(\.x) }.filter(\.isFinite)
      let (least, most) = (values.min() ?? 0, values.max() ?? 1)
      return .spanning(least > 0 && least <= most / 10 ? 0 : least, most, count: count)
    case .numbers:
      let values = series.flatMap { $0.points.map(\.x) }
      let (least, most) = (values.min() ?? 0, values.max() ?? 1)
      let room = 0.04 * (most - least)
      return .linear([least - room, most + room], count: count)
    case .listed(let places, let isLogarithmic):
      return .listed(
        places.map { ChartAxis.Tick(value: $0.value, label: $0.label) },
        scale: isLogarithmic ? .logarithmic : .linear)
    }
  }
}

extension Chart.Series {
  /// The points to draw: those that the axis can show, thinned, up to and including the first
  /// that leaves the axis.
  func drawn(on axis: ChartAxis) -> [Chart.Point] {
    var shown = axis.scale == .logarithmic ? points.filter { $0.y > Chart.leastValue } : points
    if let exit = shown.firstIndex(where: { !axis.contains($0.y) }) {
      shown = Array(shown[...exit])
    }
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
