import ArgumentParser
import Maclaurin

/// The examples of a prediction: three arrays, or a data set as training takes it.
struct PredictionExamples: ParsableArguments {
  @Option(help: "Training inputs, [n, features]: file.npy or file.safetensors:name.")
  var inputs: String?

  @Option(
    help: ArgumentHelp(
      "Training targets, [n, outputs] or integer labels; with --data what a class is: one_hot "
        + "(default) or centred.", valueName: "file or how"))
  var targets: String?

  @Option(help: "Test inputs, [m, features].")
  var testInputs: String?

  @Option(help: "Test targets, if they are known, for the loss.")
  var testTargets: String?

  @Option(
    help: ArgumentHelp(
      "Data set in place of the arrays: \(DataSetSpecification.forms).", valueName: "data"))
  var data: String?

  @Option(
    help: ArgumentHelp("Classes of --data to keep, as in 0,1,7.", valueName: "classes"))
  var classes: String?

  @Option(
    help: ArgumentHelp(
      "Share of rows of --data that become the test set (default: every fifth row).",
      valueName: "share"))
  var testShare: Double?

  @Option(
    help: ArgumentHelp(
      "How rows of --data are split: by index, or seeded (drawn from --data-seed).",
      valueName: "how"))
  var split = DataSetOptions.Split.index

  @Option(help: ArgumentHelp("Seed of seeded splits and --train-size.", valueName: "n"))
  var dataSeed: UInt64 = 0

  @Option(
    help: ArgumentHelp("Training examples of --data to keep, drawn.", valueName: "n"))
  var trainSize: Int?

  @Flag(help: "Leave features and regression targets of --data as they are.")
  var noStandardize = false

  func validate() throws {
    if data != nil {
      guard inputs == nil, testInputs == nil, testTargets == nil else {
        throw ValidationError("--data excludes --inputs, --test-inputs and --test-targets")
      }
      guard targets == nil || DataSetOptions.TargetEncoding(rawValue: targets ?? "") != nil else {
        throw ValidationError("--targets takes one_hot or centred with --data")
      }
    } else {
      guard inputs != nil, targets != nil else {
        throw ValidationError("give --inputs, --targets and --test-inputs, or --data")
      }
      guard testInputs != nil || testTargets == nil else {
        throw ValidationError("--test-targets go with --test-inputs")
      }
      guard classes == nil, testShare == nil, split == .index, dataSeed == 0, trainSize == nil,
        !noStandardize
      else {
        throw ValidationError("splits, subsets and scaling go with --data")
      }
    }
  }

  /// The files, to be kept from being overwritten.
  var files: [(option: String, argument: String?)] {
    [
      ("--inputs", inputs), ("--targets", data == nil ? targets : nil),
      ("--test-inputs", testInputs), ("--test-targets", testTargets),
    ]
  }

  // MARK: Loading

  /// What was loaded; the test set's targets are zeros where they are not known.
  struct Loaded {
    let set: DataSet
    let network: Network
    let knowsTest: Bool

    var train: Int { self.set.train.count }
    var test: Int { self.set.test.count }
    var outputs: Int { self.set.outputs }

    /// What a network sees: images are normalised as in training.
    func inputs(_ examples: Examples) -> [Double] {
      let values = examples.doubles()
      guard let images = set.images, let normalization = images.normalization else { return values }
      let area = images.shape[1] * images.shape[2]
      return values.enumerated().map { index, value in
        let channel = index / area % images.shape[0]
        return (value - normalization.means[channel]) / normalization.deviations[channel]
      }
    }
  }

  /// - Parameters:
  ///   - file: a network file; nil for `options`.
  func load(network file: String?, _ options: NetworkOptions) throws -> Loaded {
    let given = try file.map { try NetworkOptions.read($0) }
    guard let data else {
      guard testInputs != nil else {
        throw Misuse("give --inputs, --targets and --test-inputs, or --data")
      }
      let known = try given ?? knownNetwork(options)
      let set = try arrays(input: known?.description.input, outputs: known?.outputCount)
      let network =
        try known ?? options.network(input: set.inputShape, outputs: set.outputs)
      return Loaded(set: set, network: network, knowsTest: testTargets != nil)
    }
    let set = try DataSetSpecification(parsing: data).load(dataSetOptions())
    let network = try given ?? options.network(input: set.inputShape, outputs: set.outputs)
    guard set.test.count > 0 else {
      throw Misuse("\(data) has no test set to predict; give --test-share, for example 0.2")
    }
    return Loaded(set: set, network: network, knowsTest: true)
  }

