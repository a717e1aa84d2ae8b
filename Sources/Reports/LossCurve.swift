/// A loss against training time, predicted or of a run.
public struct LossCurve: Sendable, Equatable {
  public var name: String
  /// Training times, which are numbers of steps, and losses at them.
  public var times: [Double]
  public var losses: [Double]
  /// Whether a run has measured them: points, not a line.
  public var isMeasured: Bool

  public init(_ name: String, times: [Double], losses: [Double], isMeasured: Bool = false) {
    precondition(times.count == losses.count, "a loss at each time")
    (self.name, self.times, self.losses) = (name, times, losses)
    self.isMeasured = isMeasured
  }

  /// The test losses of a run, as its metrics.csv has them.
  ///
  /// - Throws: `FileError` where the folder holds no such table.
  public static func ofRun(in folder: String) throws -> LossCurve {
    let table = try NumberTable(folder + "/metrics.csv")
    let known = table.rows.indices.compactMap { row in
      table.number(row, "step").flatMap { step in
        table.number(row, "test_loss").map { (step, $0) }
      }
    }
    return LossCurve(
      "test loss, trained", times: known.map(\.0), losses: known.map(\.1), isMeasured: true)
  }

  /// All curves in one chart, both axes logarithmic.
  static func figure(_ curves: [LossCurve]) -> Figure? {
    let times = curves.flatMap(\.times).filter { $0 > 0 && $0.isFinite }
    guard let least = times.min(), let most = times.max(), most > least else { return nil }
    var places: [Chart.Place] = []
    var power = 1.0
    while power > least { power /= 10 }
    while power <= most {
      if power >= least { places.append(Chart.Place(power, NumberText.significant(power, 1))) }
      power *= 10
    }
    var lines = 0
    let series = curves.map { curve in
      var series = Chart.Series(
        curve.name,
        zip(curve.times, curve.losses).filter { $0.0 > 0 }
          .map { Chart.Point(x: $0.0, y: $0.1) },
        color: curve.isMeasured ? nil : lines)
      series.shape = curve.isMeasured ? .markers : .line
      lines += curve.isMeasured ? 0 : 1
      return series
    }
    return Figure(
      "loss",
      Chart(
        title: "Loss against training time", xLabel: "steps", yLabel: "loss",
        values: .logarithmic, positions: .listed(places, isLogarithmic: true), series: series))
  }
}
