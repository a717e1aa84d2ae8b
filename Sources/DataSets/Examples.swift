/// A part of a data set: inputs, row-major [count, inputSize], and their targets.
///
/// Pixels are kept as bytes and converted when they are asked for. A value is
/// (stored / divisor − mean) / deviation in Double, rounded once for `floats`; without
/// standardisation the second step is left out.
public struct Examples: Sendable {
  enum Storage: Sendable {
    case bytes([UInt8])
    case numbers([Double])
  }

  /// The number of examples.
  public let count: Int
  /// The numbers in one input.
  public let inputSize: Int
  public internal(set) var targets: Targets
  let storage: Storage
  let divisor: Double
  var standardization: Standardization?
  /// What is done to images on the way into the network; nothing of it is in the values here.
  public internal(set) var images: ImagePreparation?
  /// What is subtracted from the one-hot rows of classes.
  var targetOffset = 0.0

  /// Examples from values at hand, row-major [targets.count, inputSize], taken as they are.
  ///
  /// - Precondition: there are targets.count · inputSize values.
  public init(_ values: [Double], inputSize: Int, targets: Targets) {
    precondition(
      values.count == targets.count * inputSize,
      "\(values.count) values for \(targets.count) inputs of \(inputSize)")
    self.init(storage: .numbers(values), inputSize: inputSize, divisor: 1, targets: targets)
  }

  init(storage: Storage, inputSize: Int, divisor: Double, targets: Targets) {
    self.count = targets.count
    self.inputSize = inputSize
    self.targets = targets
    self.storage = storage
    self.divisor = divisor
  }

  /// All inputs, [count, inputSize].
  public func doubles() -> [Double] { doubles(rows: 0..<count) }

  /// All inputs in float32, [count, inputSize].
  public func floats() -> [Float] { floats(rows: 0..<count) }

  /// The target matrix that losses see, [count, outputs]: values, or one-hot rows, centred where
  /// that was asked for.
  public func targetDoubles() -> [Double] {
    targetOffset == 0 ? targets.doubles() : targets.doubles().map { $0 - targetOffset }
  }

  /// `targetDoubles` in float32, each value rounded once.
  public func targetFloats() -> [Float] { targetDoubles().map { Float($0) } }

  /// The inputs of some examples, [rows.count, inputSize].
  ///
  /// - Precondition: the rows lie within `0..<count`.
  public func doubles(rows: Range<Int>) -> [Double] { convert(rows) { $0 } }

  /// The inputs of some examples in float32, [rows.count, inputSize].
  ///
  /// - Precondition: the rows lie within `0..<count`.
  public func floats(rows: Range<Int>) -> [Float] { convert(rows) { Float($0) } }

  /// The stored value divided by the divisor, not standardised.
  @inline(__always)
  func rawValue(_ row: Int, _ column: Int) -> Double {
    let index = row * inputSize + column
    return switch storage {
    case .bytes(let bytes): Double(bytes[index]) / divisor
    case .numbers(let numbers): numbers[index] / divisor
    }
  }

  @inline(__always)
  private func convert<Value>(_ rows: Range<Int>, _ round: (Double) -> Value) -> [Value] {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= count, "rows \(rows) of \(count)")
    let total = rows.count * inputSize
    return [Value](unsafeUninitializedCapacity: total) { buffer, initialized in
      var index = 0
      for row in rows {
        for column in 0..<inputSize {
          var value = rawValue(row, column)
          if let standardization { value = standardization.apply(value, column: column) }
          buffer.initializeElement(at: index, to: round(value))
          index += 1
        }
      }
      initialized = total
    }
  }

  func selecting(_ rows: [Int]) -> Examples {
    // Ascending and without repetition, so as many as there are means all of them.
    if rows.count == count { return self }
    let storage: Storage =
      switch self.storage {
      case .bytes(let bytes): .bytes(Self.gather(bytes, rows, inputSize))
      case .numbers(let numbers): .numbers(Self.gather(numbers, rows, inputSize))
      }
    return Examples(
      storage: storage, inputSize: inputSize, divisor: divisor, targets: targets.selecting(rows))
  }

  private static func gather<Value>(_ values: [Value], _ rows: [Int], _ width: Int) -> [Value] {
    var result: [Value] = []
    result.reserveCapacity(rows.count * width)
    for row in rows { result += values[row * width..<(row + 1) * width] }
    return result
  }
}
