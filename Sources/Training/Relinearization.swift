/// When a run re-expands around its present parameters: iterative linearisation (Goldwaser and Ge,
/// arXiv 2211.12345), with expansions of any order.
///
/// A re-expansion before step t makes θ0 ← fl(θ0 + Δ), Δ ← 0. Steps count from 0, and nothing is
/// re-expanded before step 0.
public struct Relinearization: Sendable, Equatable {
  public enum Rule: Sendable, Equatable {
    case never
    /// Period j has ℓ_j steps, rounded to an integer, halves up; ℓ_0 = `every` and
    /// ℓ_{j+1} = fl(ℓ_j·`growth`) in Double.
    case periodic(every: Int, growth: Double)
    /// Before every step t with t mod `every` = 0: re-expands unless
    /// ‖f_k(θ) − f(θ)‖_F ≤ `share`·‖f_k(θ) − f(θ0)‖_F on the step's batch.
    case trust(share: Double, every: Int)
    /// Before every step t with t mod `every` = 0: where the predicted relative error of f_k on the
    /// step's batch (`RemainderEstimate`) is not at most `tolerance`, raises the order by one while
    /// it is below `largest`, and else re-expands and goes back to the first order.
    case adaptiveOrder(tolerance: Double, largest: Int, every: Int)
  }

  /// What happens to the optimizer's moments when a run re-expands.
  public enum State: String, Sendable, Codable, CaseIterable {
    /// Nothing: moments and Adam's step count go on as if there were no re-expansion.
    case keep
    /// Moments become 0, and Adam's bias correction counts from the step of the re-expansion.
    case reset
  }

  public var rule: Rule
  public var state: State

  public init(_ rule: Rule, state: State = .keep) {
    self.rule = rule
    self.state = state
  }

  public static let never = Relinearization(.never)

  /// Every `steps` steps; 0: never.
  public static func every(_ steps: Int, growth: Double = 1) -> Relinearization {
    Relinearization(steps == 0 ? .never : .periodic(every: steps, growth: growth))
  }

  /// The highest order of a run that begins at `order`.
  public func largestOrder(from order: Int) -> Int {
    if case .adaptiveOrder(_, let largest, _) = rule { max(order, largest) } else { order }
  }

  /// Steps of the first period, or between two looks at the model; nil without either.
  public var firstPeriod: Int? {
    switch rule {
    case .never: nil
    case .periodic(let every, _), .trust(_, let every), .adaptiveOrder(_, _, let every): every
    }
  }

  /// Steps between two looks at the model, where such looks decide.
  public var lookEvery: Int? {
    switch rule {
    case .never, .periodic: nil
    case .trust(_, let every), .adaptiveOrder(_, _, let every): every
    }
  }

  /// Steps of the period behind `expansions` re-expansions of a `.periodic` rule; nil: no end.
  func period(after expansions: Int) -> Int? {
    guard case .periodic(let every, let growth) = rule else { return nil }
    guard growth != 1 else { return every }
    var length = Double(every)
    for _ in 0..<expansions where length < 0x1p53 { length *= growth }
    return length < 0x1p53 ? Int(length.rounded()) : nil
  }
}

extension Relinearization: Codable {
  // Named like the options that say them.
  private enum CodingKeys: String, CodingKey {
    case relinearizeEvery, relinearizeGrowth, relinearizeTrust, relinearizeState
    case adaptiveOrder, maxOrder
  }

  public func encode(to encoder: any Encoder) throws {
    var values = encoder.container(keyedBy: CodingKeys.self)
    switch rule {
    case .never: try values.encode(0, forKey: .relinearizeEvery)
    case .periodic(let every, let growth):
      try values.encode(every, forKey: .relinearizeEvery)
      if growth != 1 { try values.encode(growth, forKey: .relinearizeGrowth) }
    case .trust(let share, let every):
      try values.encode(every, forKey: .relinearizeEvery)
      try values.encode(share, forKey: .relinearizeTrust)
    case .adaptiveOrder(let tolerance, let largest, let every):
      try values.encode(every, forKey: .relinearizeEvery)
      try values.encode(tolerance, forKey: .adaptiveOrder)
      try values.encode(largest, forKey: .maxOrder)
    }
    if state != .keep { try values.encode(state, forKey: .relinearizeState) }
  }

  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    let every = try values.decode(Int.self, forKey: .relinearizeEvery)
    state = try values.decodeIfPresent(State.self, forKey: .relinearizeState) ?? .keep
    if let share = try values.decodeIfPresent(Double.self, forKey: .relinearizeTrust) {
      rule = .trust(share: share, every: every)
    } else if let tolerance = try values.decodeIfPresent(Double.self, forKey: .adaptiveOrder) {
      rule = .adaptiveOrder(
        tolerance: tolerance, largest: try values.decode(Int.self, forKey: .maxOrder),
        every: every)
    } else {
      let growth = try values.decodeIfPresent(Double.self, forKey: .relinearizeGrowth)
      rule = every == 0 ? .never : .periodic(every: every, growth: growth ?? 1)
    }
  }
}
