import Compute
import Jets
import TestSupport
import Testing

/// Dropout: which elements, how many, and by which factor.
@BackendActor @Suite struct DropoutTests {
  /// Ones through dropout, as whether they were kept.
  private func mask(
    _ rows: Int, _ columns: Int, _ probability: Double, seed: UInt64 = 5, layer: Int = 0,
    step: Int = 0, on backend: any Backend
  ) throws -> [Bool] {
    let x = try backend.matrix(
      rows, columns, .float32, [Double](repeating: 1, count: rows * columns))
    try JetAlgebra(backend, order: 0).dropout(
      JetAlgebra(backend, order: 0).constant(x, directions: 1), probability: probability,
      seed: seed, layer: layer, step: step)
    return try backend.download(x).map { $0 != 0 }
  }

  /// Element e takes word e mod 4 of block step·2³² + ⌊e/4⌋; kept ones are divided by 1 − p.
  @Test(arguments: BackendUnderTest.allCases, [ScalarType.float32, .float64])
  func elementsTakeTheirWords(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    let (rows, columns, step, layer) = (3, 7, 1 << 20 + 3, 9)
    let values = sample(rows * columns, seed: 1)
    for probability in [0.25, 0.7] {
      let x = try backend.matrix(rows, columns, type, values)
      let jet = JetAlgebra(backend, order: 0).constant(x, directions: 1)
      try JetAlgebra(backend, order: 0).dropout(
        jet, probability: probability, seed: 77, layer: layer, step: step)
      let result = try backend.download(x)
      for e in values.indices {
        let words = Philox.words(
          seed: 77, purpose: .dropout, tensor: layer,
          block: UInt64(step) * 4_294_967_296 + UInt64(e / 4))
        let share = Double(words[e % 4]) / 4_294_967_296
        let expected = share < probability ? 0 : values[e] / (1 - probability)
        // The factor and the product are rounded.
        #expect(abs(result[e] - expected) <= 2.001 * type.unitRoundoff * abs(expected))
        #expect((result[e] == 0) == (share < probability))
      }
    }
  }

  /// p = 0 changes no bit, zeros of both signs, infinities and subnormal numbers included.
  @Test(arguments: BackendUnderTest.canonical)
  func nothingIsDroppedAtZero(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let values = [0, -0.0, .infinity, -.infinity, .nan, 0x1p-149] + sample(1001, seed: 2)
    let x = try backend.matrix(1, values.count, .float32, values)
    let before = bits(try backend.download(x))
    try backend.run(.dropout(Dropout(x, probability: 0, seed: 1, layer: 2, step: 3)))
    #expect(bits(try backend.download(x)) == before)
  }

  /// What is dropped is +0, whatever it was.
  @Test(arguments: BackendUnderTest.canonical)
  func droppedElementsAreZero(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let kept = try mask(1, 400, 0.5, on: backend)
    let values = (0..<400).map { [-1, .nan, .infinity, -0.0][$0 % 4] }
    let x = try backend.matrix(1, 400, .float32, values)
    try backend.run(.dropout(Dropout(x, probability: 0.5, seed: 5, layer: 0, step: 0)))
    let result = try backend.download(x)
    #expect(bits(zip(result, kept).filter { !$1 }.map(\.0)).allSatisfy { $0 == 0 })
  }

  /// A cotangent meets the mask of its jet, on every backend, whatever the shape.
  @Test func theMaskIsTheSameEverywhere() throws {
    let masks = try BackendUnderTest.onEach { backend in
      let forward = try mask(31, 67, 0.3, step: 4, on: backend)
      let ones = [Double](repeating: 1, count: 31 * 67)
      let matrix = try backend.matrix(31, 67, .float32, ones)
      let cotangent = Jet(matrix, block: 31, degree: 1, capacity: 1, hasZero: false)
      try JetAlgebra(backend, order: 0).dropout(
        cotangent, probability: 0.3, seed: 5, layer: 0, step: 4)
      #expect(try backend.download(matrix).map { $0 != 0 } == forward)
      return forward
    }
    for other in masks.dropFirst() {
      #expect(other.result == masks[0].result, "\(other.backend)")
    }
    // Rows follow one another: another shape has the same mask.
    #expect(try mask(67, 31, 0.3, step: 4, on: ReferenceBackend()) == masks[0].result)
  }

  /// Counts of n independent draws lie within five standard deviations, √(nq(1−q)), of nq. One
  /// count is outside with probability 5.7·10⁻⁷, one of these 45 with less than 3·10⁻⁵; the draws
  /// are the same in every run.
  @Test func ratesAndIndependence() throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let n = 1 << 18
    func check(_ count: Int, of n: Int, _ q: Double, _ what: String) {
      let deviation = (Double(count) - Double(n) * q) / (Double(n) * q * (1 - q)).squareRoot()
      #expect(abs(deviation) < 5, "\(what): \(deviation) standard deviations")
    }
    for p in [0.01, 0.3, 0.5] {
      let dropped = try mask(n / 64, 64, p, on: backend).map { !$0 }
      check(dropped.count { $0 }, of: n, p, "rate \(p)")
      // Each of a block's four words.
      for word in 0..<4 {
        let count = stride(from: word, to: n, by: 4).count { dropped[$0] }
        check(count, of: n / 4, p, "word \(word) at \(p)")
      }
      // Neighbours in a block, in the next one, in the next row: disjoint pairs.
      for lag in [1, 2, 3, 4, 64] {
        let pairs = (0..<n).filter { $0 / lag % 2 == 0 && $0 + lag < n }
        let count = pairs.count { dropped[$0] && dropped[$0 + lag] }
        check(count, of: pairs.count, p * p, "lag \(lag) at \(p)")
      }
      // Another step, layer, seed.
      let others = try [
        mask(n / 64, 64, p, step: 1, on: backend), mask(n / 64, 64, p, layer: 1, on: backend),
        mask(n / 64, 64, p, seed: 6, on: backend), mask(n / 64, 64, p, step: 2, on: backend),
        mask(n / 64, 64, p, layer: 7, step: 1, on: backend),
      ]
      for (index, other) in others.enumerated() {
        let count = zip(dropped, other).count { $0 && !$1 }
        check(count, of: n, p * p, "mask \(index) at \(p)")
      }
    }
  }
}
