/// How well the expansions of one batch's outputs along Δ converge, example by example: radii, and
/// predicted against true errors of f_k at t = 1, which is θ.
public struct ConvergenceAnalysis: Sendable {
  public struct Example: Sendable {
    public var radius: RadiusOfConvergence
    /// ‖f(θ) − f_k(θ)‖₂ over the outputs for k = 0…K−1, as c_0…c_{k+1} let it be expected.
    public var predicted: [Double]
    /// The same, measured.
    public var measured: [Double]
    /// Below this a measured error is rounding.
    public var floor: Double
    /// The least order with an error below the tolerance, expected from c_0…c_K.
    public var sufficientOrder: Int?
    /// By `stepOrders`: the largest t with an error of f_k below the tolerance.
    public var steps: [Double] = []

    /// Whether θ lies within the circle of convergence.
    public var converges: Bool { radius.radius > 1 }
  }

  public let kind: Analyticity
  public let hasGates: Bool
  /// K.
  public let order: Int
  public let tolerance: Double?
  /// The orders k that `Example.steps` belongs to.
  public let stepOrders: [Int]
  public let examples: [Example]

  /// - Parameters:
  ///   - series: of each example; finite, to order 16 at least.
  ///   - values: f(x; θ) of each example.
  ///   - tolerance: of ‖f − f_k‖₂ over an example's outputs.
  public init(
    _ series: [VectorSeries], values: [[Double]], kind: Analyticity, hasGates: Bool,
    tolerance: Double? = nil
  ) {
    precondition(series.count == values.count && !series.isEmpty, "values of each example")
    let order = series[0].order
    let stepOrders = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48].filter { $0 < order }
    self.kind = kind
    self.hasGates = hasGates
    self.order = order
    self.tolerance = tolerance
    self.stepOrders = stepOrders
    examples = zip(series, values).map { series, value in
      var example = Example(
        radius: RadiusOfConvergence(series, kind), predicted: series.nextRemainders(),
        measured: series.sums(at: 1).dropLast().map { VectorSeries.distance(value, $0) },
        floor: 0x1p-40 * VectorSeries.norm(value))
      if let tolerance {
        example.sufficientOrder = series.remainders().firstIndex { $0 <= tolerance }
        example.steps = stepOrders.map { series.largestStep(of: $0, tolerance: tolerance) }
      }
      return example
    }
  }

  /// From this order on predictions are compared with measured errors.
  public static let leastJudgedOrder = 4

  /// The share of (example, k), k ≥ 4 and the measured error above rounding, whose predicted error
  /// is within a factor of 2 of the measured one; nil where there is none, or gates break the tie
  /// between the network and its expansion.
  public var shareWithinTwo: Double? {
    guard !hasGates else { return nil }
    let judged = (Self.leastJudgedOrder..<max(order, Self.leastJudgedOrder)).compactMap {
      judge($0)
    }
    let count = judged.reduce(0) { $0 + $1.count }
    return count > 0 ? Double(judged.reduce(0) { $0 + $1.within }) / Double(count) : nil
  }

  /// The same for one order.
  public func shareWithinTwo(at k: Int) -> Double? {
    guard !hasGates else { return nil }
    return judge(k).flatMap { $0.count > 0 ? Double($0.within) / Double($0.count) : nil }
  }

  private func judge(_ k: Int) -> (within: Int, count: Int)? {
    guard k < order else { return nil }
    let judged = examples.filter { $0.measured[k] > $0.floor && $0.measured[k].isFinite }
    let within = judged.filter {
      $0.predicted[k] >= $0.measured[k] / 2 && $0.predicted[k] <= 2 * $0.measured[k]
    }
    return (within.count, judged.count)
  }

  /// The value below which a share `q` of `values` lies (by rank, the nearest below).
  public static func quantile(_ values: [Double], _ q: Double) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    return sorted[min(sorted.count - 1, Int(q * Double(sorted.count - 1) + 0.5))]
  }
}
