import Compute

/// Examples with classes that a process learns from.
public struct ClassObservations {
  /// [n, features]
  public let inputs: Matrix
  /// t, [n·O]: rows that sum to 1, a one for the class.
  public let targets: [Double]
  /// O
  public let classes: Int
  public var count: Int { inputs.rows }

  /// - Parameters:
  ///   - labels: [n], from 0 to `classes` − 1.
  ///   - smoothing: ε: t = (1 − ε)·one-hot + ε/O.
  /// - Throws: `GaussianProcessError` for a label outside the classes, and for fewer than two of them.
  public init(
    _ inputs: Matrix, labels: [Int], classes: Int, smoothing: Double = 0
  ) throws {
    precondition(labels.count == inputs.rows, "a label for each example")
    precondition((0..<1).contains(smoothing), "a share")
    try Self.check(classes)
    try Self.check(labels, classes: classes)
    var targets = [Double](repeating: smoothing / Double(classes), count: labels.count * classes)
    for (example, label) in labels.enumerated() {
      targets[example * classes + label] += 1 - smoothing
    }
    (self.inputs, self.targets, self.classes) = (inputs, targets, classes)
  }

  /// - Parameter targets: [n·O], probabilities of the classes, such as one-hot rows.
  /// - Throws: `GaussianProcessError` for a row with a negative entry or another sum than 1.
  public init(_ inputs: Matrix, targets: [Double], classes: Int) throws {
    try Self.check(classes)
    precondition(targets.count == inputs.rows * classes, "a row for each example")
    for example in 0..<inputs.rows {
      let row = targets[(example * classes)..<((example + 1) * classes)]
      let sum = row.reduce(0, +)
      guard abs(sum - 1) <= 1e-6, row.allSatisfy({ $0 >= 0 }) else {
        throw GaussianProcessError(
          "the target of example \(example) is no distribution over \(classes) classes; give "
            + "integer labels or one-hot rows")
      }
    }
    (self.inputs, self.targets, self.classes) = (inputs, targets, classes)
  }

  private static func check(_ classes: Int) throws {
    guard classes >= 2 else {
      throw GaussianProcessError(
        "a softmax needs two outputs or more, the network has \(classes); give a network with an "
          + "output for each class")
    }
  }

  /// - Throws: `GaussianProcessError` that names the first label outside 0 ..< classes.
  public static func check(_ labels: [Int], classes: Int) throws {
    for (example, label) in labels.enumerated() where !(0..<classes).contains(label) {
      throw GaussianProcessError(
        "the label \(label) of example \(example) is outside the classes 0 to \(classes - 1); give "
          + "labels below the number of the network's outputs")
    }
  }
}
