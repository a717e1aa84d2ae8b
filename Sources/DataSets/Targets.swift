/// What is to be predicted, one entry or row per example.
public enum Targets: Hashable, Sendable {
  /// Class ids from 0 to `count` − 1.
  case classes(labels: [Int32], count: Int)
  /// Row-major values, `outputs` per example.
  case values([Double], outputs: Int)

  /// The columns of the target matrix: classes or values per example.
  public var outputs: Int {
    switch self {
    case .classes(_, let count): count
    case .values(_, let outputs): outputs
    }
  }

  /// The number of examples.
  public var count: Int {
    switch self {
    case .classes(let labels, _): labels.count
    case .values(let values, let outputs): outputs == 0 ? 0 : values.count / outputs
    }
  }

  /// The target matrix [count, outputs], row-major: one-hot rows for classes.
  public func doubles() -> [Double] {
    switch self {
    case .values(let values, _): return values
    case .classes(let labels, let count):
      var rows = [Double](repeating: 0, count: labels.count * count)
      for (row, label) in labels.enumerated() { rows[row * count + Int(label)] = 1 }
      return rows
    }
  }

  /// The target matrix in float32, each value rounded once.
  public func floats() -> [Float] { doubles().map { Float($0) } }

  func selecting(_ rows: [Int]) -> Targets {
    switch self {
    case .classes(let labels, let count):
      return .classes(labels: rows.map { labels[$0] }, count: count)
    case .values(let values, let outputs):
      var result: [Double] = []
      result.reserveCapacity(rows.count * outputs)
      for row in rows { result += values[row * outputs..<(row + 1) * outputs] }
      return .values(result, outputs: outputs)
    }
  }

  /// The values standardised by their columns; classes as they are.
  func applying(_ standardization: Standardization) -> Targets {
    guard case .values(let values, let outputs) = self else { return self }
    return .values(
      values.indices.map { standardization.apply(values[$0], column: $0 % outputs) },
      outputs: outputs)
  }
}
