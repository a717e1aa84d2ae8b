import Compute
import Jets
import TestSupport
import Testing

/// compose: φ(z(t)) and φ′(z(t)) of every activation.
@BackendActor @Suite struct CompositionTests {
  private static let order = 8
  private static let directions = 2

  /// Arguments on both sides of 0, of moderate and of large size, with coefficients below 1.
  private func argument(seed: UInt64) -> Series {
    let columns = 65
    let values = sample(2 * columns * 4 * Self.directions, seed: seed).map { Double(Float($0)) }
    return Series(block: 2, columns: columns, degree: 3, directions: Self.directions) { n, v, i in
      let value = values[(n * Self.directions + v) * 2 * columns + i]
      return n == 0 ? value * (i % 3 == 0 ? 6 : 2) : value
    }
  }

  private func compose(
    _ activation: Activation, _ z: Series, _ type: ScalarType, on backend: any Backend
  ) throws -> (value: Jet, slope: Jet) {
    let algebra = JetAlgebra(backend, order: Self.order)
    let jet = try z.jet(
      on: backend, type, directions: Self.directions,
      capacity: max(z.degree, algebra.slopeDegree(activation, of: z.degree)))
    let composed = try algebra.compose(activation, jet, bias: nil, withSlope: true)
    return (composed.value, try #require(composed.slope))
  }

  /// Against Faà di Bruno's formula from closed derivatives.
  ///
  /// Both sides sum at most (k+1)²/2 ≈ 40 products of each coefficient's majorant, with a few
  /// roundings for each factor: 512 units of the majorant leave nothing but wrong formulas out.
  @Test(arguments: Activation.allCases)
  func agreesWithClosedDerivatives(_ activation: Activation) throws {
    let z = argument(seed: 1)
    let order = Self.order
    for place in [BackendUnderTest.reference, .openblas2] {
      let backend = try place.backend()
      let (value, slope) = try compose(activation, z, .float64, on: backend)
      let values = try Series(value, on: backend)
      let slopes = try Series(slope, on: backend)
      var worst = 0.0
      for v in 0..<Self.directions {
        for i in 0..<(z.block * z.columns) {
          let u = (0...z.degree).map { z[$0, v][i] }
          let d = ActivationDerivatives.values(activation, at: u[0], upTo: order + 1)
          let (phi, phiMajorant) = ActivationDerivatives.compose(d, u, order: order)
          let (prime, primeMajorant) = ActivationDerivatives.compose(
            Array(d.dropFirst()), u, order: order - 1)
          for n in 0...order {
            let error = abs(values[n, v][i] - phi[n])
            worst = max(worst, error / max(phiMajorant[n], .leastNormalMagnitude))
          }
          for n in 0..<order {
            let error = abs(slopes[n, v][i] - prime[n])
            worst = max(worst, error / max(primeMajorant[n], .leastNormalMagnitude))
          }
        }
      }
      print("\(activation), \(place): worst \(worst * 0x1p53) units of the majorant")
      #expect(worst <= 512 * 0x1p-53, "\(place)")
    }
  }

  /// In float32: the same bits everywhere, within the running error bound of the definition.
  @Test(arguments: Activation.allCases)
  func hasTheSameBitsWithinTheBound(_ activation: Activation) throws {
    let z = argument(seed: 2)
    let reference = ReferenceBackend()
    let (value, slope) = try compose(activation, z, .float32, on: reference)
    let results = try BackendUnderTest.onEach { backend in
      let (value, slope) = try compose(activation, z, .float32, on: backend)
      return (
        try value.allBits(on: backend), try slope.allBits(on: backend),
        try backend.download(value.matrix)
      )
    }
    for other in results.dropFirst() {
      #expect(other.result.0 == results[0].result.0, "value on \(other.backend)")
      #expect(other.result.1 == results[0].result.1, "slope on \(other.backend)")
    }
    #expect(slope.degree == (activation.slopeDegree(of: 3, order: Self.order - 1)))
    for (computed, bound) in zip(results[0].result.2, reference.bounded(value.matrix)) {
      #expect(abs(computed - bound.value) <= bound.error * 0x1p-24 * 1.001 + 0x1p-149)
    }
  }

  /// exp(a(t))·exp(b(t)) = exp(a(t) + b(t)), within the bounds of both sides.
  @Test(arguments: BackendUnderTest.canonical, [ScalarType.float32, .float64])
  func productOfExponentials(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    let order = 5
    let algebra = JetAlgebra(backend, order: order)
    // Few bits, so that a + b is exact.
    func series(_ seed: UInt64) -> Series {
      let values = sample(4 * 60, seed: seed).map { ($0 * 64).rounded() / 64 }
      return Series(block: 4, columns: 5, degree: 2, directions: 1) { n, _, i in values[n * 20 + i]
      }
    }
    let (a, b) = (series(3), series(4))
    let sum = Series(block: 4, columns: 5, degree: 2, directions: 1) { n, _, i in
      a[n, 0][i] + b[n, 0][i]
    }
    func exponential(_ x: Series) throws -> Jet {
      let jet = try x.jet(on: backend, type, directions: 1)
      return try algebra.compose(.exp, jet, bias: nil, withSlope: false).value
    }
    let product = try algebra.multiply(exponential(a), exponential(b))
    #expect(product.degree == order)
    let left = try Series(product, on: backend)
    let right = try Series(exponential(sum), on: backend)
    for i in 0..<20 {
      func bounds(_ x: Series) -> [Double] {
        // Coefficients of exp(|x|) with one 2 ulp function, then at most 4(n+1) roundings.
        ActivationDerivatives.compose(
          (0...order).map { _ in ActivationDerivatives.values(.exp, at: x[0, 0][i], upTo: 0)[0] },
          (0...2).map { x[$0, 0][i] }, order: order
        ).majorant
      }
      let (boundA, boundB, boundSum) = (bounds(a), bounds(b), bounds(sum))
      for n in 0...order {
        let terms = (0...n).reduce(0.0) { $0 + boundA[$1] * boundB[n - $1] }
        let roundings = Double(4 + 4 * (n + 1))
        let limit = (2 * roundings + Double(n + 1)) * terms + roundings * boundSum[n]
        let difference = abs(left[n, 0][i] - right[n, 0][i])
        #expect(difference <= limit * type.unitRoundoff, "coefficient \(n)")
      }
    }
  }

  /// Far out, where u³ is infinite, gelu_tanh is u or 0, its slope 1 or 0, and nothing is NaN; a NaN
  /// stays one.
  @Test(arguments: BackendUnderTest.allCases, [ScalarType.float32, .float64])
  func geluTanhFarOut(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    let heights = [70, 1e5, 1e13, 1e30, type == .float32 ? 3e38 : 1e308]
    let values = heights + heights.map { -$0 } + [.nan]
    let order = 3
    let algebra = JetAlgebra(backend, order: order)
    let z = Series(block: 1, columns: values.count, degree: 1, directions: 1) { n, _, i in
      n == 0 ? values[i] : 0.5
    }
    let composed = try algebra.compose(
      .geluTanh, z.jet(on: backend, type, directions: 1, capacity: order), bias: nil,
      withSlope: true)
    let value = try Series(composed.value, on: backend)
    let slope = try Series(#require(composed.slope), on: backend)
    for (i, height) in heights.enumerated() {
      #expect(value[0, 0][i] == type.round(height) && value[1, 0][i] == 0.5, "\(height)")
      #expect(value[0, 0][heights.count + i] == 0 && value[1, 0][heights.count + i] == 0)
      #expect(slope[0, 0][i] == 1 && slope[0, 0][heights.count + i] == 0, "\(height)")
      for n in 2...order {
        #expect(value[n, 0][i] == 0 && value[n, 0][heights.count + i] == 0, "\(height), \(n)")
      }
    }
    #expect(value[0, 0][values.count - 1].isNaN && slope[0, 0][values.count - 1].isNaN)
  }
}
