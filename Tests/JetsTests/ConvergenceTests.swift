import Glibc
import Jets
import TestSupport
import Testing

/// Radii, singularities and remainders of series that are known.
@Suite struct ConvergenceTests {
  /// Σ of residue·(1 − t/place)^{−power}, real parts, to order K: coefficients by the binomial series.
  private func series(
    _ terms: [(place: (Double, Double), power: Double, size: [Double])], order: Int = 64
  ) -> VectorSeries {
    let width = terms[0].size.count
    var coefficients = [[Double]](
      repeating: [Double](repeating: 0, count: width), count: order + 1)
    for term in terms {
      let modulus = hypot(term.place.0, term.place.1)
      let angle = atan2(term.place.1, term.place.0)
      var size = 1.0
      for n in 0...order {
        // Outputs differ in phase.
        for o in 0..<width {
          coefficients[n][o] +=
            term.size[o] * size * cos(Double(n) * angle + (term.place.1 == 0 ? 0 : Double(o)))
        }
        size *= (Double(n) + term.power) / (Double(n + 1) * modulus)
      }
    }
    return VectorSeries(coefficients)
  }

  @Test func polesOfRationalFunctions() throws {
    for place in [(1.3, 0), (-0.7, 0), (0.4, 0.9), (-2, 0.3), (0, 1)] as [(Double, Double)] {
      let far = 1.6 * hypot(place.0, place.1)
      let f = series([
        (place, 1, [1, -0.5]), ((0.6 * far, 0.8 * far), 1, [0.3, 2]), ((-2 * far, 0), 1, [1, 1]),
      ])
      let found = RadiusOfConvergence(f, .poles)
      let modulus = hypot(place.0, place.1)
      #expect(abs(found.radius / modulus - 1) < 1e-9, "\(place)")
      #expect(found.method == .approximants && found.uncertainty < 1e-6)
      let at = try #require(found.singularity)
      #expect(hypot(at.real - place.0, at.imaginary - abs(place.1)) < 1e-8 * modulus)
      #expect(abs(try #require(found.rootTest) / modulus - 1) < 0.1)
      #expect(abs(try #require(found.ratioTest) / modulus - 1) < 0.02)
    }
  }

  /// (1 − t/t0)^{−α}: a Padé approximant would be off by about 1/K.
  @Test(arguments: [0.5, -0.5, 1.5, 1 / 3.0])
  func branchPoints(_ power: Double) {
    for place in [(1.3, 0), (0.5, 1.2)] as [(Double, Double)] {
      let modulus = hypot(place.0, place.1)
      let f = series([(place, power, [1]), ((-2.2 * modulus, 0), power, [1])])
      let found = RadiusOfConvergence(f, .branchPoints)
      #expect(abs(found.radius / modulus - 1) < 1e-3, "\(place): \(found.radius)")
    }
  }

  /// Logarithms: those of a softplus unit are at u(t) = ±iπ.
  @Test func logarithms() {
    let f = VectorSeries(
      (0...64).map { n in [n == 0 ? 0 : 1 / (Double(n) * pow(-1.7, Double(n)))] })
    #expect(abs(RadiusOfConvergence(f, .branchPoints).radius / 1.7 - 1) < 1e-3)
  }

  @Test func withoutSingularities() {
    var factorial = 1.0
    let exponential = VectorSeries(
      (0...64).map { n in
        if n > 0 { factorial *= Double(n) }
        return [1 / factorial, pow(-2, Double(n)) / factorial]
      })
    let entire = RadiusOfConvergence(exponential, .entire)
    #expect(entire.radius == .infinity && entire.singularity == nil && entire.method == .structure)
    var ends = [[Double]](repeating: [0], count: 65)
    ends[0] = [1]
    ends[3] = [-4]
    // Also where the makeup would allow for singularities.
    for kind in [Analyticity.polynomial, .poles, .branchPoints] {
      let found = RadiusOfConvergence(VectorSeries(ends), kind)
      #expect(found.radius == .infinity && found.singularity == nil)
    }
    let polynomial = VectorSeries(ends)
    #expect(
      polynomial.remainder(of: 3) == 0 && polynomial.largestStep(of: 3, tolerance: 1) == .infinity)
    #expect(polynomial.remainder(of: 2) == 4)
    #expect(abs(polynomial.largestStep(of: 2, tolerance: 0.5) - 0.5) < 1e-3)
    // e's remainder behind order 6, from ten coefficients.
    let e = VectorSeries(exponential.coefficients[...9].map { [$0[0]] })
    let rest = exp(1.0) - e.sums(at: 1)[6][0]
    #expect(abs(e.remainder(of: 6) / rest - 1) < 1e-3)
  }

  /// Sums of geometric series: the epsilon algorithm is exact, inside and outside the circle.
  @Test func remaindersOfGeometricSeries() {
    for radius in [2.5, 1.2, 0.8] {
      let places = [(radius, 0), (-1.4 * radius, 0)] as [(Double, Double)]
      let f = series(places.map { ($0, 1, [1, 0.5]) }, order: 12)
      let limit = (0..<2).map { o in
        places.reduce(0.0) { $0 + [1, 0.5][o] / (1 - 1 / $1.0) }
      }
      for k in 4..<12 {
        let truth = norm(zip(limit, f.sums(at: 1)[k]).map { $0 - $1 })
        #expect(abs(f.remainder(of: k) / truth - 1) < 1e-6, "radius \(radius), order \(k)")
      }
      // From what order k itself knows.
      for (k, guess) in f.nextRemainders().enumerated() where k >= 8 {
        let truth = norm(zip(limit, f.sums(at: 1)[k]).map { $0 - $1 })
        #expect(abs(guess / truth - 1) < 1e-4)
      }
    }
  }

  /// ‖f − f_k‖ = (t/R)^{k+1}/(1 − t/R) for one pole.
  @Test(arguments: [1, 4, 12])
  func largestStepMeetsTheTolerance(_ k: Int) {
    let f = series([((1.5, 0), 1, [1])], order: 40)
    for tolerance in [1e-6, 1e-2, 3] {
      let ratio = f.largestStep(of: k, tolerance: tolerance) / 1.5
      #expect(ratio > 0 && ratio < 1)
      #expect(abs(pow(ratio, Double(k + 1)) / (1 - ratio) / tolerance - 1) < 0.02 * Double(k + 1))
    }
    #expect(f.largestStep(of: k, tolerance: 1e-14) == 0)
  }

  /// Series in t² have every other coefficient zero.
  @Test func evenSeries() {
    let f = VectorSeries((0...32).map { n in n % 2 == 0 ? [pow(-0.8, Double(n / 2))] : [0] })
    let found = RadiusOfConvergence(f, .poles)
    #expect(abs(found.radius * 0.8.squareRoot() - 1) < 1e-8)
    let limit = 1 / 1.8
    for k in 4..<24 {
      let truth = abs(limit - f.sums(at: 1)[k][0])
      #expect(abs(f.nextRemainders()[k] / truth - 1) < 0.5, "order \(k)")
    }
  }
}
