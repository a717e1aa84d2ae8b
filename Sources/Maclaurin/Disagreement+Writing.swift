import Compute
import DataSets
import Networks
import Scheduling
import Training

extension Disagreement {
  /// Writes a reproducer: disagreement.json says what was computed, disagreement.safetensors holds
  /// what the small operation's matrices held, NAME.before, NAME.computed and NAME.expected.
  ///
  /// - Throws: `FileError`.
  public func write(to folder: String) throws {
    try SafetensorsFile.write(
      operands.flatMap { operand in
        try [
          ("before", operand.before), ("computed", operand.computed),
          ("expected", operand.expected),
        ]
        .compactMap { label, bytes in
          try bytes.map { ("\(operand.name).\(label)", try operand.array($0)) }
        }
      }, metadata: ["format": "maclaurin disagreement", "operation": operation],
      to: "\(folder)/disagreement.safetensors")
    try AtomicFile.write("\(folder)/disagreement.json", json.line + "\n")
  }

  /// Everything but the operands' elements.
  public var json: JSONValue {
    func object(_ pairs: [(name: String, value: String)]) -> JSONValue {
      .object(Dictionary(pairs.map { ($0.name, .string($0.value)) }) { first, _ in first })
    }
    /// A number, or the name of what is none.
    func real(_ value: Double) -> JSONValue {
      value.isFinite ? .number(value) : .string(value.isNaN ? "nan" : value > 0 ? "inf" : "-inf")
    }
    func bits(_ word: UInt64) -> JSONValue { .string("0x" + String(word, radix: 16)) }
    return .object([
      "operation": .string(operation), "number": .number(Double(number)),
      "seed": .string(String(seed)), "device": .string(device), "judge": .string(judge),
      "level": .string("\(level)"), "numerics": .string(numerics.rawValue),
      "parameters": object(parameters), "recomputed": object(smallParameters),
      "worst": .object([
        "operand": .string(worst.operand), "row": .number(Double(worst.row)),
        "column": .number(Double(worst.column)), "computed": real(worst.computed),
        "expected": real(worst.expected), "computed_bits": bits(worst.computedBits),
        "expected_bits": bits(worst.expectedBits), "bound": real(worst.bound),
      ]),
      "compared": .number(Double(comparedCount)), "wrong": .number(Double(wrongCount)),
    ])
  }
}

extension Disagreement.Operand {
  /// As many elements as there are bytes; in the operand's shape if these are all.
  fileprivate func array(_ bytes: [UInt8]) throws -> NumericArray {
    let element: ElementType =
      switch type {
      case .float32: .float32
      case .float64: .float64
      case .int32: .int32
      }
    let count = bytes.count / type.byteCount
    return try NumericArray(
      shape: count == rows * columns ? [rows, columns] : [count], elementType: element,
      bytes: bytes)
  }
}
