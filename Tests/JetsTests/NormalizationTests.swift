import Compute
import Glibc
import Jets
import TestSupport
import Testing

/// Layer normalization of jets.
@BackendActor @Suite struct NormalizationTests {
  private static let epsilon = 1e-5

  private func argument(
    block: Int, columns: Int, degree: Int, directions: Int, seed: UInt64
  ) -> Series {
    let size = block * columns
    let values = sample(size * (degree + 1) * directions, seed: seed).map { Double(Float($0)) }
    return Series(block: block, columns: columns, degree: degree, directions: directions) {
      n, v, i in values[(n * directions + v) * size + i] * (n == 0 ? 2 : 0.5)
    }
  }

  /// Row `row` of coefficients 0…degree of direction v.
  private func rows(_ x: Series, _ row: Int, _ v: Int) -> [[Double]] {
    (0...x.degree).map { n in
      Array(x[n, v][(row * x.columns)..<((row + 1) * x.columns)])
    }
  }

  /// Against √ and division of series written out. Each side adds up at most 3(k+1)² + 4m products
  /// of a coefficient's majorant, with a few roundings each: 4(3(k+1)² + 4m) units are allowed.
  @Test(arguments: [BackendUnderTest.reference, .openblas2, .openclHost, .openclDevice])
  func agreesWithLongDivision(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    for (degree, order, columns, directions) in [
      (0, 0, 7, 1), (0, 3, 7, 1), (1, 1, 5, 1), (1, 4, 9, 2), (3, 4, 7, 1), (2, 8, 3, 1),
      (8, 8, 6, 2), (1, 2, 70, 1),
    ] {
      let x = argument(
        block: 3, columns: columns, degree: degree, directions: directions, seed: 1)
      let y = try JetAlgebra(backend, order: order).normalize(
        x.jet(on: backend, .float64, directions: directions, capacity: degree + 1),
        epsilon: Self.epsilon, withInverse: false)
      #expect(y.value.degree == (degree == 0 ? 0 : order) && y.inverse == nil)
      let computed = try Series(y.value, on: backend)
      var worst = 0.0
      for v in 0..<directions {
        for row in 0..<3 {
          let own = rows(x, row, v)
          let expected = NaiveNorm.normalize(
            own.map { $0.map { Dual($0) } }, epsilon: Self.epsilon, order: computed.degree)
          let majorant = NaiveNorm.majorant(own, epsilon: Self.epsilon, order: computed.degree)
          for n in 0...computed.degree {
            for column in 0..<columns {
              let value = computed[n, v][row * columns + column]
              let error = abs(value - expected[n][column].value)
              worst = max(worst, error / majorant[n][column])
            }
          }
        }
      }
      let limit = Double(4 * (3 * (order + 1) * (order + 1) + 4 * columns))
      print("layer norm \(degree)→\(order), \(place): worst \(worst * 0x1p53) of \(limit) units")
      #expect(worst * 0x1p53 <= limit, "degree \(degree), order \(order)")
    }
  }

