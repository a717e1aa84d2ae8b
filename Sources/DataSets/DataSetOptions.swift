/// How a data set is split and scaled.
public struct DataSetOptions: Hashable, Sendable {
  /// The share of rows that become the test set, at least 0 and below 1. Nil: rows whose index is
  /// a multiple of 5. See `RowSplit`. Refused for data that come with a test set of their own.
  public var testShare: Double?
  /// The share of the training rows that are set aside for validation, at least 0 and below 1.
  public var validationShare: Double?
  /// Whether inputs and regression targets are standardised by training statistics. Nil: yes for
  /// csv and npy, no for images. Images are standardised per channel, and only when this is true.
  public var standardize: Bool?
  /// How targets from csv and npy are to be understood.
  public var targetKind: TargetKind

  public init(
    testShare: Double? = nil, validationShare: Double? = nil, standardize: Bool? = nil,
    targetKind: TargetKind = .automatic
  ) {
    self.testShare = testShare
    self.validationShare = validationShare
    self.standardize = standardize
    self.targetKind = targetKind
  }
}
