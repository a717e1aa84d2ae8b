import Compute
import Glibc
import Jets
import Networks
import TestSupport
import Testing

/// Higher orders: remainders, networks whose expansion ends, directions and their scale.
@BackendActor @Suite struct ExpansionTests {
  nonisolated static let smooth: [Activation] = [
    .tanh, .sigmoid, .exp, .erf, .softplus, .sin, .cos, .swish, .gelu,
    .gaussian, .geluTanh,
  ]

  /// The remainder of f_k along a ray falls as t^{k+1}: log2(r(t)/r(t/2)) → k + 1, with a
  /// relative deviation of first order in t.
  @Test(arguments: smooth)
  func remainderFallsAsThePowerAfterTheOrder(_ activation: Activation) throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let network = try denseNetwork([4, 9, 8, 3], [activation, activation])
    let center = network.sampleParameters(seed: 1, scale: 0.8)
    let delta = network.sampleParameters(seed: 2, scale: 0.5)
    let x = sample(3 * 4, seed: 3)
    let ray = try Ray(
      network, inputs: x, center: center, displacements: [delta], order: 4, .float64, on: backend)
    let f = try ray.coefficients().map { $0[0] }
    #expect(f.count == 5)
    func remainder(_ k: Int, _ t: Double) throws -> Double {
      let moved = zip(center, delta).map { $0 + t * $1 }
      let exact = try Ray(
        network, inputs: x, center: moved, order: 0, .float64, on: backend
      ).coefficients()[0][0]
      let sum = exact.indices.map { i in (0...k).reversed().reduce(0.0) { $0 * t + f[$1][i] } }
      return norm(zip(exact, sum).map { $0 - $1 })
    }
    for k in 0...4 {
      // At t = 1/64 the smallest remainder, t⁵, is 10⁻⁹ and its rounding error 10⁻¹⁵.
      let t = 1.0 / 64
      let slope = log2(try remainder(k, t) / remainder(k, t / 2))
      #expect(abs(slope - Double(k + 1)) < 0.1, "order \(k): slope \(slope)")
    }
  }

  /// A network of L weight layers with relu or abs has f_k = f_L for k ≥ L, and f_L is the network
  /// with its gates frozen at θ0.
  @Test(arguments: BackendUnderTest.allCases, [Activation.relu, .abs])
  func gatedNetworksExpansionEnds(
    _ place: BackendUnderTest, _ activation: Activation
  ) throws {
    let backend = try place.backend()
    let network = try denseNetwork([4, 9, 8, 3], [activation, activation])
    let center = network.sampleParameters(seed: 4)
    let delta = network.sampleParameters(seed: 5, scale: 0.7)
    let x = sample(3 * 4, seed: 6)
    func sum(_ order: Int) throws -> [Double] {
      let f = try Ray(
        network, inputs: x, center: center, displacements: [delta], order: order, .float64,
        on: backend
      ).coefficients()
      #expect(f.count == min(order, 3) + 1)
      return f[0][0].indices.map { i in f.reduce(0.0) { $0 + $1[0][i] } }
    }
    let third = try sum(3)
    for order in 4...8 { #expect(try sum(order) == third) }
    #expect(relativeError(try sum(2), third) > 1e-3)
    let frozen = frozenGates(
      network, x, center, zip(center, delta).map { $0 + $1 }, below: activation == .abs ? -1 : 0)
    #expect(relativeError(third, frozen) < 1e-13)
  }

  /// Through `sign` no coefficient but the first passes, and no gradient: the expansion is that of
  /// the last layer, which is linear, and ends with it.
  @Test(arguments: BackendUnderTest.allCases)
  func onlyTheLastLayerOfASignNetworkMoves(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let network = try denseNetwork([4, 9, 8, 3], [.sign, .sign])
    let center = network.sampleParameters(seed: 4)
    let delta = network.sampleParameters(seed: 5, scale: 0.7)
    let x = sample(3 * 4, seed: 6)
    let last = network.parameters[4].offset
    for order in [1, 3] {
      let ray = try Ray(
        network, inputs: x, center: center, displacements: [delta], order: order, .float64,
        on: backend)
      let f = try ray.coefficients()
      let moved = Array(center[..<last]) + zip(center, delta).map { $0 + $1 }[last...]
      let end = try Ray(network, inputs: x, center: moved, order: 0, .float64, on: backend)
        .coefficients()[0][0]
      #expect(relativeError(zip(f[0][0], f[1][0]).map { $0 + $1 }, end) < 1e-13)
      for higher in f.dropFirst(2) { #expect(higher[0].allSatisfy { $0 == 0 }) }
      let gradient = try ray.gradient([(1...order).map { _ in sample(9, seed: 7) }])[0]
      #expect(gradient[..<last].allSatisfy { $0 == 0 })
      #expect(gradient[last...].contains { $0 != 0 })
    }
  }

  /// The network with relu (or, with −1 for `slope`, abs) at θ whose gates are those at θ0, by plain
  /// loops.
  private func frozenGates(
    _ network: Network, _ inputs: [Double], _ center: [Double], _ theta: [Double],
    below slope: Double
  ) -> [Double] {
    let batch = inputs.count / network.inputCount
    return (0..<batch).flatMap { row in
      var y = Array(inputs[(row * network.inputCount)..<((row + 1) * network.inputCount)])
      var gated = y
      for layer in stride(from: 0, to: network.parameters.count, by: 2) {
        let (weight, bias) = (network.parameters[layer], network.parameters[layer + 1])
        func affine(_ vector: [Double], _ x: [Double]) -> [Double] {
          (0..<weight.shape[0]).map { o in
            x.indices.reduce(vector[bias.offset + o]) {
              $0 + vector[weight.offset + o * x.count + $1] * x[$1]
            }
          }
        }
        let z = affine(center, y)
        let moved = affine(theta, gated)
        let isLast = layer + 2 == network.parameters.count
        gated = isLast ? moved : zip(moved, z).map { $1 > 0 ? $0 : slope * $0 }
        y = isLast ? z : z.map { $0 > 0 ? $0 : slope * $0 }
      }
      return gated
    }
  }

  /// Stretching a direction by a power of two multiplies coefficient i by its i-th power exactly,
  /// whether the direction itself is stretched or s does it.
  @Test(arguments: BackendUnderTest.canonical, [Activation.tanh, .gelu])
  func directionScaleChangesNoBits(_ place: BackendUnderTest, _ activation: Activation) throws {
    let backend = try place.backend()
    let network = try denseNetwork([6, 17, 11, 4], [activation, activation], .ntk)
    let center = network.sampleParameters(seed: 7)
    let delta = network.sampleParameters(seed: 8, scale: 0.3)
    let x = sample(3 * 6, seed: 9)
    let cotangent = sample(12, seed: 10)
    let order = 4
    func run(_ direction: [Double], s: Double?, stretch: Double) throws -> ([[UInt64]], [UInt64]) {
      let ray = try Ray(
        network, inputs: x, center: center, displacements: [direction], scale: s, order: order,
        .float32, on: backend)
      let powers = (0...order).map { Glibc.pow(stretch, -Double($0)) }
      let f = try ray.coefficients().enumerated().map { n, f in bits(f[0].map { $0 * powers[n] }) }
      // ȳ′_i = ḡ s^{−i} and the gradient with respect to Δ; if Δ itself is stretched, with
      // respect to the stretched one.
      let gradient = try ray.gradient([(1...order).map { n in cotangent.map { $0 * powers[n] } }])
      return (f, bits(gradient[0].map { $0 * (s == nil ? stretch : 1) }))
    }
    let plain = try run(delta, s: nil, stretch: 1)
    for s in [1, 0x1p-7, 0x1p9] {
      let scaled = try run(delta, s: s, stretch: s)
      #expect(scaled.0 == plain.0, "coefficients, s = \(s)")
      #expect(scaled.1 == plain.1, "gradient, s = \(s)")
      let stretched = try run(delta.map { $0 * s }, s: nil, stretch: s)
      #expect(stretched.0 == plain.0, "coefficients, Δ stretched by \(s)")
      #expect(stretched.1 == plain.1, "gradient, Δ stretched by \(s)")
    }
  }

  /// Order 3 along V directions: coefficients and bias gradients are bit for bit those of single
  /// runs, as every chain is the same.
  @Test(arguments: BackendUnderTest.canonical)
  func severalDirectionsAreSingleOnes(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let network = try denseNetwork([6, 17, 11, 4], [.tanh, .relu])
    let center = network.sampleParameters(seed: 11)
    let deltas = (0..<3).map { network.sampleParameters(seed: 70 + UInt64($0), scale: 0.4) }
    let x = sample(5 * 6, seed: 12)
    let cotangents = (0..<3).map { v in
      (0..<3).map { sample(20, seed: 80 + UInt64(3 * v + $0)) }
    }
    func ray(_ displacements: [[Double]], _ type: ScalarType) throws -> Ray {
      try Ray(
        network, inputs: x, center: center, displacements: displacements, scale: 0.5, order: 3,
        type, on: backend)
    }
    let together = try ray(deltas, .float32).coefficients()
    let gradients = try ray(deltas, .float32).gradient(cotangents)
    let exact = try ray(deltas, .float64).gradient(cotangents)
    for v in 0..<3 {
      let single = try ray([deltas[v]], .float32)
      let f = try single.coefficients()
      #expect(f.count == together.count)
      for n in f.indices {
        #expect(bits(together[n][n == 0 ? 0 : v]) == bits(f[n][0]), "direction \(v), order \(n)")
      }
      let gradient = try single.gradient([cotangents[v]])[0]
      for tensor in network.parameters where tensor.shape.count == 1 {
        let (a, b) = (Array(gradients[v][tensor.range]), Array(gradient[tensor.range]))
        #expect(bits(a) == bits(b), "\(tensor.name)")
      }
      let exactSingle = try ray([deltas[v]], .float64).gradient([cotangents[v]])[0]
      #expect(relativeError(exact[v], exactSingle) < 1e-13)
    }
  }

  /// Weight gradients of V directions add coefficient 0's part apart from the others'. On integers
  /// every order of summation is exact, so they equal those of single runs, too.
  @Test(arguments: BackendUnderTest.allCases, [Activation.relu, .quadratic])
  func weightGradientsOfSeveralDirections(
    _ place: BackendUnderTest, _ activation: Activation
  ) throws {
    let backend = try place.backend()
    let network = try denseNetwork([4, 5, 3], [activation])
    func integers(_ count: Int, _ seed: Int) -> [Double] {
      (0..<count).map { Double(($0 * 7 + seed * 5 + $0 / 3) % 3 - 1) }
    }
    let count = network.parameterCount
    let center = integers(count, 1)
    let deltas = (0..<3).map { integers(count, 2 + $0) }
    let x = integers(4 * 4, 6)
    let cotangents = (0..<3).map { v in (0..<3).map { integers(12, 7 + 3 * v + $0) } }
    func gradient(_ range: Range<Int>) throws -> [[Double]] {
      try Ray(
        network, inputs: x, center: center, displacements: Array(deltas[range]), scale: 2,
        order: 3, .float32, on: backend
      ).gradient(Array(cotangents[range]))
    }
    let together = try gradient(0..<3)
    for v in 0..<3 {
      let single = try gradient(v..<(v + 1))[0]
      #expect(together[v] == single, "direction \(v)")
      #expect(
        single.contains { $0 != 0 } && single.allSatisfy { abs($0) < 0x1p24 && $0 == $0.rounded() })
    }
  }

  /// An example's coefficients have the same bits alone, in a batch of 7 and in one of 128.
  @Test(arguments: BackendUnderTest.canonical, [0, 2])
  func rowsDoNotDependOnTheirBatch(_ place: BackendUnderTest, _ order: Int) throws {
    let backend = try place.backend()
    let network = try denseNetwork([64, 70, 33, 10], [.tanh, .gelu])
    let center = network.sampleParameters(seed: 13)
    let delta = network.sampleParameters(seed: 14, scale: 0.2)
    let x = sample(128 * 64, seed: 15)
    func run(_ rows: Range<Int>) throws -> [[Double]] {
      try Ray(
        network, inputs: Array(x[(rows.lowerBound * 64)..<(rows.upperBound * 64)]),
        center: center, displacements: order == 0 ? [] : [delta], order: order, .float32,
        on: backend
      ).coefficients().map { $0[0] }
    }
    let whole = try run(0..<128)
    for rows in [0..<1, 5..<6, 127..<128, 3..<10, 121..<128] {
      let part = try run(rows)
      for n in 0...order {
        let expected = Array(whole[n][(rows.lowerBound * 10)..<(rows.upperBound * 10)])
        #expect(bits(part[n]) == bits(expected), "rows \(rows), coefficient \(n)")
      }
    }
  }
}
