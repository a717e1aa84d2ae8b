import ComplexNetwork
import Compute
import Glibc
import Jets
import Networks
import TestSupport
import Testing

/// The radius of convergence and the errors of a tanh network's expansions, against singularities
/// found in the complex plane and against the network itself.
@BackendActor @Suite struct RadiusTests {
  nonisolated static let sizes = [6, 12, 12, 3]

  /// 200 examples of a network with two hidden layers, expanded to order 64.
  @BackendActor private struct Bench {
    let center: [Double]
    let displacement: [Double]
    let inputs: [Double]
    let series: [VectorSeries]
    let values: [[Double]]
    let network: Network

    init(seed: UInt64, count: Int = 200, on backend: any Backend) throws {
      let widths = RadiusTests.sizes
      network = try denseNetwork(widths, [.tanh, .tanh])
      center = network.sampleParameters(seed: seed)
      displacement = network.sampleParameters(seed: seed + 1, scale: 0.5)
      inputs = sample(count * widths[0], seed: seed + 2).map { 1.7 * $0 }
      let ray = try Ray(
        network, inputs: inputs, center: center, displacements: [displacement], order: 64, .float64,
        on: backend)
      let outputs = network.outputCount
      let coefficients = try ray.coefficients().map { $0[0] }
      series = (0..<count).map { example in
        VectorSeries(
          coefficients.map { Array($0[(example * outputs)..<((example + 1) * outputs)]) })
      }
      let moved = zip(center, displacement).map { $0 + $1 }
      let end = try Ray(
        network, inputs: inputs, center: moved, order: 0, .float64, on: backend
      ).coefficients()[0][0]
      values = (0..<count).map { Array(end[($0 * outputs)..<(($0 + 1) * outputs)]) }
    }

    /// Calls `body` with the network in C and each example's input.
    func onEach(_ body: (UnsafePointer<ComplexNetwork>, Int, UnsafePointer<Double>) -> Void) {
      center.withUnsafeBufferPointer { center in
        displacement.withUnsafeBufferPointer { displacement in
          inputs.withUnsafeBufferPointer { inputs in
            var complex = ComplexNetwork(
              inputs: sizes[0], first: sizes[1], second: sizes[2], outputs: sizes[3],
              center: center.baseAddress, displacement: displacement.baseAddress)
            for example in series.indices {
              body(&complex, example, inputs.baseAddress! + example * sizes[0])
            }
          }
        }
      }
    }
  }

  /// c_n = (1/2π) ∫ f(r e^{iφ}) e^{−inφ} dφ / rⁿ, by 1024 points: exact up to rounding, since what
  /// it confuses lies a factor (r/R)^1024 below.
  @Test func coefficientsAreCauchyIntegrals() throws {
    let bench = try Bench(seed: 31, count: 4, on: BackendUnderTest.openblas2.backend())
    bench.onEach { network, example, x in
      let series = bench.series[example]
      let radius = 0.9 * RadiusOfConvergence(series, .poles).radius
      let points = 1024
      var values = [Double](repeating: 0, count: 6 * points)
      for i in 0..<points {
        let angle = 2 * Double.pi * Double(i) / Double(points)
        complex_network_value(
          network, x, radius * cos(angle), radius * sin(angle), &values[6 * i])
      }
      let size = values.reduce(0) { max($0, abs($1)) }
      for n in 0...64 {
        for output in 0..<3 {
          var sum = 0.0
          for i in 0..<points {
            let angle = 2 * Double.pi * Double(i * n % points) / Double(points)
            sum += values[6 * i + output] * cos(angle) + values[6 * i + 3 + output] * sin(angle)
          }
          let scaled = series.coefficients[n][output] * pow(radius, Double(n))
          #expect(abs(scaled - sum / Double(points)) < 1e-12 * size, "c_\(n) of \(example)")
        }
      }
      // The last coefficient is seen: it lies far above that bound.
      #expect(norm(series.coefficients[64]) * pow(radius, 64) > 1e-7 * size)
    }
  }