  /// What Σ_{n≤k} y_n tⁿ leaves out of y(x(t)) falls as t^{k+1}.
  @Test(arguments: [1, 2, 3, 4])
  func remaindersHaveTheRightOrder(_ order: Int) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    for degree in [1, 2] {
      let x = argument(block: 1, columns: 11, degree: degree, directions: 1, seed: 2)
      let jet = try JetAlgebra(backend, order: order).normalize(
        x.jet(on: backend, .float64, directions: 1), epsilon: Self.epsilon, withInverse: false)
      let y = try Series(jet.value, on: backend)
      func remainder(_ t: Double) -> Double {
        func at(_ series: Series, _ i: Int) -> Double {
          (0...series.degree).reversed().reduce(0.0) { $0 * t + series[$1, 0][i] }
        }
        let exact = NaiveNorm.normalize((0..<11).map { at(x, $0) }, epsilon: Self.epsilon)
        return norm(exact.indices.map { exact[$0] - at(y, $0) })
      }
      // The next coefficient's share of it is 1 + O(t); rounding is below 10⁻³ of it.
      let t = 0x1p-5
      #expect(remainder(t / 2) > 1e-13)
      let slope = log2(remainder(t) / remainder(t / 2))
      #expect(abs(slope - Double(order + 1)) < 0.15, "degree \(degree): \(slope)")
    }
  }

  /// ⟨ȳ, J v⟩ = ⟨x̄, v⟩ with J v by forward differentiation of the naive formulas. Order 0 moves
  /// coefficient 0; others all but that.
  @Test(
    arguments: [BackendUnderTest.reference, .openblas2, .openclHost, .openclDevice],
    [(0, 0), (1, 1), (2, 1), (3, 2), (4, 4), (8, 1), (8, 8)])
  func adjointIdentity(_ place: BackendUnderTest, _ shape: (order: Int, degree: Int)) throws {
    let backend = try place.backend()
    let (order, degree) = shape
    let (columns, directions) = (6, order == 3 ? 2 : 1)
    let algebra = JetAlgebra(backend, order: order)
    let x = argument(
      block: 2, columns: columns, degree: degree, directions: directions, seed: 3)
    let moved = argument(
      block: 2, columns: columns, degree: max(1, degree), directions: directions, seed: 4)
    let y = argument(
      block: 2, columns: columns, degree: max(1, order), directions: directions, seed: 5)
    let normalized = try algebra.normalize(
      x.jet(on: backend, .float64, directions: directions), epsilon: Self.epsilon,
      withInverse: true)
    let inverse = try #require(normalized.inverse)
    #expect(inverse.degree == max(0, order - 1))
    let cotangent = try y.jet(
      on: backend, .float64, directions: directions, capacity: y.degree + 1, hasZero: false)
    let pulled = try algebra.normalizeAdjoint(
      cotangent, value: normalized.value, inverse: inverse, degree: degree)
    #expect(pulled.degree == max(1, degree))
    let result = try Series(pulled, on: backend)
    for v in 0..<directions {
      for row in 0..<2 {
        let (own, tangent) = (rows(x, row, v), rows(moved, row, v))
        let duals = own.indices.map { n in
          own[n].indices.map { column in
            let slope = order == 0 ? tangent[1][column] : n == 0 ? 0 : tangent[n][column]
            return Dual(own[n][column], slope)
          }
        }
        let pushed = NaiveNorm.normalize(duals, epsilon: Self.epsilon, order: order)
        let (left, right) = (rows(y, row, v), rows(moved, row, v))
        var (sums, magnitude) = ((0.0, 0.0), 0.0)
        for i in 1...max(1, order) {
          for column in 0..<columns {
            let term = left[i][column] * pushed[order == 0 ? 0 : i][column].slope
            sums.0 += term
            magnitude += abs(term)
          }
        }
        for i in 1...pulled.degree {
          for column in 0..<columns {
            let term = result[i, v][row * columns + column] * right[i][column]
            sums.1 += term
            magnitude += abs(term)
          }
        }
        // Both sums carry the errors of their terms, some tens of roundings each.
        let units = abs(sums.0 - sums.1) / magnitude * 0x1p53
        print("layer norm adjoint \(degree)→\(order), \(place): \(units) units")
        #expect(units <= 64, "row \(row), direction \(v)")
      }
    }
  }

  /// Every direction of a jet has the bits that it has alone, forward and adjoint.
  @Test(arguments: BackendUnderTest.canonical)
  func directionsAreIndependent(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let algebra = JetAlgebra(backend, order: 3)
    let x = argument(block: 2, columns: 67, degree: 2, directions: 3, seed: 6)
    let y = argument(block: 2, columns: 67, degree: 3, directions: 3, seed: 7)
    func only(_ v: Int, _ series: Series) -> Series {
      Series(block: 2, columns: 67, degree: series.degree, directions: 1) { n, _, i in
        series[n, v][i]
      }
    }
    func run(_ x: Series, _ y: Series, _ directions: Int) throws -> (Series, Series) {
      let normalized = try algebra.normalize(
        x.jet(on: backend, .float32, directions: directions, capacity: 4),
        epsilon: Self.epsilon, withInverse: true)
      let pulled = try algebra.normalizeAdjoint(
        y.jet(on: backend, .float32, directions: directions, hasZero: false),
        value: normalized.value, inverse: #require(normalized.inverse), degree: 2)
      return (try Series(normalized.value, on: backend), try Series(pulled, on: backend))
    }
    let (value, pulled) = try run(x, y, 3)
    for v in 0..<3 {
      let (alone, pulledAlone) = try run(only(v, x), only(v, y), 1)
      for n in 0...3 { #expect(bits(value[n, v]) == bits(alone[n, 0]), "coefficient \(n)") }
      for i in 1...2 { #expect(bits(pulled[i, v]) == bits(pulledAlone[i, 0]), "cotangent \(i)") }
    }
  }

  /// Several cotangents of one jet: degree 1 shares y and 1/σ.
  @Test(arguments: BackendUnderTest.canonical)
  func cotangentsMayShareAJet(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let algebra = JetAlgebra(backend, order: 1)
    let x = argument(block: 2, columns: 5, degree: 1, directions: 1, seed: 8)
    let y = argument(block: 2, columns: 5, degree: 1, directions: 3, seed: 9)
    let normalized = try algebra.normalize(
      x.jet(on: backend, .float32, directions: 1), epsilon: Self.epsilon, withInverse: true)
    let inverse = try #require(normalized.inverse)
    let pulled = try Series(
      algebra.normalizeAdjoint(
        y.jet(on: backend, .float32, directions: 3, hasZero: false), value: normalized.value,
        inverse: inverse, degree: 1), on: backend)
    for v in 0..<3 {
      let one = Series(block: 2, columns: 5, degree: 1, directions: 1) { n, _, i in y[n, v][i] }
      let alone = try Series(
        algebra.normalizeAdjoint(
          one.jet(on: backend, .float32, directions: 1, hasZero: false), value: normalized.value,
          inverse: inverse, degree: 1), on: backend)
      #expect(bits(pulled[1, v]) == bits(alone[1, 0]))
    }
  }

  /// A row's bits do not depend on the rows beside it.
  @Test(arguments: BackendUnderTest.canonical)
  func rowsAreIndependent(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let x = argument(block: 5, columns: 1100, degree: 1, directions: 1, seed: 10)
    let last = Series(block: 1, columns: 1100, degree: 1, directions: 1) { n, _, i in
      x[n, 0][4 * 1100 + i]
    }
    func normalize(_ x: Series) throws -> Series {
      try Series(
        JetAlgebra(backend, order: 2).normalize(
          x.jet(on: backend, .float32, directions: 1), epsilon: Self.epsilon, withInverse: false
        ).value, on: backend)
    }
    let (all, one) = (try normalize(x), try normalize(last))
    for n in 0...2 { #expect(bits(Array(all[n, 0][4400...])) == bits(one[n, 0])) }
  }
}
