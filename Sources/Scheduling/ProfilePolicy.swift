/// Where a device's profile comes from: `--profile`.
public enum ProfilePolicy: String, Sendable, CaseIterable {
  /// From the cache; measured, and kept there, if the cache has none.
  case cached
  /// Measured now, and kept.
  case refresh
}
