import Compute
import Jets
import TestSupport
import Testing

/// Products of series on small integers, where every order of summation is exact: all backends
/// must give the numbers themselves.
@BackendActor @Suite struct ProductTests {
  nonisolated static let types: [ScalarType] = [.float32, .float64]

  @Test(arguments: BackendUnderTest.allCases, types)
  func multiplyIsThePolynomialProduct(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    for (order, left, right, directions) in [
      (0, 0, 0, 1), (1, 1, 1, 1), (3, 1, 3, 1), (4, 2, 0, 1), (8, 8, 8, 1), (3, 3, 2, 3),
    ] {
      let a = Series.integers(block: 3, columns: 7, degree: left, directions: directions, seed: 1)
      let b = Series.integers(block: 3, columns: 7, degree: right, directions: directions, seed: 2)
      let product = try JetAlgebra(backend, order: order).multiply(
        a.jet(on: backend, type, directions: directions, capacity: left + 1),
        b.jet(on: backend, type, directions: directions))
      #expect(product.degree == min(order, left + right))
      let c = try Series(product, on: backend)
      for v in 0..<directions {
        for n in 0...product.degree {
          let expected = (0..<21).map { i in
            (0...n).reduce(0.0) { $0 + a[$1, v][i] * b[n - $1, v][i] }
          }
          #expect(c[n, v] == expected, "order \(order), coefficient \(n), direction \(v)")
        }
      }
    }
  }

  /// z̄_i = Σ_{j ≥ i} s_{j−i} ȳ_j.
  @Test(arguments: BackendUnderTest.allCases, types)
  func adjointOfCompositionIsTheReversedProduct(
    _ place: BackendUnderTest, _ type: ScalarType
  ) throws {
    let backend = try place.backend()
    for (slopeDegree, cotangentDegree, degree, directions) in [
      (0, 1, 1, 1), (0, 3, 3, 1), (3, 4, 4, 1), (2, 4, 2, 1), (2, 3, 3, 2),
    ] {
      let s = Series.integers(
        block: 2, columns: 5, degree: slopeDegree, directions: directions, seed: 3)
      let y = Series.integers(
        block: 2, columns: 5, degree: cotangentDegree, directions: directions, seed: 4)
      let cotangent = try y.jet(on: backend, type, directions: directions, hasZero: false)
      let slope = try s.jet(on: backend, type, directions: directions, capacity: slopeDegree + 2)
      let result = try JetAlgebra(backend, order: 4).composeAdjoint(
        cotangent, slope: slope, degree: degree)
      #expect(result.degree == degree)
      let z = try Series(result, on: backend)
      for v in 0..<directions {
        for i in 0..<degree {
          let expected = (0..<10).map { e in
            (i..<cotangentDegree).reduce(0.0) { $0 + s[$1 - i, v][e] * y[$1 + 1, v][e] }
          }
          #expect(z[i + 1, v] == expected, "coefficient \(i + 1), direction \(v)")
        }
      }
    }
  }

  /// The weights of a 5 → 4 layer along V directions, scaled by s = 4, with the factor ½.
  private struct Layer {
    var inputs = 5
    var outputs = 4
    var directions: Int
    var center: [Double]
    var displacement: [[Double]]

    init(directions: Int) {
      self.directions = directions
      func integers(_ seed: Int) -> [Double] {
        (0..<20).map { Double(($0 * 5 + seed * 3) % 7 - 3) }
      }
      center = integers(1)
      displacement = (0..<directions).map { integers($0 + 2) }
    }

    func tensor(on backend: any Backend, _ type: ScalarType, displaced: Bool) throws -> TensorJet {
      let parameters = ParameterJet(
        center: try backend.matrix(1, outputs * inputs, type, center),
        displacement: displaced
          ? try backend.matrix(
            directions, outputs * inputs, type, displacement.flatMap { $0 }) : nil,
        scale: displaced ? try backend.matrix(1, 1, type, [4]) : nil)
      return parameters.tensor(at: 0, rows: outputs, columns: inputs)
    }

