import Compute
import GaussianProcesses
import Glibc
import TestSupport
import Testing

@Suite("Probabilities of classes")
struct ClassProbabilitiesTests {
  private func sigmoid(_ z: Double) -> Double { 1 / (1 + exp(-z)) }

  /// ∫ g(μ + σz) φ(z) dz by the trapezoid rule, which is exact to rounding for such functions.
  private func expectation(_ g: (Double) -> Double) -> Double {
    let step = 1e-3
    return (-10_000...10_000).reduce(0) {
      let z = Double($1) * step
      return $0 + step * g(z) * exp(-z * z / 2) / (2 * Double.pi).squareRoot()
    }
  }

  /// For two classes only the difference of logits counts, which is normal in one dimension.
  @Test(arguments: [
    ([0.3, -0.4], [1.0, 0.2, 0.2, 0.5]), ([2, -1], [4, -1, -1, 3]), ([-3, 3], [9, 2, 2, 16]),
    ([0, 1], [0, 0, 0, 0]),
  ])
  func twoClasses(mean: [Double], block: [Double]) {
    let logits = GaussianOutputs(outputs: 2, mean: mean, .blocks, block)
    let (difference, variance) = (mean[1] - mean[0], block[0] + block[3] - 2 * block[1])
    let exact = expectation { sigmoid(difference + variance.squareRoot() * $0) }
    let square = expectation {
      let p = sigmoid(difference + variance.squareRoot() * $0)
      return p * p
    }
    let count = 20_000
    let sampled = ClassProbabilities.samples(logits, samples: count, seed: 1)
    let error = (max(0, square - exact * exact) / Double(count)).squareRoot()
    #expect(abs(sampled[1] - exact) <= 4 * error + 1e-6)
    #expect(abs(sampled[0] + sampled[1] - 1) < 1e-12)
    // Each logit is scaled by its own variance.
    let scaled = (0..<2).map { mean[$0] / (1 + Double.pi / 8 * block[3 * $0]).squareRoot() }
    #expect(abs(ClassProbabilities.probit(logits)[1] - sigmoid(scaled[1] - scaled[0])) < 1e-14)
    #expect(abs(ClassProbabilities.map(logits)[1] - sigmoid(difference)) < 1e-14)
  }

  /// MacKay's approximation is good where it was made for: one logit against a fixed one.
  @Test func probitIsNear() {
    for (mean, variance) in [(0.5, 0.5), (1.0, 2.0), (-2.0, 4.0)] {
      let logits = GaussianOutputs(outputs: 2, mean: [0, mean], .variances, [0, variance])
      let exact = expectation { sigmoid(mean + variance.squareRoot() * $0) }
      #expect(abs(ClassProbabilities.probit(logits)[1] - exact) < 0.02)
    }
  }

  /// Blocks of rank one, exactly and up to rounding: f = μ + vz.
  @Test(arguments: [0, 1e-17, -1e-17])
  func semidefiniteBlocks(noise: Double) {
    let (mean, v) = ([0.5, -0.2, 0.1], [1.5, -0.7, 0.3])
    var block = (0..<9).map { v[$0 / 3] * v[$0 % 3] }
    for index in [0, 4, 8] { block[index] += noise }
    let logits = GaussianOutputs(outputs: 3, mean: mean, .blocks, block)
    let sampled = ClassProbabilities.samples(logits, samples: 40_000, seed: 2)
    for c in 0..<3 {
      let exact = expectation { z in
        let powers = (0..<3).map { exp(mean[$0] + v[$0] * z) }
        return powers[c] / powers.reduce(0, +)
      }
      // The standard deviation of a probability is at most ½.
      #expect(abs(sampled[c] - exact) < 4 * 0.5 / 200)
    }
    #expect(abs(sampled.reduce(0, +) - 1) < 1e-12)
  }

  /// Large, zero and negative numbers never give NaN, and an example has the same probabilities alone.
  @Test func extremes() {
    let mean = [1e300, -1e300, 0, 800, -800, 0, 1, 2, 3]
    let blocks = [
      1e12, 0, 0, 0, 1, 0, 0, 0, 0, 1e-300, 0, 0, 0, -1e-18, 0, 0, 0, 1e8, 2, 1, 1, 1, 2, 1, 1, 1,
      2,
    ]
    let logits = GaussianOutputs(outputs: 3, mean: mean, .blocks, blocks)
    for method in ClassProbabilities.allCases {
      let all = method(logits, samples: 101, seed: 3)
      for example in 0..<3 {
        let row = all[(3 * example)..<(3 * example + 3)]
        #expect(row.allSatisfy { (0...1).contains($0) } && abs(row.reduce(0, +) - 1) < 1e-12)
      }
      let alone = GaussianOutputs(
        outputs: 3, mean: Array(mean.suffix(3)), .blocks, Array(blocks.suffix(9)))
      #expect(method(alone, samples: 101, seed: 3) == Array(all.suffix(3)))
    }
    #expect(
      ClassProbabilities.samples(logits, seed: 3) != ClassProbabilities.samples(logits, seed: 4))
  }

  @Test func ofTheWholeCovariance() {
    let whole = (0..<16).map { $0 % 5 == 0 ? 2.0 : 0.5 }
    let blocks = [2, 0.5, 0.5, 2, 2, 0.5, 0.5, 2]
    let mean = [1.0, 0, 0.5, 0.7]
    for method in ClassProbabilities.allCases {
      #expect(
        method(GaussianOutputs(outputs: 2, mean: mean, .full, whole))
          == method(GaussianOutputs(outputs: 2, mean: mean, .blocks, blocks)))
    }
  }

  /// The host's normal numbers are those that every device draws.
  @Test func normalNumbers() async throws {
    let host = Philox.normals(103, seed: 9, purpose: .outputSamples, tensor: 4)
    for (backend, drawn) in try await BackendUnderTest.onEach({ backend in
      let matrix = try backend.matrix(1, 103, .float32)
      try backend.run(
        .randomFill(
          RandomFill(matrix, .normal, seed: 9, purpose: .outputSamples, tensor: 4)))
      return try backend.download(matrix)
    }) {
      #expect(bits(drawn) == bits(host), "\(backend)")
    }
  }

  @Test func meanOfSamples() {
    let samples = [0.0, 0, 1, 2, 3, 1, -1, 0]
    let result = ClassProbabilities.mean(ofSamples: samples, count: 2, outputs: 2)
    #expect(abs(result[0] - (0.5 + sigmoid(2)) / 2) < 1e-15)
    #expect(abs(result[3] - (sigmoid(1) + sigmoid(1)) / 2) < 1e-15)
  }
}