  /// The radius within 1 % for at least 95 % of 200 examples; the argument principle shows that no
  /// singularity lies nearer than Newton's, to 1 %. Errors that c_0…c_{k+1} alone predict, k ≥ 4,
  /// within a factor of 2 of the network's own for 95 % of examples and orders, inside and outside
  /// the circle of convergence.
  @Test func radiiAndErrorsOfATanhNetwork() throws {
    let bench = try Bench(seed: 41, on: BackendUnderTest.openblas2.backend())
    let analysis = ConvergenceAnalysis(
      bench.series, values: bench.values, kind: bench.network.analyticity,
      hasGates: bench.network.hasGates)
    var within = 0
    var (least, most) = (Double.infinity, 0.0)
    bench.onEach { network, example, x in
      var (re, im) = (0.0, 0.0)
      var nearer = complex_network_nearest(network, x, 8, &re, &im)
      if nearer != 0 { nearer = complex_network_nearest(network, x, 32, &re, &im) }
      #expect(nearer == 0, "example \(example): \(nearer) singularities nearer than Newton's")
      let exact = Complex(re, im).modulus
      (least, most) = (min(least, exact), max(most, exact))
      if abs(analysis.examples[example].radius.radius / exact - 1) < 0.01 { within += 1 }
    }
    let share = try #require(analysis.shareWithinTwo)
    let outside = analysis.examples.filter { !$0.converges }.count
    print("radii \(least) to \(most), \(within) of 200 within 1 %, \(outside) below 1")
    print("errors within a factor 2: \(share)")
    #expect(within >= 190)
    #expect(least > 0.3 && least < 1 && most > 1.5 && most < 10)
    #expect(share >= 0.95)
    #expect(outside >= 10 && outside <= 190)
  }

  /// At the largest step within a tolerance the network's own error is the tolerance, to the same
  /// factor of 2.
  @Test func stepsMeetTheTolerance() throws {
    let bench = try Bench(seed: 51, count: 20, on: BackendUnderTest.openblas2.backend())
    let orders = [4, 6, 8, 12, 16]
    var good = 0
    bench.onEach { network, example, x in
      for k in orders {
        let t = bench.series[example].largestStep(of: k, tolerance: 0.01)
        var value = [Double](repeating: 0, count: 6)
        complex_network_value(network, x, t, 0, &value)
        let sum = bench.series[example].sums(at: t)[k]
        let error = norm((0..<3).map { value[$0] - sum[$0] })
        if error > 0.005 && error < 0.02 { good += 1 }
      }
    }
    print("steps: \(good) of \(20 * orders.count)")
    #expect(good >= 95)
  }

  /// 1 and 2 threads give the same bits; devices agree to rounding.
  @Test func backEndsAgreeAtOrder64() throws {
    let one = try Bench(seed: 61, count: 40, on: BackendUnderTest.openblas1.backend())
    let two = try Bench(seed: 61, count: 40, on: BackendUnderTest.openblas2.backend())
    for (a, b) in zip(one.series, two.series) {
      #expect(a.coefficients.map(bits) == b.coefficients.map(bits))
    }
    for place in [BackendUnderTest.openclHost, .openclDevice] {
      let other = try Bench(seed: 61, count: 40, on: place.backend())
      for n in 0...64 {
        let difference = zip(one.series, other.series).flatMap { a, b in
          zip(a.coefficients[n], b.coefficients[n]).map { $0 - $1 }
        }
        let size = norm(one.series.flatMap { $0.coefficients[n] })
        #expect(norm(difference) <= 1e-13 * size, "coefficient \(n) on \(place)")
      }
    }
  }

