/// How long a place takes, relative to what its profile says.
///
/// A profile is measured once, perhaps on a busy machine, and cannot know everything; what a run
/// sees corrects it. Times are compared over windows, because a device's are known only where
/// somebody waits for it. The smallest of the last few ratios counts, so that a program's compilation
/// or another process in between does not.
struct Calibration {
  private var predicted = 0.0
  private var actual = 0.0
  private var ratios: [Double] = []

  /// Seconds of a window.
  private static let window = 5e-3
  private static let count = 4
  private static let limits = 0.25...4.0

  /// An operation should take so many seconds.
  mutating func expects(_ seconds: Double) { predicted += seconds }

  /// What was expected has taken so many seconds, as far as it has been waited for.
  mutating func took(_ seconds: Double) {
    actual += seconds
    guard actual >= Self.window, predicted > 0 else { return }
    if ratios.count == Self.count { ratios.removeFirst() }
    ratios.append(actual / predicted)
    (actual, predicted) = (0, 0)
  }

  /// What predictions are to be multiplied by; nil until enough has been seen.
  var factor: Double? {
    guard ratios.count == Self.count, let smallest = ratios.min() else { return nil }
    return min(max(smallest, Self.limits.lowerBound), Self.limits.upperBound)
  }
}
