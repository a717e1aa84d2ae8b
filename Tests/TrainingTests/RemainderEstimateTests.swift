import TestSupport
import Testing

@testable import Training

@Suite struct RemainderEstimateTests {
  private func estimate(_ norms: [Double]) -> Double {
    RemainderEstimate.relativeError(norms: norms, movement: 1)
  }

  /// c·qⁱ in parallel: the remainder behind k is c·q^{k+1}/(1 − q) exactly.
  @Test(arguments: 1...7, [0.05, 0.5, 0.9])
  func geometricSeries(_ order: Int, _ ratio: Double) {
    var (norms, power) = ([Double](), 3.0)
    for _ in 0...order {
      power *= ratio
      norms.append(power)
    }
    let expected = power / (1 - ratio)
    #expect(abs(estimate(norms) - expected) <= 1e-13 * expected)
    #expect(
      abs(RemainderEstimate.relativeError(norms: norms, movement: 4) - expected / 4)
        <= 1e-13 * expected)
  }

  /// Coefficients of one parity alone: the true remainder of Σ q^i over odd or even i is its first
  /// missing term over 1 − q²; the estimate is an upper one, and no more than (1 + q)/q² of it.
  @Test(arguments: 3...7, [0, 1])
  func oneParity(_ order: Int, _ parity: Int) {
    for ratio in [0.2, 0.6] { expectOneParity(order, parity, ratio) }
  }

  private func expectOneParity(_ order: Int, _ parity: Int, _ ratio: Double) {
    func term(_ index: Int) -> Double {
      (0..<index).reduce(1.0) { product, _ in product * ratio } * (index % 2 == parity ? 1 : 0)
    }
    let found = estimate((1...(order + 1)).map(term))
    let first = order + 1 + ((order + 1) % 2 == parity ? 0 : 1)
    let truth = term(first) / (1 - ratio * ratio)
    #expect(found >= truth * (1 - 1e-13), "\(found) for \(truth)")
    #expect(found <= truth * (1 + ratio) / (ratio * ratio) * (1 + 1e-13), "\(found) for \(truth)")
  }

  @Test func endsAndUnknowns() {
    // A series that has ended.
    #expect(estimate([1, 0.5, 0, 0]) == 0)
    // One that does not converge, or of which nothing is known.
    #expect(estimate([1, 1]) == .infinity && estimate([1, 0.1, 2]) == .infinity)
    #expect(estimate([1, 0]) == .infinity && estimate([0, 1, 0]) == .infinity)
    #expect(estimate([0, 0]) == 0)
    #expect(estimate([1, .nan, 0.1]) == .infinity && estimate([.infinity, 1]) == .infinity)
    // Nothing has moved.
    #expect(RemainderEstimate.relativeError(norms: [0, 0, 0], movement: 0) == 0)
    #expect(RemainderEstimate.relativeError(norms: [1, 0.5], movement: .nan) == .infinity)
  }
}
