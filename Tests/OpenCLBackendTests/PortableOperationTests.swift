import Compute
import OpenCLBackend
import Testing

/// Each operation on the device against its definition in Double.
@Suite struct PortableOperationTests {
  let backend: OpenCLBackend
  let reference = ReferenceBackend()

  init() throws { backend = try makeBackend() }

  /// Makes the same matrices on both sides, runs `operation` on them and compares the results:
  /// `operation` returns what to run and where its output is.
  private func compare(
    _ what: String, _ operation: (any Backend) throws -> (Operation, Matrix)
  ) throws {
    let (onDevice, result) = try operation(backend)
    try backend.run(onDevice)
    let (defined, expected) = try operation(reference)
    reference.run(defined)
    try expectWithinBound(result, on: backend, expected, of: reference, what)
  }

  static let counts = [1, 2, 63, 127, 128, 129, 1009]
  static let types: [ScalarType] = [.float32, .float64]

  @Test(arguments: counts, types)
  func fillsAndCombinations(_ count: Int, _ type: ScalarType) throws {
    try compare("fill") {
      let x = try $0.matrix(1, count, type)
      return (.fill(Fill(x, value: 0.1)), x)
    }
    try compare("linear combination") {
      let x = try $0.matrix(1, count, type, sample(count, seed: 1, bits: type.sampleBits))
      let y = try $0.matrix(1, count, type, sample(count, seed: 2, bits: type.sampleBits))
      let output = try $0.matrix(1, count, type)
      return (.linearCombination(LinearCombination(output, 0.375, x, -1.625, y)), output)
    }
    try compare("scaled copy") {
      let x = try $0.matrix(1, count, type, sample(count, seed: 1, bits: type.sampleBits))
      let output = try $0.matrix(1, count, type)
      return (.linearCombination(LinearCombination(output, 0.375, x)), output)
    }
  }

  @Test(arguments: [1, 63, 64, 65, 1000, 65_535, 65_536, 65_537, 200_003], types)
  func reductions(_ count: Int, _ type: ScalarType) throws {
    for kind in [Reduction.Kind.sum, .sumOfSquares] {
      try compare("\(kind)") {
        let x = try $0.matrix(1, count, type, sample(count, seed: 3, bits: type.sampleBits))
        let result = try $0.matrix(1, 1, type)
        return (.reduction(Reduction(kind, of: x, into: result)), result)
      }
    }
  }

  @Test(arguments: [(1, 1), (7, 3), (2051, 17), (5, 130)], types)
  func columnSums(_ shape: (Int, Int), _ type: ScalarType) throws {
    let (rows, columns) = shape
    try compare("column sums") {
      let values = sample(2 * rows * columns, seed: 4, bits: type.sampleBits)
      let x = try $0.matrix(2 * rows, columns, type, values)
      let sums = try $0.matrix(2, columns, type)
      return (
        .columnSums(
          ColumnSums(
            of: x.rows(0..<rows), into: sums.rows(0..<1), alpha: 0.75, batch: 2,
            strideX: rows * columns, strideSums: columns)), sums
      )
    }
  }

  @Test(arguments: [(1, 1), (5, 3), (300, 17), (9, 200)])
  func gather(_ shape: (Int, Int)) throws {
    let (rows, columns) = shape
    try compare("gather") {
      let wide = try $0.matrix(11, columns + 4, .float32, sample(11 * (columns + 4), seed: 5))
      let x = Matrix(wide.buffer, offset: 2, rows: 11, columns: columns, stride: columns + 4)
      let indices = try $0.matrix(rows, 1, .int32, (0..<rows).map { Double($0 * 7 % 11) })
      let output = try $0.matrix(rows, columns, .float32)
      return (.gather(Gather(output, from: x, rows: indices)), output)
    }
  }

  /// Numbers are drawn and scaled in float32 in every type.
  @Test(arguments: [1, 3, 4, 5, 4099], types)
  func randomFills(_ count: Int, _ type: ScalarType) throws {
    let seed: UInt64 = 0x1234_5678_9abc_def0
    let factor = Float(0.7)
    func drawn(_ distribution: RandomFill.Distribution) throws -> [Double] {
      let output = try backend.matrix(1, count, type)
      try backend.run(
        .randomFill(
          RandomFill(
            output, distribution, factor: 0.7, seed: seed, purpose: .test, tensor: 3)))
      return try backend.download(output)
    }
    let words = (0..<((count + 3) / 4)).flatMap {
      Philox.words(seed: seed, purpose: .test, tensor: 3, block: UInt64($0))
    }
    func uniform(_ word: UInt32) -> Float { Float(Double(word >> 9) * 0x1p-23 + 0x1p-24) }
    let uniforms = words.prefix(count).map { Double(factor * uniform($0)) }
    #expect(try drawn(.uniform) == uniforms)
    let signs = words.prefix(count).map { Double($0 >> 31 == 1 ? -factor : factor) }
    #expect(try drawn(.signs) == signs)
    for (index, value) in try drawn(.normal).enumerated() {
      // √(−2 log u)·(cos, sin)(2πv) of words (0, 1) and (2, 3) of four.
      let u = Bounded(Double(uniform(words[index & ~1])))
      let v = Bounded(Double(uniform(words[index | 1])))
      let radius = (Bounded(-2) * u.logarithm).squareRoot
      let angle = Bounded(2 * Double.pi, error: 2 * Double.pi) * v
      let expected =
        Bounded(Double(factor)) * (radius * (index % 2 == 1 ? angle.sine : angle.cosine))
      #expect(abs(value - expected.value) <= expected.error * 0x1p-24 * 1.001, "element \(index)")
    }
  }

  @Test func guardsStayUntouched() throws {
    let buffer = try backend.allocate(40, .float32)
    let all = Matrix(buffer, rows: 1, columns: 40)
    try backend.run(.fill(Fill(all, value: 5)))
    try backend.run(.fill(Fill(Matrix(buffer, offset: 9, rows: 1, columns: 13), value: 2)))
    let expected = (0..<40).map { (9..<22).contains($0) ? 2.0 : 5.0 }
    #expect(try backend.download(all) == expected)
  }

  /// More rows than one launch may have groups.
  @Test func longGridsAreSplit() throws {
    let rows = 8 * 65_535 + 3
    let x = try backend.matrix(5, 1, .float32, [1, 2, 3, 4, 5])
    let indices = try backend.matrix(rows, 1, .int32)
    try backend.upload((0..<rows).map { Int32($0 % 5) }, to: indices)
    let output = try backend.matrix(rows, 1, .float32)
    try backend.run(.gather(Gather(output, from: x, rows: indices)))
    let expected = (0..<rows).map { Float($0 % 5 + 1) }
    #expect(try backend.elements(of: output, as: Float.self) == expected)
    #expect(backend.statistics.launches["gather"] == 2)
  }

  @Test func emptyOperationsDoNothing() throws {
    let x = try backend.matrix(0, 5, .float32)
    try backend.run(.fill(Fill(x, value: 1)))
    #expect(backend.statistics.launches.isEmpty)
    #expect(try backend.download(x).isEmpty)
  }
}
