import Compute
import Glibc

/// Measures how fast a back end is, through nothing but the operations of the `Backend` protocol.
///
/// A coarse grid of sizes comes first, then those between, each from small to large. Before each size
/// its time is predicted from smaller ones; what would overrun the budget or take very long is
/// estimated from the others instead (`DeviceProfile.note` then says how many).
///
/// Each operation runs once to warm up. That may compile its program and is then not counted in the
/// budget: programs are kept, and training needs most of them anyway. Next it runs in batches of up
/// to 64 that are waited for together; the fastest batch counts. Large operands differ from one run
/// to the next, because in training, too, weights come from memory and not from a cache.
public final class ProfileMeasurement {
  let backend: any Backend
  let type: ScalarType
  let now: () -> Double
  /// What the tables may take; compiling is not counted.
  private var budget: Double
  private(set) var measured = 0
  private(set) var estimated = 0

  /// Elements that operands are cut from: random values of magnitude 1 to 2, so that products
  /// neither vanish nor become denormal; and scratch memory.
  let source, target: Matrix

  /// Single runs that take longer are repeated once, or not tried, in seconds.
  private static let slow = 0.005
  private static let longest = 0.04
  private static let batchSeconds = 4e-4
  /// A first run that takes so much longer than the second has compiled something.
  private static let compiling = 0.03

  private init(
    _ backend: any Backend, type: ScalarType, budget: Double, now: @escaping () -> Double
  ) throws {
    precondition(type != .int32, "profiles are of float32 or float64")
    self.backend = backend
    self.type = type
    self.now = now
    self.budget = budget
    (source, target) = try Self.arenas(backend, type, now: now)
  }

  /// The profile of `backend`, which computes and holds nothing else meanwhile.
  ///
  /// The memory that this takes (up to 128 MiB) goes back to the back end's pool, and what runs is
  /// counted in its statistics: a back end made for the purpose is best.
  ///
  /// - Parameters:
  ///   - type: float32 or float64, what the run will compute in.
  ///   - opening: seconds that opening the device took.
  ///   - budget: seconds that the tables may take, compiling aside; transfers need about 0.1 more.
  ///   - now: a clock, in seconds.
  /// - Throws: `BackendError` if the device fails.
  public static func measure(
    _ backend: any Backend, type: ScalarType = .float32, opening: Double = 0,
    budget: Double = 2.2, now: @escaping () -> Double = { MonotonicClock.seconds }
  ) throws -> DeviceProfile {
    try ProfileMeasurement(backend, type: type, budget: budget, now: now).profile(opening)
  }

  private func profile(_ opening: Double) throws -> DeviceProfile {
    var profile = try transfers()
    profile.opening = max(0, opening)
    profile.type = type
    profile.launch = try time([.fill(Fill(part(target, 256), value: 1))])
    profile.fusesJets = try fusesJets()
    var sketches = elementwiseSketches() + contractionSketches()
    try measure(&sketches)
    var tables = sketches.map { $0.table() }
    let elementwise = Self.elementwiseTables(&tables)
    let contractions = Self.contractionTables(&tables)
    // Two chances to measure it undisturbed.
    profile.launch = min(profile.launch, elementwise.stream.seconds(0))
    let (bytes, cells) = (exp2(26.0), exp2(20.0))
    profile.memoryRate = bytes / elementwise.stream.seconds(log2(bytes))
    // The cost of one activation is stated as 20 flops.
    profile.elementwiseRate = 20 * cells / elementwise.smooth.seconds(log2(cells))
    profile.contractionRate = contractions.highestRate
    profile.elementwise = elementwise
    profile.contractions = contractions
    if estimated > 0 {
      profile.note =
        "\(estimated) of \(estimated + measured) sizes were estimated from others, because "
        + "measuring them would take too much time or memory"
    }
    return profile
  }

  // MARK: Time

  /// Seconds that `body` takes on the clock, never 0.
  func interval(_ body: () throws -> Void) rethrows -> Double {
    let start = now()
    try body()
    return max(now() - start, 1e-9)
  }

  /// Seconds of one operation among others of its kind; the given ones take turns.
  func time(_ operations: [Operation]) throws -> Double {
    func single(_ index: Int) throws -> Double {
      try interval {
        try backend.run(operations[index % operations.count])
        try backend.finish()
      }
    }
    let first = try single(0)
    var best = try single(1)
    if first - best > Self.compiling { budget += first - best }
    for _ in 0..<(best > Self.slow ? 1 : 3) {
      // A single run ends with a wait, which a batch shares: the second one knows better.
      let count = max(1, min(64, Int(Self.batchSeconds / best)))
      let batch = try interval {
        for index in 0..<count { try backend.run(operations[(index + 2) % operations.count]) }
        try backend.finish()
      }
      best = min(best, batch / Double(count))
    }
    return best
  }

  /// Measures what there is time for: coarse grids first, small sizes first, the smallest of each
  /// table in any case.
  func measure(_ sketches: inout [ProfileSketch]) throws {
    let begin = now()
    for isCoarse in [true, false] {
      var sizes: [(work: Double, sketch: Int, index: Int)] = []
      for (number, sketch) in sketches.enumerated() {
        for index in sketch.times.indices where sketch.isCoarse(index) == isCoarse {
          sizes.append((sketch.work(index), number, index))
        }
      }
      for (_, number, index) in sizes.sorted(by: <) {
        let longest = sketches[number].longest(index)
        let repeats = longest > Self.slow ? 3.0 : 5.0
        let isAffordable = longest < Self.longest && now() - begin + repeats * longest < budget
        let list = index == 0 || isAffordable ? sketches[number].operations(index) : []
        if list.isEmpty {
          estimated += 1
        } else {
          sketches[number].set(index, seconds: try time(list))
          measured += 1
        }
      }
    }
  }
}
