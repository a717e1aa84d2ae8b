import Compute
import Testing

@testable import Verification

/// The comparison finds a single wrong element, bit, guard or NaN, and nothing else.
@Suite struct ComparisonTests {
  /// One buffer of two guards, three outputs and a guard.
  private let comparison = Comparison(
    types: [.float32], initial: [[7, 7, 0, 0, 0, 7]],
    mask: [[false, false, true, true, true, false]])

  private func words(_ values: [Float], guards: [UInt64] = [7, 7, 7]) -> [[UInt64]] {
    [[guards[0], guards[1]] + values.map { UInt64($0.bitPattern) } + [guards[2]]]
  }

  private let good: [Float] = [1, -0.5, 3]
  private var definition: [[Bounded]] {
    let outside = Bounded(99)
    return [
      [outside, outside, Bounded(1, error: 1), Bounded(-0.5), Bounded(3, error: 3), outside]
    ]
  }

  @Test func equalWordsPass() {
    #expect(comparison.overwritten(words(good)) == nil)
    #expect(comparison.difference(words(good), from: words(good), "there") == nil)
    #expect(comparison.distance(words(good), from: definition).worst == 0)
    #expect(comparison.distance(words(good), from: definition, exactly: true).problem == nil)
  }

  @Test(arguments: 0..<3)
  func oneWrongBitIsFound(_ index: Int) {
    var wrong = good
    wrong[index] = wrong[index].nextUp
    let problem = comparison.difference(words(wrong), from: words(good), "there")
    #expect(problem?.hasPrefix("element \(index + 2) of buffer 0 is ") == true)
    #expect(comparison.distance(words(wrong), from: definition, exactly: true).problem != nil)
  }

  @Test func zerosOfBothSignsDiffer() {
    #expect(comparison.difference(words([0, 0, 0]), from: words([0, -0.0, 0]), "there") != nil)
  }

  @Test func everyNaNIsTheSame() {
    let other = Float(bitPattern: 0xFFC0_1234)
    let problem = comparison.difference(words([.nan, 1, 2]), from: words([other, 1, 2]), "there")
    #expect(problem == nil)
    #expect(comparison.difference(words([1, 1, 2]), from: words([.nan, 1, 2]), "there") != nil)
    #expect(comparison.difference(words([.infinity, 1, 2]), from: words([.nan, 1, 2]), "") != nil)
  }

  @Test(arguments: 0..<3)
  func overwrittenGuardsAreFound(_ index: Int) {
    var guards: [UInt64] = [7, 7, 7]
    guards[index] = 8
    let place = [0, 1, 5][index]
    let problem = comparison.overwritten(words(good, guards: guards))
    #expect(problem?.hasPrefix("wrote element \(place) of buffer 0") == true)
    // They are no outputs, so the other comparisons leave them alone.
    #expect(comparison.difference(words(good, guards: guards), from: words(good), "") == nil)
  }

  /// 1 ± u and 3 ± 3u are allowed, −½ only what underflow may cost.
  @Test func boundsAreKeptAndExceeded() {
    func distance(_ values: [Float]) -> Comparison.Distance {
      comparison.distance(words(values), from: definition)
    }
    // One unit below 1 is u = 2⁻²⁴, one above 2u.
    #expect(distance([(1 as Float).nextDown, -0.5, 3]).problem == nil)
    #expect(abs(distance([(1 as Float).nextDown, -0.5, 3]).worst - 1) < 0x1p-9)
    #expect(distance([(1 as Float).nextUp, -0.5, 3]).problem?.hasPrefix("element 2 ") == true)
    // A unit at 3 is 4u.
    #expect(distance([1, -0.5, (3 as Float).nextUp]).problem?.hasPrefix("element 4 ") == true)
    #expect(distance([1, (-0.5 as Float).nextUp, 3]).problem?.hasPrefix("element 3 ") == true)
    #expect(distance([1, .nan, 3]).worst == .infinity)
    #expect(distance([1, .infinity, 3]).problem != nil)
  }

  @Test func doublingAllowsTwice() {
    let wrong = words([(1 as Float).nextUp, -0.5, 3])
    #expect(comparison.distance(wrong, from: definition, isDoubled: true).problem == nil)
    let further = words([(1 as Float).nextUp.nextUp, -0.5, 3])
    #expect(comparison.distance(further, from: definition, isDoubled: true).problem != nil)
  }

  @Test func underflowIsAllowedInUnitsOfTheSmallestNumber() {
    let definition: [[Bounded]] = [
      [Bounded(0), Bounded(0), Bounded(0, underflow: 3), Bounded(0), Bounded(0), Bounded(0)]
    ]
    let tiny = Float.leastNonzeroMagnitude
    func problem(_ values: [Float], _ numerics: Numerics = .reproducible) -> String? {
      comparison.distance(words(values), from: definition, numerics: numerics).problem
    }
    #expect(problem([4 * tiny, tiny, 0]) == nil)
    #expect(problem([5 * tiny, 0, 0]) != nil)
    #expect(problem([0, 2 * tiny, 0]) != nil)
    #expect(problem([0, 2 * tiny, 0], .fast) == nil)
  }

  /// A bound that is no number allows nothing.
  @Test func undefinedBoundsFail() {
    var definition = definition
    definition[0][2].error = .nan
    let close = words([(1 as Float).nextDown, -0.5, 3])
    #expect(comparison.distance(close, from: definition).problem != nil)
  }
}
