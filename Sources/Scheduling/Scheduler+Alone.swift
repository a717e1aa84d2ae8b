import Compute

/// While the host is alone, scheduling must cost next to nothing: a small network's operations take
/// microseconds. So only some of them are looked at, timed and counted, for themselves and for those
/// before them.
extension Scheduler {
  /// Which operations are looked at. The gaps are random, so that no loop hides behind them.
  struct Sampling {
    /// Operations until the next look.
    private var left = 1
    /// How many operations that look stands for.
    private(set) var weight = 1
    private var state: UInt64 = 0x2545_f491_4f6c_dd1d

    /// Operations that take so long are all looked at.
    private static let longEnough = 2e-5
    private static let meanGap = 32

    /// Whether the operation at hand is looked at.
    mutating func isDue() -> Bool {
      left -= 1
      return left <= 0
    }

    /// - Parameter seconds: what the operation took that was looked at.
    mutating func draw(after seconds: Double) {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      left = seconds > Self.longEnough ? 1 : 1 + Int(state >> 33) % (2 * Self.meanGap - 1)
      weight = left
    }
  }

  /// Runs operations on the host; false, and nothing done, if an accelerator is to become home.
  ///
  /// - Parameters:
  ///   - duration: what they take on a device of some profile, in seconds.
  func ranAlone(
    _ duration: (DeviceProfile) -> Double, flops: () -> Double,
    _ run: (any Backend) throws -> Void
  ) throws -> Bool {
    guard sampling.isDue() else {
      places[0].ran()
      try run(host)
      return true
    }
    let weight = Double(sampling.weight)
    let choosing = try hasChoice && knowsProfiles()
    if choosing {
      let predicted = predictions { weight * duration($0) }
      locateOperands(moves: false)
      let decision = Placement.choose(corrected(predicted), residency, profiles)
      residency.regret = decision.regret
      guard decision.home == 0 else {
        isAlone = false
        residency.home = decision.home
        return false
      }
      places[0].calibration.expects(predicted[0])
    }
    let start = MonotonicClock.seconds
    try run(host)
    let seconds = MonotonicClock.seconds - start
    sampling.draw(after: seconds)
    places[0].ran(weight * flops(), seconds: weight * seconds)
    if choosing { places[0].calibration.took(weight * seconds) }
    return true
  }
}