  func dataSetOptions() throws -> DataSetOptions {
    var task = try TaskOptions.parse([])
    (task.testShare, task.split, task.dataSeed) = (testShare, split, dataSeed)
    (task.trainSize, task.noStandardize) = (trainSize, noStandardize)
    task.targets = targets.flatMap { DataSetOptions.TargetEncoding(rawValue: $0) } ?? .oneHot
    var result: DataSetOptions
    do {
      result = try task.dataSetOptions()
    } catch let error as ValidationError {
      throw Misuse(error.message)
    }
    result.classes = classes?.split(separator: ",", omittingEmptySubsequences: false)
      .map(String.init)
    return result
  }

  /// A network file in --model, whose shapes are known before the data's.
  private func knownNetwork(_ options: NetworkOptions) throws -> Network? {
    try NetworkPreset(parsing: options.model) == nil
      ? options.network(input: [], outputs: 0) : nil
  }

  /// - Parameters:
  ///   - input: the shape of an input; nil for the arrays' own.
  ///   - outputs: columns of targets; nil for the arrays' own.
  /// - Returns: a data set whose test part is empty where there are no test inputs.
  func arrays(input: [Int]?, outputs: Int?) throws -> DataSet {
    let train = try rows(inputs ?? "", input)
    let test = try testInputs.map { try rows($0, input ?? train.shape) }
    let trainTargets = try Self.targets(targets ?? "", rows: train.count, outputs: outputs)
    let (outputs, count) = (trainTargets.outputs, test?.count ?? 0)
    let testTargets =
      try testTargets.map { try Self.targets($0, rows: count, outputs: outputs) }
      ?? .values([Double](repeating: 0, count: count * outputs), outputs: outputs)
    let size = train.shape.reduce(1, *)
    return DataSet(
      name: inputs ?? "", inputShape: train.shape,
      train: Examples(train.values, inputSize: size, targets: trainTargets),
      test: Examples(test?.values ?? [], inputSize: size, targets: testTargets))
  }

  /// An array of inputs of shape `input`, or of the shape that it has itself.
  private func rows(
    _ argument: String, _ input: [Int]?
  ) throws -> (values: [Double], count: Int, shape: [Int]) {
    let array = try ArrayFiles.finite(argument)
    let count = array.shape.first ?? 0
    guard count > 0, array.count > 0 else {
      throw FileError(
        path: argument, problem: "has shape \(array.shape)", advice: "give [examples, features]")
    }
    let own = array.shape.count == 4 ? Array(array.shape[1...]) : [array.count / count]
    let shape = input ?? own
    guard array.count == count * shape.reduce(1, *) else {
      throw NetworkError(
        "the inputs in \(argument) have shape \(array.shape), but an input has shape \(shape): give "
          + "[examples, \(shape.reduce(1, *))]")
    }
    return (array.doubles(), count, shape)
  }

  /// As many classes as the largest label asks for, at least 1.
  ///
  /// - Throws: `FileError` for a label that asks for more than 2²⁰.
  static func classes(_ labels: [Int], _ argument: String) throws -> Int {
    let largest = max(0, labels.max() ?? 0)
    guard largest < 1 << 20 else {
      throw FileError(
        path: argument, problem: "has the label \(largest)",
        advice: "give classes from 0 to at most \((1 << 20) - 1)")
    }
    return largest + 1
  }

  /// Labels where the network has several outputs and there is one integer for each example.
  private static func targets(_ argument: String, rows: Int, outputs: Int?) throws -> Targets {
    let array = try ArrayFiles.finite(argument)
    let width = outputs ?? (array.shape.count == 2 ? array.shape[1] : 1)
    if array.shape == [rows], width > 1 || outputs == nil && array.elementType.isIntegral {
      let labels = try array.integers()
      let width = try outputs ?? classes(labels, argument)
      guard labels.allSatisfy({ (0..<width).contains($0) }) else {
        throw FileError(
          path: argument, problem: "has labels outside 0…\(width - 1)",
          advice: "the network has \(width) outputs")
      }
      return .classes(labels: labels.map { Int32($0) }, count: width)
    }
    guard array.count == rows * width, width > 0 else {
      throw FileError(
        path: argument, problem: "has shape \(array.shape)",
        advice: "give [\(rows), \(width)], one row per example")
    }
    return .values(array.doubles(), outputs: width)
  }
}
