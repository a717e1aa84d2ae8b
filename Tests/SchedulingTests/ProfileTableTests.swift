import Glibc
import Scheduling
import Testing

@Suite struct ProfileTableTests {
  private static let knots = [3.0, 5, 7, 9, 11]

  /// A table of `body` at all combinations of the knots.
  private func table(_ body: (Double, Double, Double) -> Double) -> ProfileTable {
    let knots = Self.knots
    let values = knots.flatMap { x in knots.flatMap { y in knots.map { body(x, y, $0) } } }
    return ProfileTable(x: knots, y: knots, z: knots, values: values)
  }

  /// Half a cell beyond the last knot the power law still holds.
  @Test func aPowerLawIsReproduced() {
    let table = table { -20 + 0.5 * $0 + 0.25 * $1 + $2 }
    for x in stride(from: 3, through: 12, by: 0.37) {
      for y in stride(from: 3, through: 12, by: 0.41) {
        for z in stride(from: 3, through: 12, by: 0.43) {
          let exact = exp2(-20 + 0.5 * x + 0.25 * y + z)
          #expect(abs(table.seconds(x, y, z) / exact - 1) < 1e-12)
        }
      }
    }
  }

  @Test func knotsAreExact() {
    // No two values are related.
    let table = table { sin(12.9898 * $0 + 78.233 * $1 + 37.719 * $2) }
    for x in Self.knots {
      for y in Self.knots {
        for z in Self.knots {
          let exact = exp2(sin(12.9898 * x + 78.233 * y + 37.719 * z))
          #expect(abs(table.seconds(x, y, z) / exact - 1) < 1e-12)
        }
      }
    }
  }

  @Test func smallWorkTakesAsLongAsTheSmallestMeasured() {
    let table = table { $0 + $1 + $2 }
    #expect(table.seconds(0, 1, 2) == table.seconds(3, 3, 3))
    #expect(table.seconds(0, 7, 7) == table.seconds(3, 7, 7))
    #expect(table.seconds(-.infinity, 3, 3) == table.seconds(3, 3, 3))
  }

  /// Whatever the last cell's slope: twice the extent, twice the time.
  @Test func farBeyondTimeIsProportional() {
    for slope in [0.0, 0.5, 1, 1.5] {
      let table = table { x, _, _ in slope * x }
      let first = table.seconds(12, 5, 5)
      #expect(abs(first / exp2(slope * 12) - 1) < 1e-12)
      #expect(abs(table.seconds(13, 5, 5) / first - 2) < 1e-12)
      #expect(abs(table.seconds(20, 5, 5) / first - 256) < 1e-9)
    }
  }

  @Test func moreWorkNeverTakesLess() {
    // Grows along every axis, by steps of any size.
    let table = table { floor(1.3 * $0) + max(4, $1) + exp2(0.2 * $2) }
    var last = 0.0
    for step in 0..<500 {
      let at = 0.03 * Double(step)
      for point in [(at, 6.2, 8.4), (6.2, at, 8.4), (6.2, 8.4, at)] where step > 0 {
        let before = (
          point.0 == at ? at - 0.03 : point.0, point.1 == at ? at - 0.03 : point.1,
          point.2 == at ? at - 0.03 : point.2
        )
        let here = table.seconds(point.0, point.1, point.2)
        #expect(here >= table.seconds(before.0, before.1, before.2) * (1 - 1e-12))
      }
      let diagonal = table.seconds(at, at, at)
      #expect(diagonal >= last * (1 - 1e-12))
      last = diagonal
    }
  }

  @Test func oneAndTwoAxesWork() {
    let curve = ProfileTable(x: [8, 14, 20], values: [-20, -18, -12])
    #expect(abs(curve.seconds(11) - exp2(-19.0)) < 1e-12)
    #expect(curve.seconds(17, 5) == curve.seconds(17))
    let plane = ProfileTable(x: [0, 1], y: [0, 2], values: [0, 4, 1, 7])
    #expect(abs(plane.seconds(0.5, 1) - exp2(3.0)) < 1e-12)
  }
}
