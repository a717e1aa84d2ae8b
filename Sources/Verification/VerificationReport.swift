/// What a verification found.
public struct VerificationReport: Sendable {
  /// One case on one device and contraction family.
  public struct Result: Sendable {
    public var operation: String
    public var label: String
    /// The worst error of an element as a share of its bound; nil where only bits are compared.
    public var errorOverBound: Double?
    /// Whether the bits are those of the CPU path; nil where that is not promised.
    public var hasSameBits: Bool?
    /// Why the case failed.
    public var failure: String?

    public init(
      operation: String, label: String, errorOverBound: Double? = nil, hasSameBits: Bool? = nil,
      failure: String? = nil
    ) {
      self.operation = operation
      self.label = label
      self.errorOverBound = errorOverBound
      self.hasSameBits = hasSameBits
      self.failure = failure
    }
  }

  /// The results of one operation.
  public struct Summary: Sendable {
    public var operation: String
    public var cases = 0
    public var failed = 0
    /// The worst error as a share of its bound; nil where no case had one.
    public var errorOverBound: Double?
  }

  public let device: String
  public private(set) var results: [Result] = []
  /// Cases that the device cannot run (no float64).
  public internal(set) var skipped = 0
  /// Cases that ran on an OpenCL device.
  public internal(set) var openCLCases = 0

  public init(device: String) { self.device = device }

  mutating func add(_ result: Result) { results.append(result) }

  public var cases: Int { results.count }
  public var failures: [Result] { results.filter { $0.failure != nil } }
  public var failed: Int { failures.count }
  /// Whether bits were compared, and all that were are equal.
  public var isBitIdentical: Bool {
    let compared = results.compactMap(\.hasSameBits)
    return !compared.isEmpty && compared.allSatisfy { $0 }
  }

  /// By operation, in the order in which they ran.
  public var summaries: [Summary] {
    var order: [String] = []
    var summaries: [String: Summary] = [:]
    for result in results {
      if summaries[result.operation] == nil { order.append(result.operation) }
      var summary = summaries[result.operation] ?? Summary(operation: result.operation)
      summary.cases += 1
      if result.failure != nil { summary.failed += 1 }
      if let share = result.errorOverBound {
        summary.errorOverBound = max(summary.errorOverBound ?? 0, share)
      }
      summaries[result.operation] = summary
    }
    return order.map { summaries[$0]! }
  }

  /// The `count` cases whose error is the largest share of its bound, failures first.
  public func worst(_ count: Int) -> [Result] {
    Array(
      results.filter { $0.errorOverBound != nil || $0.failure != nil }.sorted { a, b in
        let failures = (a.failure != nil, b.failure != nil)
        if failures.0 != failures.1 { return failures.0 }
        return (a.errorOverBound ?? 0) > (b.errorOverBound ?? 0)
      }.prefix(count))
  }

  /// The operations with a failing case, in order.
  public var failedOperations: [String] {
    summaries.filter { $0.failed > 0 }.map(\.operation)
  }
}
