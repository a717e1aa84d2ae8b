import Compute
import Kernels
import TestSupport
import Testing

/// Philox4x32-10 and what is drawn from it.
@BackendActor @Suite struct RandomNumberTests {
  struct KnownAnswer: Sendable {
    /// The counter's four words, the key's two, the four words that come out.
    var counter: [UInt32]
    var key: [UInt32]
    var words: [UInt32]
  }

  /// From the known-answer file of the Random123 library.
  nonisolated static let answers = [
    KnownAnswer(
      counter: [0, 0, 0, 0], key: [0, 0],
      words: [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
    KnownAnswer(
      counter: [.max, .max, .max, .max], key: [.max, .max],
      words: [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
    KnownAnswer(
      counter: [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
      key: [0xa409_3822, 0x299f_31d0],
      words: [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
  ]

  /// The counter's words are the block's low and high word, the tensor and the purpose.
  @Test(arguments: answers)
  func knownAnswers(_ answer: KnownAnswer) {
    func long(_ low: UInt32, _ high: UInt32) -> UInt { UInt(high) << 32 | UInt(low) }
    var words = [UInt32](repeating: 0, count: 4)
    maclaurin_philox(
      long(answer.key[0], answer.key[1]), answer.counter[3], answer.counter[2],
      long(answer.counter[0], answer.counter[1]), &words)
    #expect(words == answer.words)
  }

  private func fill(
    _ count: Int, _ distribution: RandomFill.Distribution, seed: UInt64 = 7, tensor: Int = 0,
    on backend: any Backend
  ) throws -> [Double] {
    let output = try backend.matrix(1, count, .float32)
    try backend.run(
      .randomFill(
        RandomFill(output, distribution, seed: seed, purpose: .test, tensor: tensor)))
    return try backend.download(output)
  }

  /// Moments of n independent draws lie within five standard errors: √(1/n) for the mean,
  /// √(2/n), √(15/n), √(96/n) for the second to fourth of a normal distribution.
  @Test func normalMoments() throws {
    let n = 200_000
    let x = try fill(n, .normal, on: BackendUnderTest.openblas2.backend())
    func moment(_ power: Int) -> Double {
      x.reduce(0) { sum, x in sum + (0..<power).reduce(1.0) { product, _ in product * x } }
        / Double(n)
    }
    let expected: [(power: Int, value: Double, variance: Double)] = [
      (1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96),
    ]
    for (power, value, variance) in expected {
      let limit = 5 * (variance / Double(n)).squareRoot()
      #expect(abs(moment(power) - value) < limit, "moment \(power)")
    }
    // Neighbours, which share a radius, are uncorrelated.
    let products = stride(from: 0, to: n, by: 2).reduce(0.0) { $0 + x[$1] * x[$1 + 1] }
    #expect(abs(products / Double(n / 2)) < 5 * (2 / Double(n)).squareRoot())
    // The share beyond 2, which is 0.0455 ± 0.0005.
    let tail = Double(x.count { abs($0) > 2 }) / Double(n)
    #expect(abs(tail - 0.0455) < 5 * (0.0455 / Double(n)).squareRoot())
  }

  @Test func uniformNumbersAndSigns() throws {
    let n = 100_000
    let backend = try BackendUnderTest.openblas2.backend()
    let uniform = try fill(n, .uniform, on: backend)
    #expect(uniform.allSatisfy { $0 > 0 && $0 < 1 })
    #expect(abs(uniform.reduce(0, +) / Double(n) - 0.5) < 5 * (1 / 12.0 / Double(n)).squareRoot())
    let signs = try fill(n, .signs, on: backend)
    #expect(Set(signs) == [-1, 1])
    #expect(abs(signs.reduce(0, +) / Double(n)) < 5 * (1 / Double(n)).squareRoot())
  }

  @Test func everyBackendDrawsTheSameBits() throws {
    for distribution in [RandomFill.Distribution.normal, .uniform, .signs] {
      let results = try BackendUnderTest.onEach { try fill(4099, distribution, on: $0) }
      for other in results.dropFirst() {
        #expect(bits(other.result) == bits(results[0].result), "\(other.backend) \(distribution)")
      }
    }
  }

  @Test func streamsDiffer() throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let x = try fill(64, .uniform, on: backend)
    #expect(try fill(64, .uniform, on: backend) == x)
    #expect(try fill(64, .uniform, seed: 8, on: backend) != x)
    #expect(try fill(64, .uniform, tensor: 1, on: backend) != x)
    // An element does not depend on how many are drawn.
    #expect(try fill(11, .uniform, on: backend) == Array(x[..<11]))
  }

  @Test(arguments: [0, 1, 2, 10, 1437])
  func permutations(_ count: Int) {
    let order = Philox.permutation(of: count, seed: 3, epoch: 5)
    #expect(order.sorted() == Array(0..<Int32(count)))
    #expect(Philox.permutation(of: count, seed: 3, epoch: 5) == order)
    guard count >= 10 else { return }
    #expect(Philox.permutation(of: count, seed: 3, epoch: 6) != order)
    #expect(Philox.permutation(of: count, seed: 4, epoch: 5) != order)
  }

  /// Each of the 6 orders of three things comes up about as often: χ² with 5 degrees of freedom
  /// exceeds 25.7 with probability 10⁻⁴.
  @Test func permutationsAreUniform() {
    var counts: [[Int32]: Int] = [:]
    for epoch in 0..<6000 {
      counts[Philox.permutation(of: 3, seed: 1, epoch: epoch), default: 0] += 1
    }
    #expect(counts.count == 6)
    let statistic = counts.values.reduce(0.0) { $0 + Double(($1 - 1000) * ($1 - 1000)) / 1000 }
    #expect(statistic < 25.7)
  }
}
