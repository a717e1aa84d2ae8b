import Compute

extension CheckedBackend {
  /// Runs an operation, waits for it, and computes all of it again.
  func runWhole(_ operation: Operation) throws {
    let evidence = try evidence(of: operation, number: number)
    guard evidence.restriction.outputCount > 0 else { return }
    func check() throws {
      let asksOracle = asksOracle()
      // Bounded work: the definition and the plain loops only see samples of large operations.
      let isSmall = operation.cost.flops + operation.cost.bytes <= Self.oracleLimit
      try judge.examine(evidence, asksOracle: asksOracle && isSmall)
      var sampler = Sampler(seed: seed, operation: number)
      if !isSmall, let part = evidence.sampled(by: &sampler) {
        try judge.examine(part, asksOracle: asksOracle)
      }
    }
    guard let timeline else { return try check() }
    try timeline.measure(name, "check of \(operation.name)", .check, check)
  }

  private static let oracleLimit = 1e5

  /// Runs an operation between two downloads of everything that it touches.
  private func evidence(of operation: Operation, number: Int) throws -> CheckEvidence {
    let whole = operation.wholeRestriction
    func bytes(_ isWanted: (Access.Kind) -> Bool) throws -> [[UInt8]?] {
      try whole.operands.map { operand in
        isWanted(operand.kind) ? try memory(of: operand.patches[0]) : nil
      }
    }
    let before = try bytes { $0 != .write }
    try wrapped.run(operation)
    let after = try bytes { $0 != .read }
    return CheckEvidence(
      number: number, operation: operation.withoutMemory, restriction: whole.withoutMemory,
      before: before, after: after)
  }

  /// A run of elements.
  func memory(of patch: Patch) throws -> [UInt8] {
    try wrapped.bytes(
      of: Matrix(
        patch.matrix.buffer, offset: patch.matrix.offset, rows: 1, columns: patch.inner.count))
  }
}
