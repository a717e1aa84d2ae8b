import Glibc

/// A range of values, its ticks, and where a value lies in it.
struct ChartAxis: Equatable {
  struct Tick: Equatable {
    var value: Double
    var label: String
  }

  enum Scale: Equatable { case linear, logarithmic }

  var lower: Double
  var upper: Double
  var scale: Scale
  var ticks: [Tick]

  /// 0 at `lower`, 1 at `upper`.
  func position(_ value: Double) -> Double {
    switch scale {
    case .linear: (value - lower) / (upper - lower)
    case .logarithmic: (log10(value) - log10(lower)) / (log10(upper) - log10(lower))
    }
  }

  /// Whether a value lies on the axis, up to rounding.
  func contains(_ value: Double) -> Bool {
    (-1e-4...1 + 1e-4).contains(position(value))
  }

  /// 0…1: the position of the value, or of the end beyond which it lies.
  func clamped(_ value: Double) -> Double {
    if scale == .logarithmic, value <= 0 { return 0 }
    return min(1, max(0, position(value)))
  }

  /// An axis with a tick at each place and some room beside the outer ones.
  ///
  /// - Parameter places: in ascending order; positive if the scale is logarithmic.
  static func listed(_ places: [Tick], scale: Scale) -> ChartAxis {
    let (least, most) = (places.first?.value ?? 0, places.last?.value ?? 1)
    let scale = least > 0 ? scale : .linear
    guard scale == .logarithmic else {
      let room = most > least ? 0.06 * (most - least) : 1
      return ChartAxis(lower: least - room, upper: most + room, scale: .linear, ticks: places)
    }
    let room = most > least ? pow(most / least, 0.06) : 2
    return ChartAxis(
      lower: least / room, upper: most * room, scale: .logarithmic, ticks: places)
  }

  /// An axis from exactly `lower` to `upper`, for steps.
  static func spanning(_ lower: Double, _ upper: Double, count: Int = 8) -> ChartAxis {
    let upper = upper > lower ? upper : lower + 1
    return ChartAxis(
      lower: lower, upper: upper, scale: .linear,
      ticks: linearTicks(from: lower, to: upper, step: niceStep(upper - lower, count: count)))
  }

  /// A linear axis that ends on ticks and begins at 0 where that wastes little space.
  ///
  /// - Parameters:
  ///   - limit: values that cannot be exceeded, 0…100 for a percentage.
  ///   - unit: appended to labels.
  static func linear(
    _ values: [Double], count: Int = 5, within limit: ClosedRange<Double>? = nil, unit: String = ""
  ) -> ChartAxis {
    var (least, most) = (values.min() ?? 0, values.max() ?? 1)
    if least >= 0, least <= 0.4 * most { least = 0 }
    // Values that differ by rounding only would make ticks that nobody can tell apart.
    let size = max(abs(least), abs(most))
    if most - least <= max(1e-9 * size, .leastNormalMagnitude) {
      let margin = size < .leastNormalMagnitude * 1e10 ? 1 : size / 10
      (least, most) = (least - margin, most + margin)
    }
    let step = niceStep(most - least, count: count)
    var lower = (least / step).rounded(.down) * step
    var upper = (most / step).rounded(.up) * step
    if let limit {
      lower = max(lower, limit.lowerBound)
      upper = min(upper, limit.upperBound)
    }
    return ChartAxis(
      lower: lower, upper: upper, scale: .linear,
      ticks: linearTicks(from: lower, to: upper, step: step, unit: unit))
  }

  /// A logarithmic axis around the positive values, nil if there is none.
  static func logarithmic(_ values: [Double]) -> ChartAxis? {
    let positive = values.filter { $0 > 0 }
    guard let least = positive.min(), let most = positive.max() else { return nil }
    // Ends at 1, 2 or 5 times a power of ten.
    let lower = roundNumbers(around: least).last { $0 <= least * 1.0001 } ?? least
    let upper = roundNumbers(around: most).first { $0 >= most * 0.9999 } ?? most
    let (first, last) = (lower, upper > lower ? upper : lower * 10)
    let decades = log10(last / first)
    let stride = max(1, Int((decades / 6).rounded(.up)))
    var ticks: [Tick] = []
    let (low, high) = (Int(log10(first).rounded(.down)), Int(log10(last).rounded(.up)))
    for exponent in low...high {
      for factor in decades < 2.5 ? [1.0, 2, 5] : [1.0] {
        let value = factor * pow(10, Double(exponent))
        guard value >= first * 0.9999, value <= last * 1.0001 else { continue }
        guard (exponent - low) % stride == 0 else { continue }
        ticks.append(Tick(value: value, label: logarithmicLabel(value, exponent, factor)))
      }
    }
    return ChartAxis(lower: first, upper: last, scale: .logarithmic, ticks: ticks)
  }

  private static func roundNumbers(around value: Double) -> [Double] {
    let exponent = Int(log10(value).rounded(.down))
    return (exponent - 1...exponent + 1).flatMap { power in
      [1.0, 2, 5].map { $0 * pow(10, Double(power)) }
    }
  }

  private static func logarithmicLabel(
    _ value: Double, _ exponent: Int, _ factor: Double
  ) -> String {
    if (-3...3).contains(exponent) { return NumberText.fixed(value, max(0, -exponent)) }
    let power = NumberText.powerOfTen(exponent)
    return factor == 1 ? power : "\(Int(factor))·\(power)"
  }

  /// The smallest of 1, 2, 2.5, 5 times a power of ten that makes at most `count` intervals.
  private static func niceStep(_ span: Double, count: Int) -> Double {
    let raw = span / Double(count)
    let power = pow(10, log10(raw).rounded(.down))
    let factor = [1.0, 2, 2.5, 5, 10].first { $0 * power >= raw * 0.9999 } ?? 10
    return factor * power
  }

  private static func linearTicks(
    from lower: Double, to upper: Double, step: Double, unit: String = ""
  ) -> [Tick] {
    // 2.5 needs one digit more than its power of ten.
    let exponent = Int(log10(step).rounded(.down))
    let isQuarter = abs(step / pow(10, Double(exponent)) - 2.5) < 0.01
    let decimals = max(0, (isQuarter ? 1 : 0) - exponent)
    let (first, last) = ((lower / step).rounded(.up), (upper / step * 1.000001).rounded(.down))
    guard last >= first, last - first <= 100 else { return [] }
    return (Int(first)...Int(last)).map { index in
      let value = Double(index) * step
      return Tick(value: value, label: NumberText.fixed(value, min(decimals, 12)) + unit)
    }
  }
}
