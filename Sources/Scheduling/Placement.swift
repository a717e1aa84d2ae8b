import Compute

/// Where an operation runs: a pure function of what it costs, of where its data are, and of how
/// fast the places are.
///
/// One place is **home**: there operations run by default, and there their data gather. An
/// operation leaves home alone where that pays on the spot, the way back of its results included.
/// Whether home itself should move is a question of the long run, which nobody knows. So the
/// scheduler rents before it buys: `regret[p]` adds up how much longer operations have taken than
/// they would have taken with home at p, never below zero, and home moves once the regret exceeds
/// what moving costs. Over any sequence of operations this costs at most a small multiple of what
/// the best sequence of homes, known in advance, would have cost.
/// Source: Borodin, Linial, Saks, "An optimal on-line algorithm for metrical task system",
/// J. ACM 39(4), 1992 (two states: the work function's rule).
public enum Placement {
  /// Another place must be faster by this factor: profiles are measurements.
  public static let margin = 1.1
  /// The same for a device on the host's own processors, which can hardly be much faster than they
  /// are; a mistake would cost two moves.
  public static let sharedMargin = 1.25

  /// A number of copies and their bytes.
  public struct Traffic: Sendable, Equatable {
    public var bytes: Int
    public var pieces: Int

    public init(bytes: Int = 0, pieces: Int = 0) {
      self.bytes = bytes
      self.pieces = pieces
    }

    public static func += (a: inout Traffic, b: Traffic) {
      a.bytes += b.bytes
      a.pieces += b.pieces
    }
  }

  /// Where data are, from one operation's view. Place 0 is the host.
  public struct Residency: Sendable, Equatable {
    public var home: Int
    /// What the operation reads and place p lacks, by where it would come from:
    /// missing[p][source].
    public var missing: [[Traffic]]
    /// What the operation writes.
    public var written: Traffic
    /// Seconds by place.
    public var regret: [Double]
    /// What home's copies hold in all.
    public var resident: Traffic
    /// Places that take operations.
    public var isUsable: [Bool]
    /// Places that need not be opened first.
    public var isOpen: [Bool]
    /// Places on the host's processors: they take all operations or none.
    public var sharesProcessors: [Bool]

    public init(places: Int) {
      home = 0
      missing = Array(
        repeating: Array(repeating: Traffic(), count: places), count: places)
      written = Traffic()
      regret = Array(repeating: 0, count: places)
      resident = Traffic()
      isUsable = Array(repeating: true, count: places)
      isOpen = Array(repeating: true, count: places)
      sharesProcessors = Array(repeating: false, count: places)
    }
  }

  public struct Decision: Sendable, Equatable {
    public var place: Int
    public var home: Int
    public var regret: [Double]
  }

  /// - Parameters:
  ///   - cost: seconds of the operation by place, transfers aside.
  ///   - profiles: by place.
  public static func choose(
    _ cost: [Double], _ residency: Residency, _ profiles: [DeviceProfile]
  ) -> Decision {
    let home = residency.home
    var best = home
    var least = cost[home] + incoming(home, residency, profiles)
    let limit = least / margin
    for place in cost.indices where place != home {
      guard residency.isUsable[place], residency.isOpen[place],
        !residency.sharesProcessors[place], place != 0 || !residency.sharesProcessors[home]
      else { continue }
      let seconds =
        cost[place] + incoming(place, residency, profiles)
        + transfer(residency.written, from: place, to: home, profiles)
      if seconds < min(least, limit) { (best, least) = (place, seconds) }
    }

    var decision = Decision(place: best, home: home, regret: residency.regret)
    // What moves to a new home is the price of moving there, not a reason to go back.
    let paid = min(cost[home], least)
    var gain = 0.0
    for place in cost.indices where place != home {
      guard residency.isUsable[place] else { continue }
      let margin = residency.sharesProcessors[place] ? sharedMargin : margin
      let regret = max(0, residency.regret[place] + paid - margin * cost[place])
      decision.regret[place] = regret
      let excess = regret - moving(to: place, residency, profiles)
      if excess > gain {
        gain = excess
        decision.home = place
        decision.place = place
      }
    }
    if decision.home != home {
      decision.regret = Array(repeating: 0, count: cost.count)
    }
    return decision
  }

  /// Seconds until everything that home holds is at `place`, opening it included.
  public static func moving(
    to place: Int, _ residency: Residency, _ profiles: [DeviceProfile]
  ) -> Double {
    transfer(residency.resident, from: residency.home, to: place, profiles)
      + (residency.isOpen[place] ? 0 : profiles[place].opening)
  }

  /// Seconds until `place` has what it lacks.
  static func incoming(
    _ place: Int, _ residency: Residency, _ profiles: [DeviceProfile]
  ) -> Double {
    var seconds = 0.0
    for (source, traffic) in residency.missing[place].enumerated() where traffic.pieces > 0 {
      seconds += transfer(traffic, from: source, to: place, profiles)
    }
    return seconds
  }

  /// Seconds of a copy; between two devices it passes through the host.
  static func transfer(
    _ traffic: Traffic, from source: Int, to target: Int, _ profiles: [DeviceProfile]
  ) -> Double {
    if source == target || traffic.pieces == 0 { return 0 }
    var seconds = 0.0
    if source != 0 {
      seconds += profiles[source].downloadSeconds(traffic.bytes, pieces: traffic.pieces)
    }
    if target != 0 {
      seconds += profiles[target].uploadSeconds(traffic.bytes, pieces: traffic.pieces)
    }
    return seconds
  }
}
