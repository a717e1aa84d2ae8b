import Glibc
import Testing

@testable import Scheduling

@Suite struct ProfileSketchTests {
  private func sketch(_ x: [Int], _ y: [Int] = [1]) -> ProfileSketch {
    ProfileSketch(x, y) { _, _, _ in [] }
  }

  @Test func theFirstRoundSpansTheRange() {
    let four = sketch([1, 2, 4, 8])
    #expect(four.times.indices.filter(four.isCoarse) == [0, 2, 3])
    let plane = sketch([1, 2, 4], [1, 2, 4])
    #expect(plane.times.indices.filter(plane.isCoarse) == [0, 2, 6, 8])
  }

  @Test func whatLiesBetweenIsInterpolated() {
    var curve = sketch([1, 4, 16, 64, 256])
    curve.set(0, seconds: 1)
    curve.set(4, seconds: 16)
    #expect(curve.table().values == [0, 1, 2, 3, 4])
    curve.set(2, seconds: 1)
    #expect(curve.table().values == [0, 0, 0, 2, 4])
  }

  @Test func whatLiesBeyondIsProportional() {
    var curve = sketch([1, 4, 16, 64])
    curve.set(0, seconds: 1)
    curve.set(1, seconds: 2)
    #expect(curve.table().values == [0, 1, 3, 5])
    var plane = sketch([1, 4], [1, 2])
    plane.set(0, seconds: 1)
    #expect(plane.table().values == [0, 1, 2, 3])
  }

  @Test func theLongestTimeFollowsFromSmallerSizes() {
    var plane = sketch([1, 4, 8], [1, 2])
    #expect(plane.longest(0) == 0)
    #expect(plane.longest(2) == .infinity)
    plane.set(0, seconds: 1)
    #expect(plane.longest(1) == 2)
    #expect(plane.longest(2) == 4)
    // Its neighbour is unknown; the one before that counts.
    #expect(plane.longest(4) == 8)
    // One axis knows nothing.
    #expect(plane.longest(3) == .infinity)
    plane.set(1, seconds: 8)
    plane.set(2, seconds: 2)
    #expect(plane.longest(3) == 32)
  }
}