    /// ½ (W x) or, transposed, ½ (Wᵀ x) for a block of rows.
    func apply(_ weights: [Double], _ x: [Double], transposed: Bool = false) -> [Double] {
      let (from, to) = transposed ? (outputs, inputs) : (inputs, outputs)
      return (0..<(x.count / from)).flatMap { row in
        (0..<to).map { o in
          (0..<from).reduce(0.0) { sum, i in
            sum + weights[transposed ? i * inputs + o : o * inputs + i] * x[row * from + i]
          } / 2
        }
      }
    }
  }

  private func plus(_ a: [Double], _ b: [Double], times factor: Double = 1) -> [Double] {
    zip(a, b).map { $0 + factor * $1 }
  }

  @Test(arguments: BackendUnderTest.allCases, types)
  func contractIsTheProductOfSeries(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    for (order, degree, directions) in [
      (0, 0, 1), (1, 0, 1), (1, 0, 3), (3, 2, 1), (4, 4, 1), (3, 1, 2), (2, 2, 2),
    ] {
      let layer = Layer(directions: directions)
      let x = Series.integers(block: 3, columns: 5, degree: degree, directions: directions, seed: 5)
      let jet = try JetAlgebra(backend, order: order).contract(
        x.jet(on: backend, type, directions: directions),
        layer.tensor(on: backend, type, displaced: order > 0), factor: 0.5, capacity: order + 1)
      #expect(jet.degree == (order == 0 ? 0 : min(order, degree + 1)))
      let z = try Series(jet, on: backend)
      for v in 0..<directions {
        for n in 0...jet.degree {
          var expected = layer.apply(layer.center, x[n, v])
          if n > 0 {
            let moved = layer.apply(layer.displacement[v], x[n - 1, v])
            expected = plus(expected, moved, times: 4)
          }
          #expect(z[n, v] == expected, "order \(order), coefficient \(n), direction \(v)")
        }
      }
    }
  }

  @Test(arguments: BackendUnderTest.allCases, types)
  func adjointsOfContract(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    for (order, degree, directions) in [(1, 1, 1), (3, 3, 1), (4, 2, 1), (3, 3, 2)] {
      let layer = Layer(directions: directions)
      let algebra = JetAlgebra(backend, order: order)
      let x = Series.integers(
        block: 3, columns: 5, degree: degree, directions: directions, seed: 6)
      let y = Series.integers(
        block: 3, columns: 4, degree: min(order, degree + 1), directions: directions, seed: 7)
      let input = try x.jet(on: backend, type, directions: directions)
      let cotangent = try y.jet(on: backend, type, directions: directions, hasZero: false)
      let weights = try layer.tensor(on: backend, type, displaced: true)

      let gradient = try backend.matrix(directions, 20, type)
      try algebra.weightGradient(
        cotangent, input, factor: 0.5, scale: weights.scale,
        into: gradient.rows(0..<1).slice(at: 0, rows: 4, columns: 5), stride: 20)
      let biasGradient = try backend.matrix(directions, 4, type)
      try algebra.biasGradient(
        cotangent, factor: 0.5, scale: weights.scale, into: biasGradient.rows(0..<1), stride: 4)
      let pulled = try algebra.contractAdjoint(cotangent, weights, factor: 0.5, over: input)

      let result = try Series(pulled, on: backend)
      let gradients = try backend.download(gradient)
      let biasGradients = try backend.download(biasGradient)
      for v in 0..<directions {
        for i in 1...pulled.degree {
          var expected = layer.apply(layer.center, y[i, v], transposed: true)
          let moved = layer.apply(layer.displacement[v], y[i + 1, v], transposed: true)
          expected = plus(expected, moved, times: 4)
          #expect(result[i, v] == expected, "order \(order), coefficient \(i), direction \(v)")
        }
        let expected = (0..<20).map { element -> Double in
          let (o, i) = (element / 5, element % 5)
          return (1...y.degree).reduce(0.0) { sum, n in
            (0..<3).reduce(sum) { $0 + 2 * y[n, v][$1 * 4 + o] * x[n - 1, v][$1 * 5 + i] }
          }
        }
        #expect(Array(gradients[(v * 20)..<(v * 20 + 20)]) == expected, "direction \(v)")
        let sums = (0..<4).map { o in (0..<3).reduce(0.0) { $0 + 2 * y[1, v][$1 * 4 + o] } }
        #expect(Array(biasGradients[(v * 4)..<(v * 4 + 4)]) == sums, "direction \(v)")
      }
    }
  }
}
