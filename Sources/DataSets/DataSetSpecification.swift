/// A data set named on the command line.
///
/// - `digits`: the embedded handwritten digits.
/// - `idx:DIR`: a folder of the MNIST family.
/// - `cifar10:DIR`: a folder with the binary version of CIFAR-10.
/// - `csv:FILE:TARGET`: a table; TARGET is a column's name or its index counted from 0. The text
///   behind the last colon is the target.
/// - `synthetic:NAME[:KEY=VALUE,…]`: a made-up task (see `SyntheticData`).
/// - `sine:TASK[,KEY=VALUE,…]`: short for `synthetic:sine:task=TASK,…`.
/// - `npy:X,Y` or `npy:X,Y,XTEST,YTEST`: arrays (see `ArrayArgument`), with or without a test set.
public enum DataSetSpecification: Hashable, Sendable, CustomStringConvertible {
  case digits
  case idx(folder: String)
  case cifar10(folder: String)
  case csv(file: String, target: String)
  case npy(inputs: ArrayArgument, targets: ArrayArgument)
  case synthetic(SyntheticData)
  case npyWithTest(
    inputs: ArrayArgument, targets: ArrayArgument, testInputs: ArrayArgument,
    testTargets: ArrayArgument)

  /// The known forms, for help texts and messages.
  public static let forms =
    "digits, idx:DIR, cifar10:DIR, csv:FILE:TARGET, npy:X,Y, sine:TASK or synthetic:NAME"

  /// Takes a specification apart; nothing is opened.
  ///
  /// - Throws: `FileError` that lists the known forms.
  public init(parsing text: String) throws {
    let failure = FileError(
      path: text, problem: "is no data set", advice: "give \(Self.forms)")
    let kind = text.prefix { $0 != ":" }
    let rest = String(text.dropFirst(kind.count + 1))
    switch kind {
    case "digits" where text == "digits":
      self = .digits
    case "idx" where !rest.isEmpty:
      self = .idx(folder: rest)
    case "cifar10" where !rest.isEmpty:
      self = .cifar10(folder: rest)
    case "csv":
      guard let colon = rest.lastIndex(of: ":"), colon > rest.startIndex,
        rest.index(after: colon) < rest.endIndex
      else { throw failure }
      self = .csv(
        file: String(rest[..<colon]), target: String(rest[rest.index(after: colon)...]))
    case "npy":
      let arrays = try rest.split(separator: ",", omittingEmptySubsequences: false)
        .map { try ArrayArgument(parsing: String($0)) }
      switch arrays.count {
      case 2:
        self = .npy(inputs: arrays[0], targets: arrays[1])
      case 4:
        self = .npyWithTest(
          inputs: arrays[0], targets: arrays[1], testInputs: arrays[2], testTargets: arrays[3])
      default: throw failure
      }
    case "sine" where !rest.isEmpty:
      self = .synthetic(try SyntheticData(parsing: "sine:task=" + rest))
    case "synthetic" where !rest.isEmpty:
      self = .synthetic(try SyntheticData(parsing: rest))
    default:
      throw failure
    }
  }

  public var description: String {
    switch self {
    case .digits: "digits"
    case .idx(let folder): "idx:\(folder)"
    case .cifar10(let folder): "cifar10:\(folder)"
    case .csv(let file, let target): "csv:\(file):\(target)"
    case .npy(let inputs, let targets): "npy:\(inputs),\(targets)"
    case .npyWithTest(let inputs, let targets, let testInputs, let testTargets):
      "npy:\(inputs),\(targets),\(testInputs),\(testTargets)"
    case .synthetic(let data): data.description
    }
  }

  /// The normalisation that images of this data set get under these options.
  public func normalization(_ options: DataSetOptions) -> ImageNormalization? {
    if case .cifar10 = self { return options.normalization(own: .cifar10) }
    return options.normalization(own: nil)
  }

  /// Loads the data set.
  ///
  /// - Throws: `FileError` with the file, the place in it and what to do.
  public func load(_ options: DataSetOptions = DataSetOptions()) throws -> DataSet {
    switch self {
    case .digits:
      return try Digits.load(options)
    case .idx(let folder):
      return try IDXFolder.load(folder, options)
    case .cifar10(let folder):
      return try CIFAR10Folder.load(folder, options)
    case .csv(let file, let target):
      return try CSVFile.load(file, target: target, name: description, options)
    case .npy(let inputs, let targets):
      return try ArrayFiles.load(
        train: (inputs, targets), test: nil, name: description, options)
    case .npyWithTest(let inputs, let targets, let testInputs, let testTargets):
      return try ArrayFiles.load(
        train: (inputs, targets), test: (testInputs, testTargets), name: description, options)
    case .synthetic(let data):
      return try data.load(options)
    }
  }
}
