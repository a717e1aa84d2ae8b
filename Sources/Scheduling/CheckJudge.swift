import Compute

/// Computes small operations again and compares.
struct CheckJudge {
  let backend: any Backend
  let device: String
  let numerics: Numerics
  let level: CheckLevel
  let seed: UInt64
  private(set) var statistics = CheckStatistics()
  /// Number of the operation that was examined last.
  private var lastExamined = 0

  /// Outputs of one operand, to be compared.
  private struct Output {
    var index: Int
    var operand: Restriction.Operand
    var computed: [UInt8]
  }

  init(
    _ backend: any Backend, device: String, numerics: Numerics, level: CheckLevel, seed: UInt64
  ) {
    self.backend = backend
    self.device = device
    self.numerics = numerics
    self.level = level
    self.seed = seed
  }

  /// Throws a `Disagreement` unless the device's results are right: where bits are promised, those
  /// of the CPU path and, for contractions, of `PlainContraction`; elsewhere, and where
  /// `asksOracle`, within the definition's bound.
  mutating func examine(_ evidence: CheckEvidence, asksOracle: Bool) throws {
    let outputs = evidence.restriction.operands.enumerated().compactMap { index, operand in
      evidence.after[index].map { Output(index: index, operand: operand, computed: $0) }
    }
    let count = outputs.reduce(0) { $0 + $1.operand.sampled }
    guard count > 0 else { return }
    // A large operation is looked at whole and, by the slower judges, in part.
    if evidence.number != lastExamined { statistics.checkedOperations += 1 }
    lastExamined = evidence.number
    statistics.comparedElements += count
    let promisesBits = numerics == .reproducible && !evidence.operation.hasPlatformFunctions
    if promisesBits {
      let name = "the CPU path (\(backend.name))"
      try compare(outputs, with: try again(evidence), evidence, name)
      if let expected = plainly(evidence) {
        try compare(outputs, with: expected, evidence, "the canonical order, in plain Swift")
      }
    }
    if asksOracle || !promisesBits {
      statistics.oracleChecks += 1
      try compareWithDefinition(outputs, evidence)
    }
  }

  // MARK: Computing again

  /// The written operands' elements by index.
  private func again(_ evidence: CheckEvidence) throws -> [Int: [UInt8]] {
    let matrices = try matrices(evidence, on: backend)
    try backend.run(evidence.restriction.make(matrices))
    var results: [Int: [UInt8]] = [:]
    for (index, operand) in evidence.restriction.operands.enumerated() where operand.kind != .read {
      results[index] = try backend.bytes(of: Self.flat(matrices[index], operand.sampled))
    }
    return results
  }

  private func matrices(
    _ evidence: CheckEvidence, on backend: any Backend
  ) throws -> [Matrix] {
    try evidence.restriction.operands.enumerated().map { index, operand in
      let matrix = try backend.matrix(operand.rows, operand.columns, operand.type)
      if let bytes = evidence.before[index], !bytes.isEmpty {
        let target = Self.flat(matrix, bytes.count / operand.type.byteCount)
        try bytes.withUnsafeBytes { try backend.upload($0, to: target) }
      }
      return matrix
    }
  }

  private static func flat(_ matrix: Matrix, _ count: Int) -> Matrix {
    Matrix(matrix.buffer, rows: 1, columns: count)
  }

  /// The same for contractions by `PlainContraction`.
  private func plainly(_ evidence: CheckEvidence) -> [Int: [UInt8]]? {
    let operands = evidence.restriction.operands
    let matrices = operands.map { operand in
      Matrix(
        Buffer(count: max(1, operand.count), type: operand.type), rows: operand.rows,
        columns: operand.columns)
    }
    let (fills, products): ([Fill], [Contraction])
    switch evidence.restriction.make(matrices) {
    case .contraction(let contraction): (fills, products) = ([], [contraction])
    case .jetContraction(let product) where !product.plan.isInterpolated:
      (fills, products) = (product.fills, product.contractions)
    default: return nil
    }
    let width = products.map(\.n).min() ?? 0
    let share = PlainContraction.Share(first: evidence.number, step: max(1, min(4, width)))
    // Larger ones would take longer than the device.
    guard products.reduce(0.0, { $0 + $1.cost.flops }) <= Self.plainLimit else { return nil }
    func run<Real: BinaryFloatingPoint>(_: Real.Type) -> [Int: [UInt8]] {
      func elements(_ bytes: [UInt8]?, of matrix: Matrix) -> [Real] {
        var elements = [Real](repeating: 0, count: matrix.buffer.count)
        if let bytes { elements.withUnsafeMutableBytes { $0.copyBytes(from: bytes) } }
        return elements
      }
      var memory: PlainContraction.Memory<Real> = [:]
      for (index, matrix) in matrices.enumerated() {
        memory[ObjectIdentifier(matrix.buffer)] = elements(evidence.before[index], of: matrix)
      }
      for fill in fills {
        for row in 0..<fill.output.rows {
          let first = fill.output.offset + row * fill.output.stride
          for at in first..<(first + fill.output.columns) {
            memory[ObjectIdentifier(fill.output.buffer)]![at] = Real(fill.value)
          }
        }
      }
      for product in products { PlainContraction.run(product, &memory, share) }
      // The output is the last operand.
      let computed = elements(evidence.after.last!, of: matrices.last!)
      for product in products {
        PlainContraction.complete(product, &memory, share, from: computed)
      }
      var results: [Int: [UInt8]] = [:]
      for (index, operand) in operands.enumerated() where operand.kind != .read {
        let elements = memory[ObjectIdentifier(matrices[index].buffer)]!
        results[index] = elements.prefix(operand.sampled).withUnsafeBytes { Array($0) }
      }
      return results
    }
    return withExtendedLifetime(matrices) {
      operands[0].type == .float64 ? run(Double.self) : run(Float.self)
    }
  }

