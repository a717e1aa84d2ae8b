import ArgumentParser
import Maclaurin

/// What is made of a data set: splits, subsets, noise, scaling, augmentation.
struct TaskOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Share of rows that become the test set, of data that have none (default: every fifth row).",
      valueName: "share"))
  var testShare: Double?

  @Option(
    help: ArgumentHelp("Share of the training rows set aside for validation.", valueName: "share"))
  var validationShare: Double?

  @Option(
    help: ArgumentHelp(
      "How rows are split: by index, or seeded (drawn from --data-seed).", valueName: "how"))
  var split = DataSetOptions.Split.index

  @Option(help: ArgumentHelp("Seed of seeded splits, --train-size and noise.", valueName: "n"))
  var dataSeed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Training examples to keep, drawn; fewer are part of more.", valueName: "n"))
  var trainSize: Int?

  @Option(
    help: ArgumentHelp(
      """
      Share of training labels to replace by another class; for numbers the standard deviation of \
      noise on training targets.
      """, valueName: "p"))
  var labelNoise = 0.0

  @Flag(help: "Leave features and regression targets as they are.")
  var noStandardize = false

  @Option(help: ArgumentHelp("Whiten inputs by training statistics: zca or pca.", valueName: "how"))
  var whiten: Whitening.Kind?

  @Option(
    help: ArgumentHelp(
      "What --whiten adds to eigenvalues, a share of their mean.", valueName: "ε"))
  var whitenEpsilon = 1e-5

  @Option(
    help: ArgumentHelp(
      "What a class is for --loss mse: one_hot, or centred, minus 1/classes.", valueName: "how"))
  var targets = DataSetOptions.TargetEncoding.oneHot

  @Option(
    help: ArgumentHelp(
      "Change training images at random: \(Augmentation.forms).", valueName: "how"))
  var augment: String?

  @Option(
    help: ArgumentHelp(
      "Whether crops are drawn once for a batch or for each image: batch or image.",
      valueName: "what"))
  var augmentOffsets = Augmentation.Offsets.batch

  @Option(
    help: ArgumentHelp(
      """
      Normalise images by channel, after augmentation: \(ImageNormalization.forms) (default: \
      cifar10 for cifar10, else none).
      """, valueName: "how"))
  var normalize: String?

  func validate() throws { _ = try dataSetOptions() }

  /// - Throws: `Misuse` for what no data set can take.
  func dataSetOptions() throws -> DataSetOptions {
    guard labelNoise >= 0, labelNoise.isFinite else {
      throw ValidationError("--label-noise must be a number that is not negative")
    }
    guard whitenEpsilon >= 0, whitenEpsilon.isFinite else {
      throw ValidationError("--whiten-epsilon must be a number that is not negative")
    }
    guard trainSize ?? 1 >= 1 else { throw ValidationError("--train-size takes a positive number") }
    guard dataSeed <= 1 << 53 else { throw ValidationError("--data-seed takes at most \(1 << 53)") }
    var options = DataSetOptions(
      testShare: testShare, validationShare: validationShare,
      standardize: noStandardize ? false : nil)
    options.split = split
    options.dataSeed = dataSeed
    options.trainSize = trainSize
    options.labelNoise = labelNoise
    options.whitening = whiten
    options.whiteningEpsilon = whitenEpsilon
    options.targetEncoding = targets
    do {
      if let augment {
        options.augmentation = try Augmentation(parsing: augment, offsets: augmentOffsets)
      } else if augmentOffsets == .image {
        throw ValidationError("--augment-offsets goes with --augment crop")
      }
      switch normalize {
      case nil: break
      case "none"?: options.normalization = .none
      case let text?: options.normalization = .given(try ImageNormalization(parsing: text))
      }
    } catch let error as FileError {
      let option = error.path == "augmentation" ? "--augment" : "--normalize"
      throw ValidationError("\(option): \(error.problem); \(error.advice)")
    }
    return options
  }

  /// Whether nothing is asked for.
  var isDefault: Bool {
    testShare == nil && validationShare == nil && !noStandardize && choices.isEmpty
      && normalize == nil
  }

  /// What differs from the defaults, by the option that says it, but for the three options that
  /// always were in run.json and for --normalize, which depends on the data.
  var choices: [String: JSONValue] {
    var choices: [String: JSONValue] = [:]
    if split != .index { choices["split"] = .string(split.rawValue) }
    if dataSeed != 0 { choices["data-seed"] = .number(Double(dataSeed)) }
    choices["train-size"] = trainSize.map { .number(Double($0)) }
    if labelNoise != 0 { choices["label-noise"] = .number(labelNoise) }
    if let whiten {
      choices["whiten"] = .string(whiten.rawValue)
      choices["whiten-epsilon"] = .number(whitenEpsilon)
    }
    if targets != .oneHot { choices["targets"] = .string(targets.rawValue) }
    choices["augment"] = augment.map { .string($0) }
    if augmentOffsets != .batch { choices["augment-offsets"] = .string(augmentOffsets.rawValue) }
    return choices
  }

  /// Takes `choices`, and the others, back out of a run's settings.
  mutating func restore(_ settings: [String: JSONValue]) {
    func number(_ name: String) -> Double? {
      if case .number(let value)? = settings[name] { value } else { nil }
    }
    func word(_ name: String) -> String? {
      if case .string(let value)? = settings[name] { value } else { nil }
    }
    testShare = number("test-share")
    validationShare = number("validation-share")
    noStandardize = settings["no-standardize"] == .bool(true)
    split = word("split").flatMap { DataSetOptions.Split(rawValue: $0) } ?? .index
    dataSeed = number("data-seed").flatMap { UInt64(exactly: $0) } ?? 0
    trainSize = number("train-size").flatMap { Int(exactly: $0) }
    labelNoise = number("label-noise") ?? 0
    whiten = word("whiten").flatMap { Whitening.Kind(rawValue: $0) }
    whitenEpsilon = number("whiten-epsilon") ?? 1e-5
    targets = word("targets").flatMap { DataSetOptions.TargetEncoding(rawValue: $0) } ?? .oneHot
    augment = word("augment")
    augmentOffsets =
      word("augment-offsets").flatMap { Augmentation.Offsets(rawValue: $0) } ?? .batch
    // Runs from before there was normalisation have none.
    normalize = word("normalize") ?? "none"
  }
}

extension DataSetOptions.Split: ExpressibleByArgument {}
extension DataSetOptions.TargetEncoding: ExpressibleByArgument {}
extension Whitening.Kind: ExpressibleByArgument {}
extension Augmentation.Offsets: ExpressibleByArgument {}
