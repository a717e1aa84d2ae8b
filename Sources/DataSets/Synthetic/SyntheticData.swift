/// A made-up data set: `synthetic:NAME` or `synthetic:NAME:KEY=VALUE,…`.
///
/// Everything follows from the keys: example i of the training or test set is drawn from a stream
/// of its own, so that a larger set begins with a smaller one, and every machine makes the same
/// bits. Keys of all tasks: `n` training and `test` test examples, `seed`, `noise`, and but for
/// images and sines `dimension`. Noise is on training targets only, so that the test set shows the function
/// itself: the standard deviation of a normal number added to values, or the share of classes that
/// are flipped; for images that of the pixels, in both sets.
public struct SyntheticData: Hashable, Sendable, CustomStringConvertible {
  public enum Task: String, Hashable, Sendable, CaseIterable {
    case image, teacher, parity, staircase, power, sine
    case singleIndex = "single_index"
    case multiIndex = "multi_index"
  }

  public let task: Task
  /// The keys as they were given, in order.
  let given: String
  let keys: SyntheticKeys

  /// Reads what stands behind `synthetic:`.
  ///
  /// - Throws: `FileError` for an unknown name, key or value.
  public init(parsing text: String) throws {
    let name = text.prefix { $0 != ":" }
    guard let task = Task(rawValue: String(name)) else {
      throw FileError(
        path: "synthetic:\(FileError.clean(text))", problem: "is no synthetic task",
        advice: "give synthetic:"
          + "\(Task.allCases.map(\.rawValue).joined(separator: "|"))[:KEY=VALUE,…]")
    }
    self.task = task
    given = String(text.dropFirst(name.count + 1))
    keys = try SyntheticKeys(given, task)
  }

  public var description: String {
    "synthetic:\(task.rawValue)" + (given.isEmpty ? "" : ":\(given)")
  }

  /// Makes the data set.
  ///
  /// - Throws: `FileError` when the keys contradict one another.
  public func load(_ options: DataSetOptions = DataSetOptions()) throws -> DataSet {
    let maker: any SyntheticMaker =
      switch task {
      case .image: try SyntheticImages(keys)
      case .teacher: try TeacherTask(keys)
      case .parity: try ParityTask(keys)
      case .staircase: try StaircaseTask(keys)
      case .singleIndex, .multiIndex: try IndexTask(keys)
      case .power: try PowerTask(keys)
      case .sine: SineTask(keys)
      }
    let (n, test) = (keys.integer("n"), keys.integer("test"))
    let size = maker.inputShape.reduce(1, *)
    try keys.checkMemory("n", n + test, size)
    let source = DataSet.Source(
      name: description, inputShape: maker.inputShape,
      examples: maker.examples(n, .trainExample), test: maker.examples(test, .testExample),
      groupSize: maker.inputShape.count == 3 ? maker.inputShape[1] * maker.inputShape[2] : 1,
      standardizesByDefault: false)
    return try DataSet(source, options: options)
  }
}

/// What makes the examples of one task.
protocol SyntheticMaker {
  /// [dimension] or [channels, height, width].
  var inputShape: [Int] { get }
  /// Examples 0 ..< count of the stream for training or for testing.
  func examples(_ count: Int, _ part: RandomStream.Purpose) -> Examples
}
