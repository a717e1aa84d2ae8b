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
  /// The labels behind the class ids, where the file has text.
  public let classNames: [String]?

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
  }

  /// Splits and scales; every rule is documented at `DataSetOptions` and `RowSplit`.
  init(_ source: Source, options: DataSetOptions) throws {
    let name = source.name
    var train = source.examples
    var test: Examples
    if let given = source.test {
      guard options.testShare == nil else {
        throw FileError(
          path: name, problem: "comes with a test set of its own",
          advice: "leave the test share out")
      }
      test = given
    } else {
      let rows = try RowSplit.rows(
        train.count, share: options.testShare ?? 0.2, name: "test share")
      test = train.selecting(rows.taken)
      train = train.selecting(rows.kept)
    }
    var validation: Examples?
    if let share = options.validationShare {
      let rows = try RowSplit.rows(train.count, share: share, name: "validation share")
      validation = train.selecting(rows.taken)
      train = train.selecting(rows.kept)
    }
    guard train.count > 0 else {
      throw FileError(
        path: name, problem: "no rows are left to train on",
        advice: "give more rows or smaller shares")
    }
    let scaling = try Scaling(train, source, options)
    self.name = name
    inputShape = source.inputShape
    inputStandardization = scaling.inputs
    targetStandardization = scaling.targets
    classNames = source.classNames
    self.train = scaling.apply(train)
    self.validation = validation.map(scaling.apply)
    self.test = scaling.apply(test)
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
