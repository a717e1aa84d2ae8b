/// Which solver, and why: a pure function of sizes, work and memory.
public struct SolverChoice: Sendable, Equatable {
  public var solver: GaussianSolver
  /// One sentence.
  public var reason: String
  /// Of all solvers.
  public var costs: [SolverCost]

  /// Seconds that no one waits for: below it the exact solver is not left for a faster one.
  static let negligibleSeconds = 0.02

  /// Without `given` the exact solver where it fits and takes at most twice as long as the fastest one
  /// that fits, because it has no tolerance; else the fastest one that fits.
  ///
  /// - Parameters:
  ///   - memory: bytes that there are.
  ///   - rates: operations in a second.
  ///   - given: taken where it fits.
  ///   - isNoiseless: whether the noise is 0, with which the exact solver alone works.
  /// - Throws: `GaussianProcessError` where it does not, or where none does.
  public init(
    _ problem: SolverProblem, memory: Double, rates: SolverRates = SolverRates(),
    given: GaussianSolver? = nil, isNoiseless: Bool = false
  ) throws {
    costs = GaussianSolver.allCases.map { SolverCost($0, problem) }
    let fitting = costs.filter { $0.bytes <= memory }
    let best = fitting.min { $0.seconds(rates) < $1.seconds(rates) }
    if let given {
      let cost = costs.first { $0.solver == given }!
      guard cost.bytes <= memory else {
        throw GaussianProcessError(
          "--solver \(given.rawValue) needs \(Self.bytes(cost.bytes)) for \(problem.rows) outputs of "
            + "examples, and there are \(Self.bytes(memory)); "
            + (best.map {
              "--solver \($0.solver.rawValue) fits (\(Self.bytes($0.bytes)))"
                + (isNoiseless ? " with a positive --noise-std" : "")
            }
              ?? "no solver fits, so give fewer examples or a smaller network"))
      }
      (solver, reason) = (given, "the \(given.rawValue) solver was asked for")
      return
    }
    guard let best else {
      let least = costs.min { $0.bytes < $1.bytes }!
      throw GaussianProcessError(
        "no solver fits: even --solver \(least.solver.rawValue) needs \(Self.bytes(least.bytes)), and "
          + "there are \(Self.bytes(memory)); give fewer examples or a smaller network")
    }
    let exact = costs[0]
    let fits = exact.bytes <= memory
    if fits, exact.seconds(rates) <= max(2 * best.seconds(rates), Self.negligibleSeconds) {
      solver = .exact
    } else {
      solver = best.solver
    }
    let chosen = solver
    let others = costs.filter { $0.solver != chosen }.map { cost in
      "\(cost.solver.rawValue) about \(Self.operations(cost.flops))"
        + (cost.bytes > memory ? " and \(Self.bytes(cost.bytes)), which is not there" : "")
    }
    let cost = costs.first { $0.solver == chosen }!
    reason =
      "the \(chosen.rawValue) solver takes \(Self.bytes(cost.bytes)) and about "
      + "\(Self.operations(cost.flops)) for \(problem.rows) outputs of examples, "
      + others.joined(separator: ", ")
      + (chosen == .exact && best.solver != .exact
        ? "; that much more is worth having no tolerance" : "")
  }

  private static func rounded(_ value: Double) -> String {
    if value >= 1e15 { return "\(value)" }
    if value >= 100 { return "\(Int(value.rounded()))" }
    let digits = value >= 1 ? 10.0 : 1000
    let text = "\((value * digits).rounded() / digits)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private static func operations(_ flops: Double) -> String {
    let units = ["FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"]
    var (value, unit) = (flops, 0)
    while value >= 1000, unit < units.count - 1 {
      value /= 1000
      unit += 1
    }
    return "\(rounded(value)) \(units[unit])"
  }

  static func bytes(_ bytes: Double) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]
    var (value, unit) = (bytes, 0)
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return "\(rounded(value)) \(units[unit])"
  }
}
