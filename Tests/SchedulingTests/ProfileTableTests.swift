import Glibc
import Testing

@testable import Scheduling

@Suite struct ProfileTableTests {
  private static let knots = [3.0, 5, 7, 9, 11]

  /// A table of `body` at all combinations of the knots.
  private func table(_ body: (Double, Double, Double) -> Double) -> ProfileTable {
    let knots = Self.knots
    let values = knots.flatMap { x in knots.flatMap { y in knots.map { body(x, y, $0) } } }
    return ProfileTable(x: knots, y: knots, z: knots, values: values)
  }

  @Test func whatIsProportionalToTheWorkIsReproduced() {
    let table = table { -40 + $0 + $1 + $2 }
    for x in stride(from: 3, through: 15, by: 0.37) {
      for y in stride(from: 3, through: 15, by: 0.41) {
        for z in stride(from: 3, through: 15, by: 0.43) {
          #expect(abs(table.seconds(x, y, z) / exp2(-40 + x + y + z) - 1) < 1e-12)
        }
      }
    }
  }

  /// How much too long launch + work is estimated in the middle of a cell whose knots are `cell`
  /// doublings apart on three axes, as a share of it.
  ///
  /// The constant is found but for a twentieth, so that 1 + u is interpolated, u being the work in
  /// twentieths of the launch. In the corners the work is 2^(−3c/2), 2^(−c/2) (three), 2^(c/2) (three)
  /// and 2^(3c/2) times that in the middle. The mean of the logarithms there exceeds log2(1 + u) by
  /// e(u), and the estimate is (1 + u)(2^e − 1) of 20 + u too long. The worst u is searched for.
  static func convexity(cell: Double) -> Double {
    stride(from: -4.0, through: 12, by: 0.01).map { exponent in
      let u = exp2(exponent)
      let corners: [(Double, Double)] = [(-1.5, 1), (-0.5, 3), (0.5, 3), (1.5, 1)]
      let mean = corners.reduce(0) { $0 + $1.1 * log2(1 + u * exp2(cell * $1.0)) } / 8
      return (exp2(mean) - (1 + u)) / (20 + u)
    }.max()!
  }

  @Test func startingPlusWorkIsReproduced() {
    let bound = Self.convexity(cell: 2)
    var worst = 0.0
    for work in stride(from: -40.0, through: -10, by: 0.8) {
      let table = table { log2(1 + exp2(work + $0 + $1 + $2)) }
      for x in stride(from: 3, through: 11, by: 0.5) {
        for (y, z) in [(x, x), (14 - x, x), (6.0, 8.0), (3, 10)] {
          let error = table.seconds(x, y, z) / (1 + exp2(work + x + y + z)) - 1
          worst = max(worst, error)
          #expect(error > -1e-9 && error < bound)
        }
      }
    }
    print("launch plus work: estimates are up to \(worst) too long; the bound is \(bound)")
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

  /// Whatever the last cell's slope: from 2¹² on twice the extent, twice the time but the constant.
  @Test func farBeyondTimeIsProportional() {
    for slope in [0.0, 0.5, 1, 1.5] {
      let table = table { x, _, _ in slope * x }
      let first = table.seconds(12, 5, 5) - table.start
      #expect(abs((table.seconds(13, 5, 5) - table.start) / first - 2) < 1e-12)
      #expect(abs((table.seconds(20, 5, 5) - table.start) / first - 256) < 1e-9)
      #expect(table.start < exp2(slope * 3))
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
    let curve = ProfileTable(x: [8, 14, 20], values: [-20, -14, -11])
    #expect(abs(curve.seconds(11) - exp2(-17)) < 1e-12)
    #expect(abs(curve.seconds(17) - exp2(-12.5)) < 1e-12)
    #expect(curve.seconds(17, 5) == curve.seconds(17))
    let plane = ProfileTable(x: [0, 1], y: [0, 2], values: [0, 4, 1, 7])
    #expect(abs(plane.seconds(0.5, 1) - exp2(3.0)) < 1e-12)
    #expect(ProfileTable(x: [0], values: [-5]).seconds(3) == exp2(-5))
  }
}
