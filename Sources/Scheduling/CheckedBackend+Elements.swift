import Compute

/// A sample that lies in an arena until it is computed again.
struct PendingSample {
  var number: Int
  /// Without memory, so that waiting for the check keeps nothing alive.
  var operation: Operation
  var restriction: Restriction
  /// By operand: where its elements lie, before and after.
  var before: [Range<Int>?]
  var after: [Range<Int>?]
}

extension CheckedBackend {
  /// Runs an operation and collects a sample of it.
  func runSampled(_ operation: Operation) throws {
    var sampler = Sampler(seed: seed, operation: number)
    guard let restriction = operation.restricted(by: &sampler) else {
      statisticsOfChecks.unchecked[operation.name, default: 0] += 1
      return try wrapped.run(operation)
    }
    let operands = restriction.operands
    try makeRoom(for: operands)
    let before = try collect(operands) { $0 != .write }
    try wrapped.run(operation)
    let after = try collect(operands) { $0 != .read }
    samples.append(
      PendingSample(
        number: number, operation: operation.withoutMemory,
        restriction: restriction.withoutMemory, before: before, after: after))
    if samples.count >= Self.pendingLimit { try resolve() }
  }

  /// Resolves what is pending if the arenas cannot take the operands twice.
  private func makeRoom(for operands: [Restriction.Operand]) throws {
    for (arena, size) in [(words, 4), (doubles, 8)] {
      let needed = operands.reduce(0) {
        $0 + ($1.type.byteCount == size ? $1.sampled * ($1.kind == .readWrite ? 2 : 1) : 0)
      }
      if !arena.hasRoom(for: needed) { try resolve() }
    }
  }

  /// Copies operands of the kinds that `isWanted` says to the arenas.
  private func collect(
    _ operands: [Restriction.Operand], _ isWanted: (Access.Kind) -> Bool
  ) throws -> [Range<Int>?] {
    var places = [Range<Int>?](repeating: nil, count: operands.count)
    for size in [4, 8] {
      let wanted = operands.indices.filter {
        isWanted(operands[$0].kind) && operands[$0].type.byteCount == size
          && operands[$0].constant == nil
      }
      let counts = wanted.map { operands[$0].sampled }
      let total = counts.reduce(0, +)
      guard !wanted.isEmpty else { continue }
      let all =
        size == 4 ? try words.take(total, on: wrapped) : try doubles.take(total, on: wrapped)
      var next = all.lowerBound
      for (index, count) in zip(wanted, counts) {
        places[index] = next..<(next + count)
        next += count
      }
      guard total > 0 else { continue }
      let target = size == 4 ? words.matrix(all) : doubles.matrix(all)
      try wrapped.run(
        .extraction(Extraction(target, wanted.flatMap { operands[$0].patches })))
    }
    return places
  }

  func resolve(_ sample: PendingSample, _ words: [UInt8], _ doubles: [UInt8]) throws {
    let operands = sample.restriction.operands
    func bytes(_ places: [Range<Int>?]) -> [[UInt8]?] {
      places.enumerated().map { index, place in
        if let constant = operands[index].constant { return constant }
        let size = operands[index].type.byteCount
        return place.map {
          Array((size == 4 ? words : doubles)[(size * $0.lowerBound)..<(size * $0.upperBound)])
        }
      }
    }
    var after = bytes(sample.after)
    for index in operands.indices where operands[index].kind == .read { after[index] = nil }
    try judge.examine(
      CheckEvidence(
        number: sample.number, operation: sample.operation, restriction: sample.restriction,
        before: bytes(sample.before), after: after),
      asksOracle: asksOracle())
  }
}