  /// Gradients of ⟨v, Σ_i f_i⟩ at order 20 against central differences.
  @Test(arguments: [Activation.tanh, .softplus, .gelu])
  func gradientsOfLongSeries(_ activation: Activation) throws {
    let backend = try BackendUnderTest.openblas1.backend()
    let network = try denseNetwork([3, 5, 4, 2], [activation, activation])
    let center = network.sampleParameters(seed: 71)
    let delta = network.sampleParameters(seed: 72, scale: 0.3)
    let direction = network.sampleParameters(seed: 73)
    let x = sample(2 * 3, seed: 74)
    let weights = sample(4, seed: 75)
    func ray(_ t: Double) throws -> Ray {
      try Ray(
        network, inputs: x, center: center,
        displacements: [zip(delta, direction).map { $0 + t * $1 }], order: 20, .float64, on: backend
      )
    }
    func sum(_ t: Double) throws -> Double {
      try ray(t).coefficients().reduce(0) { $0 + inner($1[0], weights) }
    }
    let gradient = try ray(0).gradient([(1...20).map { _ in weights }])[0]
    let h = 1e-4
    let measured = try (8 * (sum(h) - sum(-h)) - (sum(2 * h) - sum(-2 * h))) / (12 * h)
    #expect(abs(inner(gradient, direction) - measured) < 1e-9 * max(1, abs(measured)))
  }

  /// Convolutions, pooling, residual blocks and layer normalization: inside the circle of convergence
  /// Σ c_n tⁿ to order 64 is the network at θ0 + tΔ.
  @Test(
    arguments: [
      Activation.tanh, .sigmoid, .exp, .erf, .softplus, .sin, .cos, .swish, .gelu, .quadratic,
      .gaussian, .geluTanh,
    ])
  func sumsOfConvolutionalNetworks(_ activation: Activation) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let same = LayerDescription.Convolution(channels: 4, kernel: .init(3, 3), padding: .same)
    let network = try Network(
      NetworkDescription(
        input: [2, 5, 5],
        layers: [
          .conv(same), .activation(activation),
          .residual(.init(main: [.layerNorm(.init()), .conv(same), .activation(activation)])),
          .globalAvgPool, .dense(.init(units: 3)),
        ]))
    let center = network.sampleParameters(seed: 81)
    let delta = network.sampleParameters(seed: 82, scale: 0.2)
    let x = sample(4 * 50, seed: 83)
    let coefficients = try Ray(
      network, inputs: x, center: center, displacements: [delta], order: 64, .float64, on: backend
    ).coefficients().map { $0[0] }
    #expect(coefficients.count == 65)
    for example in 0..<4 {
      let series = VectorSeries(coefficients.map { Array($0[(3 * example)..<(3 * example + 3)]) })
      let t = 0.55 * RadiusOfConvergence(series, .branchPoints).radius
      let value = try Ray(
        network, inputs: x, center: zip(center, delta).map { $0 + t * $1 }, order: 0, .float64,
        on: backend
      ).coefficients()[0][0]
      let sum = series.sums(at: t)[64]
      let difference = (0..<3).map { value[3 * example + $0] - sum[$0] }
      #expect(norm(difference) < 1e-12 * norm(value), "example \(example) at \(t)")
    }
  }

  @Test func whatNetworksCanMeet() throws {
    func kind(_ activations: [Activation]) throws -> (Analyticity, Bool) {
      let network = try denseNetwork([3] + activations.map { _ in 4 } + [2], activations)
      return (network.analyticity, network.hasGates)
    }
    #expect(try kind([.relu, .quadratic]) == (.polynomial, true))
    #expect(try kind([.erf, .gelu]) == (.entire, false))
    #expect(try kind([.quadratic, .gaussian]) == (.entire, false))
    #expect(try kind([.abs]) == (.polynomial, true))
    #expect(try kind([.sign]) == (.polynomial, true))
    #expect(try kind([.leakyReLU, .tanh]) == (.poles, true))
    #expect(try kind([.softplus, .sigmoid]) == (.branchPoints, false))
    let normalized = try Network(
      NetworkDescription(
        input: [3],
        layers: [
          .dense(.init(units: 4)),
          .residual(.init(main: [.layerNorm(.init()), .dense(.init(units: 4))])),
        ]))
    #expect(normalized.analyticity == .branchPoints && !normalized.hasGates)
  }
}
