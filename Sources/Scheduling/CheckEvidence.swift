import Compute

/// A small operation with what its matrices held on the device before and after.
struct CheckEvidence {
  /// The whole operation's number, and itself without memory.
  var number: Int
  var operation: Operation
  /// Without memory.
  var restriction: Restriction
  /// By operand: elements before the operation, for what it reads.
  var before: [[UInt8]?]
  /// After it, for what it writes.
  var after: [[UInt8]?]

  /// A seeded sample of this evidence, of an operation that is there whole; nil where the
  /// operation cannot be sampled.
  func sampled(by sampler: inout Sampler) -> CheckEvidence? {
    guard let part = operation.restricted(by: &sampler) else { return nil }
    return self.part(part)
  }

  /// The evidence for a part of an operation that is there whole.
  ///
  /// - Parameter part: a restriction of `operation`.
  func part(_ part: Restriction) -> CheckEvidence {
    // Both list the operands in the order of `visitOperands`; a part may lack the last ones.
    var whole: [Matrix] = []
    var copy = operation
    copy.visitOperands { matrix, _ in whole.append(matrix) }
    precondition(
      whole.count >= part.operands.count,
      "a restriction of another operation than \(operation.name)")

    func gather(_ memory: [[UInt8]?], _ index: Int) -> [UInt8]? {
      let operand = part.operands[index]
      if let constant = operand.constant { return constant }
      guard let bytes = memory[index] else { return nil }
      return operand.patches.flatMap { patch -> [UInt8] in
        let first = (patch.matrix.offset - whole[index].offset) * patch.matrix.type.byteCount
        // Row numbers are another operand.
        let rows = whole.firstIndex { $0.buffer === patch.indirection?.rows.buffer }
        return bytes[first...].withUnsafeBytes { own in
          guard let rows, let numbers = before[rows] else { return patch.gather(from: own) }
          return numbers.withUnsafeBytes { patch.gather(from: own, rows: $0) }
        }
      }
    }
    let operands = part.operands
    return CheckEvidence(
      number: number, operation: operation, restriction: part,
      before: operands.indices.map { operands[$0].kind == .write ? nil : gather(before, $0) },
      after: operands.indices.map { operands[$0].kind == .read ? nil : gather(after, $0) })
  }
}