  private static let plainLimit = 4e6

  // MARK: Comparing

  private func compare(
    _ outputs: [Output], with expected: [Int: [UInt8]], _ evidence: CheckEvidence, _ judge: String
  ) throws {
    var worst = Worst()
    for output in outputs {
      let type = output.operand.type
      let other = expected[output.index]!
      if output.computed == other { continue }
      for element in 0..<output.operand.sampled {
        let (is_, wanted) = (type.word(output.computed, element), type.word(other, element))
        guard type.canonical(is_) != type.canonical(wanted) else { continue }
        let (value, right) = (type.value(of: is_), type.value(of: wanted))
        let distance = abs(value - right)
        worst.add(
          output.index, element, distance.isNaN ? .infinity : distance, computed: is_,
          expected: right, bound: 0)
      }
    }
    guard worst.count > 0 else { return }
    throw disagreement(worst, outputs, evidence, judge, expected)
  }

  private func compareWithDefinition(_ outputs: [Output], _ evidence: CheckEvidence) throws {
    let reference = ReferenceBackend()
    let matrices = try matrices(evidence, on: reference)
    reference.run(evidence.restriction.make(matrices))
    var worst = Worst()
    for output in outputs {
      let type = output.operand.type
      let allowance = Allowance(
        type, isDoubled: type == .float64 && !evidence.operation.boundsTwoResults,
        numerics: numerics)
      let defined = reference.bounded(
        Self.flat(matrices[output.index], output.operand.sampled))
      for (element, bounded) in defined.enumerated() {
        let word = type.word(output.computed, element)
        let computed = type.value(of: word)
        guard
          allowance.judges(bounded, type, isRigorous: evidence.operation.boundsTwoResults)
        else { continue }
        let allowed = allowance.allowed(bounded)
        let share = Allowance.share(computed, bounded.value, allowed)
        guard !(share <= 1) else { continue }
        worst.add(
          output.index, element, share, computed: word, expected: bounded.value, bound: allowed)
      }
    }
    guard worst.count > 0 else { return }
    throw disagreement(worst, outputs, evidence, "its definition in Double", [:])
  }

  /// The wrong element that is furthest off, and how many there are.
  private struct Worst {
    var count = 0
    var operand = 0
    var element = 0
    var distance = -1.0
    var computed: UInt64 = 0
    var expected = 0.0
    var bound = 0.0

    mutating func add(
      _ operand: Int, _ element: Int, _ distance: Double, computed: UInt64, expected: Double,
      bound: Double
    ) {
      count += 1
      let distance = distance.isNaN ? .infinity : distance
      guard distance > self.distance else { return }
      (self.operand, self.element, self.distance) = (operand, element, distance)
      (self.computed, self.expected, self.bound) = (computed, expected, bound)
    }
  }

  private func disagreement(
    _ worst: Worst, _ outputs: [Output], _ evidence: CheckEvidence, _ judge: String,
    _ expected: [Int: [UInt8]]
  ) -> Disagreement {
    let operands = evidence.restriction.operands
    let outline = OperationOutline(evidence.operation)
    let small = OperationOutline(
      evidence.restriction.make(
        operands.map {
          Matrix(
            Buffer(count: max(1, $0.count), type: $0.type), rows: $0.rows, columns: $0.columns)
        }))
    let type = operands[worst.operand].type
    let place = evidence.place(of: worst.element, in: worst.operand)
    return Disagreement(
      operation: evidence.operation.name, parameters: outline.parameters,
      smallParameters: small.parameters, device: device, judge: judge, level: level,
      numerics: numerics, seed: seed, number: evidence.number,
      worst: Disagreement.Element(
        operand: outline.operands[worst.operand], row: place.row, column: place.column,
        computed: type.value(of: worst.computed), expected: worst.expected,
        computedBits: worst.computed, expectedBits: type.word(worst.expected),
        bound: worst.bound),
      comparedCount: outputs.reduce(0) { $0 + $1.operand.sampled }, wrongCount: worst.count,
      operands: operands.enumerated().map { index, operand in
        Disagreement.Operand(
          name: outline.operands[index], type: operand.type, rows: operand.rows,
          columns: operand.columns, before: evidence.before[index],
          computed: evidence.after[index], expected: expected[index])
      })
  }
}

extension CheckEvidence {
  /// Where element `index` of a small operation's matrix lies in the whole operation's.
  func place(of index: Int, in operand: Int) -> (row: Int, column: Int) {
    var whole: [Matrix] = []
    var copy = operation
    copy.visitOperands { matrix, _ in whole.append(matrix) }
    var rest = index
    for patch in restriction.operands[operand].patches {
      if rest < patch.count {
        let offset = patch.matrix.offset - whole[operand].offset + patch.offset(of: rest)
        let (row, column) = offset.quotientAndRemainder(dividingBy: max(1, whole[operand].stride))
        return (row, column)
      }
      rest -= patch.count
    }
    return (0, index)
  }
}

extension ScalarType {
  /// The word of element `index`.
  func word(_ bytes: [UInt8], _ index: Int) -> UInt64 {
    bytes.withUnsafeBytes { bytes in
      self == .float64
        ? bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
        : UInt64(bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
    }
  }
}
