/// What a `CheckedBackend` did.
public struct CheckStatistics: Sendable, Equatable {
  /// Operations that ran, and those that were computed again in part or whole.
  public var operations = 0
  public var checkedOperations = 0
  public var comparedElements = 0
  /// Checks that went to the definition in Double.
  public var oracleChecks = 0
  /// Contractions that were projected, and rows that were above their bound and then found right.
  public var projections = 0
  public var falseTriggers = 0
  /// Operations of which nothing was checked, by name.
  public var unchecked: [String: Int] = [:]

  public init() {}
}
