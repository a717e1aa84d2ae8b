import Compute

/// A device computed something else than the CPU path, or than the definition allows.
public struct Disagreement: Error, Sendable, CustomStringConvertible {
  /// The element that is furthest off.
  public struct Element: Sendable {
    /// The matrix's name in the operation.
    public var operand: String
    /// Its place in the operation's matrix.
    public var row: Int
    public var column: Int
    public var computed: Double
    public var expected: Double
    public var computedBits: UInt64
    /// The bits of `expected` rounded to the matrix's type.
    public var expectedBits: UInt64
    /// How far the two may be apart: 0 where bits must be equal.
    public var bound: Double
  }

  /// What a matrix of the small operation held that was computed again.
  public struct Operand: Sendable {
    public var name: String
    public var type: ScalarType
    public var rows: Int
    public var columns: Int
    /// Before the operation; nil for what it only writes.
    public var before: [UInt8]?
    /// After it, on the device and where it was computed again; nil for what it only reads.
    public var computed: [UInt8]?
    public var expected: [UInt8]?
  }

  public var operation: String
  /// Shapes and parameters of the whole operation, by property.
  public var parameters: [(name: String, value: String)]
  /// The same of the small operation that `operands` belong to.
  public var smallParameters: [(name: String, value: String)]
  public var device: String
  /// What computed the expected values: "the CPU path (openblas)", "its definition".
  public var judge: String
  public var level: CheckLevel
  public var numerics: Numerics
  /// The seed of the checks, and the operation's number since they began.
  public var seed: UInt64
  public var number: Int
  public var worst: Element
  /// Elements that were compared, and that are wrong.
  public var comparedCount: Int
  public var wrongCount: Int
  public var operands: [Operand]

  public var description: String {
    let digits = worst.computedBits >> 32 == 0 && worst.expectedBits >> 32 == 0 ? 8 : 16
    func hex(_ bits: UInt64) -> String {
      let text = String(bits, radix: 16)
      return "0x" + String(repeating: "0", count: max(0, digits - text.count)) + text
    }
    let shapes = parameters.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    let allowed = worst.bound == 0 ? "" : " ± \(worst.bound)"
    return "\(device) computed \(operation) number \(number) wrongly (\(shapes)): element "
      + "(\(worst.row), \(worst.column)) of \(worst.operand) is \(worst.computed) "
      + "(\(hex(worst.computedBits))), but \(worst.expected)\(allowed) (\(hex(worst.expectedBits))) "
      + "by \(judge); \(wrongCount) of \(comparedCount) checked elements are wrong"
  }
}
