import Compute
import Jets
import TestSupport
import Testing

/// Gain and bias per column on small integers, where every order of summation is exact.
@BackendActor @Suite struct AffineTests {
  private let columns = 7

  private func integers(_ seed: Int) -> [Double] {
    (0..<columns).map { Double(($0 * 5 + seed * 3) % 7 - 3) }
  }

  /// Factor ½, s = 4.
  private func parameter(
    _ seed: Int, directions: Int, moves: Bool, on backend: any Backend, _ type: ScalarType
  ) throws -> (LayerAffine.Parameter, zero: [Double], one: [[Double]]) {
    let center = integers(seed)
    let moved = (0..<directions).map { integers(seed + 1 + $0) }
    let matrix = try backend.matrix(directions, columns, type, moved.flatMap { $0 })
    return (
      LayerAffine.Parameter(
        center: try backend.matrix(1, columns, type, center),
        displacement: moves ? matrix.rows(0..<1) : nil, displacementStride: columns, factor: 0.5,
        scale: moves ? try backend.matrix(1, 1, type, [4]) : nil),
      center.map { $0 / 2 }, moved.map { $0.map { moves ? 2 * $0 : 0 } }
    )
  }

  @Test(arguments: BackendUnderTest.allCases, [ScalarType.float32, .float64])
  func isTheProductOfSeries(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    for (order, degree, directions, hasBias) in [
      (0, 0, 1, true), (1, 0, 1, true), (1, 0, 3, false), (3, 2, 1, true), (4, 4, 1, true),
      (3, 1, 2, true), (8, 8, 1, false),
    ] {
      let y = Series.integers(
        block: 3, columns: columns, degree: degree, directions: directions, seed: 1)
      let (gain, zero, one) = try parameter(
        1, directions: directions, moves: order > 0, on: backend, type)
      let (bias, biasZero, biasOne) = try parameter(
        5, directions: directions, moves: order > 0, on: backend, type)
      let z = try JetAlgebra(backend, order: order).affine(
        y.jet(on: backend, type, directions: directions, capacity: degree + 1), gain: gain,
        bias: hasBias ? bias : nil)
      #expect(z.degree == (order == 0 ? 0 : min(order, degree + 1)))
      let result = try Series(z, on: backend)
      for v in 0..<directions {
        for n in 0...z.degree {
          let expected = (0..<(3 * columns)).map { i -> Double in
            let column = i % columns
            var value = zero[column] * y[n, v][i]
            if n > 0 { value += one[v][column] * y[n - 1, v][i] }
            if hasBias && n == 0 { value += biasZero[column] }
            if hasBias && n == 1 { value += biasOne[v][column] }
            return value
          }
          #expect(result[n, v] == expected, "order \(order), coefficient \(n), direction \(v)")
        }
      }
    }
  }

  /// ȳ and Δγ̄ written out; they satisfy ⟨z̄, dz⟩ = ⟨ȳ, dy⟩ + ⟨Δγ̄, dΔγ⟩ term by term.
  @Test(arguments: BackendUnderTest.allCases, [ScalarType.float32, .float64])
  func adjoints(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    for (order, degree, directions, block) in [
      (0, 0, 1, 3), (1, 1, 1, 3), (3, 3, 1, 2), (4, 2, 1, 3), (3, 3, 2, 2), (2, 1, 1, 700),
    ] {
      let algebra = JetAlgebra(backend, order: order)
      let cotangents = max(1, order)
      let z = Series.integers(
        block: block, columns: columns, degree: cotangents, directions: directions, seed: 3)
      // The value stores all that a cotangent's degree can meet.
      let y = Series.integers(
        block: block, columns: columns, degree: max(degree, cotangents - 1),
        directions: directions, seed: 4)
      let (gain, zero, one) = try parameter(
        2, directions: directions, moves: order > 0, on: backend, type)
      let cotangent = try z.jet(
        on: backend, type, directions: directions, capacity: cotangents + 1, hasZero: false)
      let value = try y.jet(on: backend, type, directions: directions)
      let gradient = try backend.matrix(directions, columns + 2, type)
      try algebra.gainGradient(
        cotangent, value, factor: 0.5, scale: gain.scale,
        into: gradient.rows(0..<1).slice(at: 1, rows: 1, columns: columns), stride: columns + 2)
      let pulled = try algebra.affineAdjoint(cotangent, gain: gain, degree: degree)
      #expect(pulled.degree == max(1, degree))
      let result = try Series(pulled, on: backend)
      let gradients = try backend.download(gradient)
      let factor = order > 0 ? 2.0 : 0.5
      for v in 0..<directions {
        for i in 1...pulled.degree {
          let expected = (0..<(block * columns)).map { e -> Double in
            let next = i < cotangents ? z[i + 1, v][e] : 0
            return zero[e % columns] * z[i, v][e] + one[v][e % columns] * next
          }
          #expect(result[i, v] == expected, "order \(order), coefficient \(i), direction \(v)")
        }
        let expected = (0..<columns).map { column in
          (1...cotangents).reduce(0.0) { sum, i in
            (0..<block).reduce(sum) {
              let e = $1 * columns + column
              return $0 + factor * z[i, v][e] * y[i - 1, v][e]
            }
          }
        }
        let first = v * (columns + 2) + 1
        #expect(Array(gradients[first..<(first + columns)]) == expected, "order \(order)")
      }
    }
  }
}
