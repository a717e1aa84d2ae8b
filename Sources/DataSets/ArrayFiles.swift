/// Data sets made of arrays: inputs [n, features] or [n, channels, height, width], and targets.
///
/// Integers [n] or [n, 1] are class labels; rows with exactly one 1 and zeros elsewhere (two
/// columns or more) are classes too; floating-point numbers [n] or [n, outputs] are values.
enum ArrayFiles {
  /// Far above any real number of classes; a target matrix has this many columns.
  static let mostClasses = 100_000

  static func load(
    train: (inputs: ArrayArgument, targets: ArrayArgument),
    test: (inputs: ArrayArgument, targets: ArrayArgument)?, name: String,
    _ options: DataSetOptions
  ) throws -> DataSet {
    let inputs = try readInputs(train.inputs)
    var targets = try readTargets(train.targets, inputs, options.targetKind)
    var testExamples: Examples?
    if let test {
      let testInputs = try readInputs(test.inputs)
      guard inputs.shape.dropFirst().elementsEqual(testInputs.shape.dropFirst()) else {
        throw FileError(
          path: test.inputs.description,
          problem: "has the shape \(testInputs.shape), the training inputs \(inputs.shape)",
          advice: "give inputs of one shape")
      }
      var testTargets = try readTargets(test.targets, testInputs, options.targetKind)
      try match(&targets, &testTargets, test.targets)
      testExamples = examples(testInputs, testTargets)
    }
    let source = DataSet.Source(
      name: name, inputShape: Array(inputs.shape.dropFirst()),
      examples: examples(inputs, targets), test: testExamples, standardizesByDefault: true)
    return try DataSet(source, options: options)
  }

  private static func examples(_ inputs: Inputs, _ targets: Targets) -> Examples {
    Examples(
      storage: .numbers(inputs.values), inputSize: inputs.shape.dropFirst().reduce(1, *),
      divisor: 1, targets: targets)
  }

  private struct Inputs {
    var shape: [Int]
    var values: [Double]
  }

  private static func readInputs(_ argument: ArrayArgument) throws -> Inputs {
    let array = try argument.read()
    guard array.shape.count >= 2, array.count > 0 else {
      throw FileError(
        path: argument.description, field: "shape", problem: "\(array.shape) are no inputs",
        advice: "give [examples, features] or [examples, channels, height, width]")
    }
    return Inputs(shape: array.shape, values: try finite(array, argument))
  }

  private static func finite(_ array: NumericArray, _ argument: ArrayArgument) throws -> [Double] {
    let values = array.doubles()
    if !array.elementType.isIntegral, let bad = values.firstIndex(where: { !$0.isFinite }) {
      let width = array.shape.dropFirst().reduce(1, *)
      throw FileError(
        path: argument.description, field: "row \(bad / width), column \(bad % width)",
        problem: "\(values[bad]) is not a finite number",
        advice: "remove the row or fill in a value")
    }
    return values
  }

  private static func readTargets(
    _ argument: ArrayArgument, _ inputs: Inputs, _ kind: TargetKind
  ) throws -> Targets {
    let array = try argument.read()
    guard [1, 2].contains(array.shape.count), array.shape[0] == inputs.shape[0], array.count > 0
    else {
      throw FileError(
        path: argument.description, field: "shape",
        problem: "\(array.shape) are no targets for \(inputs.shape[0]) examples",
        advice: "give [examples] or [examples, outputs]")
    }
    let values = try finite(array, argument)
    let outputs = array.shape.count == 2 ? array.shape[1] : 1
    if kind == .values { return .values(values, outputs: outputs) }
    if outputs >= 2, let labels = oneHotLabels(values, outputs) {
      return .classes(labels: labels, count: outputs)
    }
    if kind == .automatic && !array.elementType.isIntegral {
      return .values(values, outputs: outputs)
    }
    guard outputs == 1 else {
      throw FileError(
        path: argument.description, problem: "integers \(array.shape) are not one-hot",
        advice: "give labels [examples], one-hot rows, or floating-point values")
    }
    return try labels(array, argument)
  }

  private static func oneHotLabels(_ values: [Double], _ outputs: Int) -> [Int32]? {
    guard outputs <= mostClasses else { return nil }
    var labels: [Int32] = []
    for start in stride(from: 0, to: values.count, by: outputs) {
      var label: Int32?
      for column in 0..<outputs where values[start + column] != 0 {
        guard values[start + column] == 1, label == nil else { return nil }
        label = Int32(column)
      }
      guard let label else { return nil }
      labels.append(label)
    }
    return labels
  }

  private static func labels(_ array: NumericArray, _ argument: ArrayArgument) throws -> Targets {
    let integers = try array.integers(name: argument.description)
    if let bad = integers.firstIndex(where: { $0 < 0 || $0 >= mostClasses }) {
      throw FileError(
        path: argument.description, field: "row \(bad)",
        problem: "the label \(integers[bad]) is not between 0 and \(mostClasses - 1)",
        advice: "number the classes from 0, or give floating-point values for regression")
    }
    return .classes(labels: integers.map { Int32($0) }, count: (integers.max() ?? 0) + 1)
  }

  /// Gives both parts the same number of classes, or finds out that they do not belong together.
  private static func match(
    _ train: inout Targets, _ test: inout Targets, _ argument: ArrayArgument
  ) throws {
    switch (train, test) {
    case (.classes(let labels, let count), .classes(let testLabels, let testCount)):
      train = .classes(labels: labels, count: max(count, testCount))
      test = .classes(labels: testLabels, count: max(count, testCount))
    case (.values(_, let outputs), .values(_, let testOutputs)) where outputs == testOutputs:
      break
    default:
      throw FileError(
        path: argument.description, problem: "the test targets are not like the training targets",
        advice: "give both as labels, or both as values with the same number of columns")
    }
  }
}
