/// Training, validation and test examples with their scaling.
public struct DataSet: Sendable {
  /// Short and for people, such as `digits`.
  public let name: String
  /// The shape of one input: [features] or [channels, height, width].
  public let inputShape: [Int]
  public let train: Examples
  /// Taken from the training rows when the options ask for it.
  public let validation: Examples?
  /// May be empty when the options say so.
  public let test: Examples
  /// How the inputs were standardised; nil when they were not.
  public let inputStandardization: Standardization?
  /// How regression targets were standardised; nil when they were not.
  public let targetStandardization: Standardization?
  /// How the inputs were whitened, after they were standardised; nil when they were not.
  public let whitening: Whitening?
  /// The labels behind the class ids, where the file has text.
  public let classNames: [String]?

  /// What a class is for a loss of numbers.
  public var targetEncoding: DataSetOptions.TargetEncoding {
    train.targetOffset == 0 ? .oneHot : .centred
  }
  /// What is done to images on the way into the network; nil where that is nothing.
  public var images: ImagePreparation? { train.images }
  public var trainTargets: Targets { train.targets }
  public var testTargets: Targets { test.targets }
  /// Columns of the target matrix: classes, or values per example.
  public var outputs: Int { train.targets.outputs }
  /// The number of classes; nil for regression.
  public var classCount: Int? {
    if case .classes(_, let count) = train.targets { count } else { nil }
  }

  /// A data set from parts at hand, taken as they are.
  ///
  /// - Precondition: every part has inputs of the given shape.
  public init(
    name: String, inputShape: [Int], train: Examples, validation: Examples? = nil, test: Examples,
    classNames: [String]? = nil
  ) {
    let size = inputShape.reduce(1, *)
    precondition(
      [train, validation ?? train, test].allSatisfy { $0.inputSize == size },
      "inputs of the shape \(inputShape) have \(size) numbers")
    self.name = name
    self.inputShape = inputShape
    self.train = train
    self.validation = validation
    self.test = test
    self.inputStandardization = nil
    self.targetStandardization = nil
    self.whitening = nil
    self.classNames = classNames
  }

  /// All that a loader knows before splitting and scaling.
  struct Source {
    var name: String
    var inputShape: [Int]
    var examples: Examples
    /// The data's own test set.
    var test: Examples?
    var classNames: [String]?
    /// Columns that share a mean: 1 for features, height · width for images.
    var groupSize = 1
    var standardizesByDefault: Bool
    /// What images are normalised by where options leave it open.
    var normalization: ImageNormalization?
  }

  /// Splits, reduces and scales; every rule is documented at `DataSetOptions` and `TaskControls`.
  init(_ source: Source, options: DataSetOptions) throws {
    let controls = try TaskControls(source, options)
    let train = controls.train.examples
    let scaling = try Scaling(train, source, options)
    let scaled = controls.addingNoise(scaling.apply(train))
    let whitening = try options.whitening.map {
      try Whitening($0, epsilon: options.whiteningEpsilon, of: scaled, name: source.name)
    }
    let shape = options.whitening == .pca ? [train.inputSize] : source.inputShape
    let images = try Self.images(shape, source, options)
    let offset = try Self.targetOffset(scaled, source, options)
    func finish(_ examples: Examples) -> Examples {
      var result = whitening?.apply(examples) ?? examples
      result.images = images
      result.targetOffset = offset
      return result
    }
    name = source.name
    inputShape = shape
    inputStandardization = scaling.inputs
    targetStandardization = scaling.targets
    self.whitening = whitening
    classNames = controls.classNames
    self.train = finish(scaled)
    validation = controls.validation.map { finish(scaling.apply($0.examples)) }
    test = finish(scaling.apply(controls.test.examples))
  }

  /// What is to be done to images on the way into the network; nil where that is nothing.
  private static func images(
    _ shape: [Int], _ source: Source, _ options: DataSetOptions
  ) throws -> ImagePreparation? {
    let normalization = options.normalization(own: source.normalization)
    let augmentation = options.augmentation
    guard normalization != nil || augmentation.padding > 0 || augmentation.flips else {
      return nil
    }
    let what = normalization == nil ? "augmentation" : "normalisation"
    guard shape.count == 3 else {
      throw FileError(
        path: source.name, problem: "has inputs of shape \(shape), which are no images",
        advice: "leave \(what) out, or give data of shape [channels, height, width]")
    }
    if let normalization, normalization.means.count != shape[0] {
      throw FileError(
        path: source.name,
        problem: "has images of \(shape[0]) channel\(shape[0] == 1 ? "" : "s"), and the "
          + "normalisation \(normalization) is for \(normalization.means.count)",
        advice: "give a mean and a deviation for each channel")
    }
    guard augmentation.padding < min(shape[1], shape[2]) else {
      throw FileError(
        path: source.name,
        problem: "has images of \(shape[1]) × \(shape[2]) pixels, and a crop by up to "
          + "\(augmentation.padding) may leave nothing of them",
        advice: "give fewer pixels, as in crop:\(max(1, (min(shape[1], shape[2]) - 1) / 2))")
    }
    return ImagePreparation(
      shape: shape, augmentation: augmentation, normalization: normalization)
  }

  /// What is subtracted from one-hot rows.
  private static func targetOffset(
    _ train: Examples, _ source: Source, _ options: DataSetOptions
  ) throws -> Double {
    guard options.targetEncoding == .centred else { return 0 }
    guard case .classes(_, let count) = train.targets else {
      throw FileError(
        path: source.name, problem: "has numbers as targets, which are not centred",
        advice: "leave the choice of targets out")
    }
    return 1 / Double(count)
  }

  /// The statistics of the training rows, if they are to be used.
  private struct Scaling {
    var inputs: Standardization?
    var targets: Standardization?

    init(_ train: Examples, _ source: Source, _ options: DataSetOptions) throws {
      guard options.standardize ?? source.standardizesByDefault else { return }
      inputs = try Standardization(
        rows: train.count, columns: train.inputSize, groupSize: source.groupSize,
        name: "inputs of \(source.name)", value: train.rawValue)
      if case .values(let values, let outputs) = train.targets {
        targets = try Standardization(
          rows: train.count, columns: outputs, groupSize: 1, name: "targets of \(source.name)",
          value: { values[$0 * outputs + $1] })
      }
    }

    func apply(_ examples: Examples) -> Examples {
      var result = examples
      result.standardization = inputs
      if let targets { result.targets = examples.targets.applying(targets) }
      return result
    }
  }
}
