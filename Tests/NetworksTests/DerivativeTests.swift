import Compute
import Jets
import Networks
import TestSupport
import Testing

/// First derivatives: the adjoint identity, central differences, several directions at once.
@BackendActor @Suite struct DerivativeTests {
  nonisolated static let mixed: [Activation] = [.tanh, .relu, .gelu]

  private func mixedNetwork() throws -> Network {
    try denseNetwork([7, 19, 6, 11, 5], Self.mixed, .ntk)
  }

  private func jvp(
    _ network: Network, _ x: [Double], _ theta: [Double], _ tangents: [[Double]],
    _ type: ScalarType, on backend: any Backend
  ) throws -> [Double] {
    try backend.download(
      network.jacobianVectorProducts(
        backend.matrix(x.count / network.inputCount, network.inputCount, type, x),
        at: backend.matrix(1, theta.count, type, theta),
        along: backend.matrix(tangents.count, theta.count, type, tangents.flatMap { $0 }),
        on: backend))
  }

  private func vjp(
    _ network: Network, _ x: [Double], _ theta: [Double], _ cotangents: [[Double]],
    _ type: ScalarType, on backend: any Backend
  ) throws -> [Double] {
    let batch = x.count / network.inputCount
    return try backend.download(
      network.vectorJacobianProducts(
        backend.matrix(
          cotangents.count * batch, network.outputCount, type, cotangents.flatMap { $0 }),
        backend.matrix(batch, network.inputCount, type, x),
        at: backend.matrix(1, theta.count, type, theta), directions: cotangents.count,
        on: backend))
  }

  /// ⟨u, Jv⟩ = ⟨Jᵀu, v⟩ for three pairs at once. Both sides are sums of the same products of at
  /// most 5 factors: they differ by roundings, 10⁻¹³ of ‖u‖‖Jv‖.
  @Test(arguments: BackendUnderTest.allCases)
  func adjointIdentity(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let network = try mixedNetwork()
    let theta = network.sampleParameters(seed: 1)
    let x = sample(4 * 7, seed: 2)
    let v = (0..<3).map { sample(network.parameterCount, seed: 10 + UInt64($0)) }
    let u = (0..<3).map { sample(4 * 5, seed: 20 + UInt64($0)) }
    let jv = try jvp(network, x, theta, v, .float64, on: backend)
    let jtu = try vjp(network, x, theta, u, .float64, on: backend)
    for d in 0..<3 {
      let image = Array(jv[(d * 20)..<(d * 20 + 20)])
      let pulled = Array(jtu[(d * theta.count)..<((d + 1) * theta.count)])
      let difference = abs(inner(u[d], image) - inner(pulled, v[d]))
      #expect(difference <= 1e-13 * norm(u[d]) * norm(image), "pair \(d)")
      #expect(norm(image) > 0.1)
    }
  }

  /// The gradient of ⟨u, f(θ)⟩ against the fourth-order central difference along a direction,
  /// whose truncation error is O(h⁴) = 10⁻¹² and whose rounding error about 10⁻¹⁵/h = 10⁻¹².
  @Test(arguments: Activation.allCases)
  func gradientsAgreeWithCentralDifferences(_ activation: Activation) throws {
    let network = try denseNetwork([5, 8, 7, 3], [activation, activation])
    let theta = network.sampleParameters(seed: 3)
    let v = sample(theta.count, seed: 4)
    let (x, u) = (sample(3 * 5, seed: 5), sample(9, seed: 6))
    let h = 1e-3
    for place in [BackendUnderTest.reference, .openblas2] {
      let backend = try place.backend()
      func value(_ t: Double) throws -> Double {
        let moved = zip(theta, v).map { $0 + t * $1 }
        let ray = try Ray(
          network, inputs: x, center: moved, order: 0, .float64, on: backend)
        return inner(u, try ray.coefficients()[0][0])
      }
      let expected =
        (8 * (try value(h) - value(-h)) - (try value(2 * h) - value(-2 * h))) / (12 * h)
      let ray = try Ray(network, inputs: x, center: theta, order: 0, .float64, on: backend)
      let gradient = try ray.gradient([[u]])[0]
      let slope = inner(gradient, v)
      #expect(abs(slope - expected) <= 1e-9 * norm(gradient) * norm(v), "\(place)")
      #expect(abs(expected) > 1e-3)
    }
  }

  /// Order 1 with V directions is V single runs, bit for bit: every chain is the same.
  @Test(arguments: BackendUnderTest.canonical)
  func severalDirectionsAreSingleOnes(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let network = try mixedNetwork()
    let theta = network.sampleParameters(seed: 7)
    let x = sample(5 * 7, seed: 8)
    let v = (0..<4).map { sample(theta.count, seed: 30 + UInt64($0)) }
    let u = (0..<4).map { sample(5 * 5, seed: 40 + UInt64($0)) }
    let images = try jvp(network, x, theta, v, .float32, on: backend)
    let singles = try v.flatMap { try jvp(network, x, theta, [$0], .float32, on: backend) }
    #expect(bits(images) == bits(singles))
    let pulled = try vjp(network, x, theta, u, .float32, on: backend)
    let pulledSingly = try u.flatMap { try vjp(network, x, theta, [$0], .float32, on: backend) }
    #expect(bits(pulled) == bits(pulledSingly))
  }

  @Test func everyBackendHasTheSameBits() throws {
    let network = try mixedNetwork()
    let theta = network.sampleParameters(seed: 9)
    let x = sample(5 * 7, seed: 10)
    let v = (0..<3).map { sample(theta.count, seed: 50 + UInt64($0)) }
    let u = (0..<3).map { sample(5 * 5, seed: 60 + UInt64($0)) }
    let results = try BackendUnderTest.onEach { backend in
      bits(try jvp(network, x, theta, v, .float32, on: backend))
        + bits(try vjp(network, x, theta, u, .float32, on: backend))
    }
    for other in results.dropFirst() {
      #expect(other.result == results[0].result, "\(other.backend)")
    }
  }
}
