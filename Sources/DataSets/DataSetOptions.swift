/// How a data set is split, reduced and scaled. `TaskControls` says in which order.
public struct DataSetOptions: Hashable, Sendable {
  /// How rows are chosen for the test and validation sets.
  public enum Split: String, Hashable, Sendable, CaseIterable {
    /// By index, evenly spread: `RowSplit`.
    case index
    /// By a permutation drawn from `dataSeed`.
    case seeded
  }

  /// What a class is for a loss of numbers.
  public enum TargetEncoding: String, Hashable, Sendable, CaseIterable {
    /// 1 for the class, 0 for the others.
    case oneHot = "one_hot"
    /// The same minus 1/classes, so that every row has the sum 0.
    case centred
  }

  /// How images are normalised.
  public enum Normalization: Hashable, Sendable {
    /// CIFAR-10 by its published numbers, unless its values are standardised or whitened; other
    /// data not at all.
    case automatic
    case none
    case given(ImageNormalization)
  }

  /// The share of rows that become the test set, at least 0 and below 1. Nil: a fifth; by index the
  /// rows whose index is a multiple of 5. Refused for data that come with a test set of their own.
  public var testShare: Double?
  /// The share of the training rows that are set aside for validation, at least 0 and below 1.
  public var validationShare: Double?
  public var split = Split.index
  /// Seed of seeded splits, of `trainSize` and of noise.
  public var dataSeed: UInt64 = 0
  /// Classes to keep, by name or number; they are numbered from 0 in this order.
  public var classes: [String]?
  /// Training examples to keep.
  public var trainSize: Int?
  /// The share of training labels that are replaced by another class; for values the standard
  /// deviation of normal numbers that are added to training targets.
  public var labelNoise = 0.0
  /// Whether inputs and regression targets are standardised by training statistics. Nil: yes for
  /// csv and npy, no for images. Images are standardised per channel, and only when this is true.
  public var standardize: Bool?
  public var whitening: Whitening.Kind?
  /// ε of `Whitening`: a share of the mean eigenvalue.
  public var whiteningEpsilon = 1e-5
  public var targetEncoding = TargetEncoding.oneHot
  /// How targets from csv and npy are to be understood.
  public var targetKind: TargetKind
  public var augmentation = Augmentation.none
  public var normalization = Normalization.automatic

  public init(
    testShare: Double? = nil, validationShare: Double? = nil, standardize: Bool? = nil,
    targetKind: TargetKind = .automatic
  ) {
    self.testShare = testShare
    self.validationShare = validationShare
    self.standardize = standardize
    self.targetKind = targetKind
  }

  /// The normalisation that data get: `own` is what goes with the data where nothing is asked for.
  func normalization(own: ImageNormalization?) -> ImageNormalization? {
    switch normalization {
    case .automatic: standardize == nil && whitening == nil ? own : nil
    case .none: nil
    case .given(let normalization): normalization
    }
  }
}
