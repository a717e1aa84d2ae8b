import Compute
import Networks
import TestSupport
import Testing

@testable import Training

/// Random signs on the movement of two-layer networks: what their means are, in float64.
@BackendActor @Suite struct RandomizedModelTests {
  private let backend: any Backend

  init() throws { backend = try BackendUnderTest.openblas2.backend() }

  /// Signs of a draw, from the generator alone: sign j of neuron r.
  private func signs(
    _ purpose: RandomFill.Purpose, _ number: Int, seed: UInt64, neurons: Int, each: Int
  ) -> [[Double]] {
    let words = (0..<(neurons * each + 3) / 4).flatMap { block in
      Philox.words(
        seed: seed, purpose: purpose, tensor: 0, block: UInt64(number) << 32 + UInt64(block))
    }
    return (0..<each).map { j in
      (0..<neurons).map { words[j * neurons + $0] >> 31 == 1 ? -1 : 1 }
    }
  }

  private func randomized(
    _ order: Int, draws: Int = 16, signOrder: Int? = 2
  ) -> MovementSettings {
    MovementSettings(randomize: .signs, signOrder: signOrder, evaluationDraws: draws)
  }

  /// An evaluation is the mean over its draws of f at θ0 + ΣΔ, and for products of signs at
  /// θ0 + zΔ with outgoing weights τa/k!.
  @Test(arguments: [2, 3, 4])
  func evaluationsAreMeansOverTheirDraws(_ k: Int) throws {
    let plain = try TwoLayerNetwork(neurons: 7)
    let model = try plain.model(order: 0, randomized(0, signOrder: k), seed: 9, on: backend)
    let x = try plain.inputs(on: backend)
    let outputs = try backend.download(Evaluator(Objective(.mse)).outputs(model, at: x))
    let factorial = (1...k).reduce(1.0) { $0 * Double($1) }
    for i in 0..<4 {
      var mean = 0.0
      for draw in 0..<16 {
        let drawn = signs(.evaluationSigns, draw, seed: 9, neurons: 7, each: k == 2 ? 1 : k)
        let z = (0..<7).map { r in drawn.reduce(0) { $0 + $1[r] } }
        let tau = (0..<7).map { r in drawn.reduce(1) { $0 * $1[r] } / factorial }
        mean += plain.value(i, z: z, factor: k == 2 ? nil : tau) / 16
      }
      #expect(abs(outputs[i] - mean) < 1e-14)
    }
    // And again, and after an evaluation the movement is what it was.
    #expect(try backend.download(Evaluator(Objective(.mse)).outputs(model, at: x)) == outputs)
    #expect(try backend.download(#require(model.displacement)) == plain.displacement)
  }

  /// E f(ΣΔ) over all 2^m sign vectors is the sum of even coefficients: of the expansion of order
  /// 8, whose remainder of order 10 is below 1e-9 here.
  @Test(arguments: 1...4)
  func exhaustiveMeansAreEvenCoefficients(_ neurons: Int) throws {
    let plain = try TwoLayerNetwork(neurons: neurons, movement: 0.1)
    let even = try plain.coefficients(8, on: backend)
    let all = TwoLayerNetwork.signs(neurons)
    for i in 0..<4 {
      let mean = all.reduce(0) { $0 + plain.value(i, z: $1) } / Double(all.count)
      let sum = stride(from: 0, through: 8, by: 2).reduce(0) { $0 + even[$1][i] }
      #expect(abs(mean - sum) < 1e-9)
      #expect(abs(even[1][i]) > 1e-4)
    }
  }

  /// E[τ zⁱ] = 0 for i < k, k! at k, over all sign vectors.
  @Test(arguments: [2, 3, 4])
  func momentsOfProductsOfSigns(_ k: Int) {
    let all = TwoLayerNetwork.signs(k)
    for i in 0...k {
      let sum = all.reduce(0.0) { total, signs in
        let z = signs.reduce(0, +)
        return total + signs.reduce(1, *) * (0..<i).reduce(1.0) { power, _ in power * z }
      }
      #expect(sum / Double(all.count) == (i < k ? 0 : Double((1...k).reduce(1, *))))
    }
  }

  /// The factors that the device draws are sums and products of its signs.
  @Test(arguments: BackendUnderTest.canonical, [3, 4, 8])
  func factorsAreSumsAndProducts(_ place: BackendUnderTest, _ k: Int) throws {
    let plain = try TwoLayerNetwork(neurons: 21)
    let backend = try place.backend()
    let movement = try SignedMovement(
      plain.network, order: k, draws: 1, seed: 3, type: .float32, on: backend)
    for step in [0, 1, 1 << 30] {
      let factors = try movement.factors(.movementSigns, step)
      let drawn = signs(.movementSigns, step, seed: 3, neurons: 21, each: k)
      #expect(
        try backend.download(factors.movement)
          == (0..<21).map { r in drawn.reduce(0) { $0 + $1[r] } })
      #expect(
        try backend.download(#require(factors.outgoing))
          == (0..<21).map { r in drawn.reduce(1) { $0 * $1[r] } })
    }
  }

  /// Over all (2^k)^m signs the mean with z and τ is Σ_i E[τ zⁱ]/k! y_i: the k-th coefficient and
  /// smaller ones of order k + 2 and more. Beyond order 8 nothing is left here.
  @Test(arguments: [(3, 2), (3, 3), (4, 2)])
  func exhaustiveMeansOfProductsAreOneCoefficient(_ k: Int, _ neurons: Int) throws {
    let plain = try TwoLayerNetwork(neurons: neurons, movement: 0.01)
    let coefficients = try plain.coefficients(8, on: backend)
    let all = TwoLayerNetwork.signs(k * neurons)
    let factorial = (1...k).reduce(1.0) { $0 * Double($1) }
    let moments = (0...8).map { i in
      let own = TwoLayerNetwork.signs(k)
      return own.reduce(0.0) { total, signs in
        let z = signs.reduce(0, +)
        return total + signs.reduce(1, *) * (0..<i).reduce(1.0) { power, _ in power * z }
      } / Double(own.count) / factorial
    }
    #expect(moments[k] == 1 && moments[..<k].allSatisfy { $0 == 0 })
    for i in 0..<4 {
      let mean =
        all.reduce(0) { total, signs in
          let z = (0..<neurons).map { r in (0..<k).reduce(0) { $0 + signs[r * k + $1] } }
          let tau = (0..<neurons).map { r in (0..<k).reduce(1) { $0 * signs[r * k + $1] } }
          return total + plain.value(i, z: z, factor: tau.map { $0 / factorial })
        } / Double(all.count)
      let expected = (0...8).reduce(0) { $0 + moments[$1] * coefficients[$1][i] }
      #expect(abs(mean - expected) < 1e-14)
      #expect(abs(coefficients[k][i]) > 1e-12)
    }
  }

  /// Monte-Carlo means of f_2(ΣΔ), f_4(ΣΔ) and of the network are sums of even coefficients within
  /// four standard errors.
  @Test(arguments: [2, 4, 0])
  func sampledMeansAreEvenCoefficients(_ order: Int) throws {
    // So large that the even coefficients stand out; the network's own series must still converge.
    let plain = try TwoLayerNetwork(neurons: 24, movement: order == 0 ? 0.4 : 2)
    let draws = 2048
    let model = try plain.model(order: order, randomized(order, draws: draws), on: backend)
    let x = try plain.inputs(on: backend)
    var values: [[Double]] = []
    try model.forEachEvaluationDraw { _ in
      let jet = try model.pushforward(x)
      let outputs = try Objective.Outputs(backend, count: 4, outputs: 1, type: .float64)
      try Objective(.mse).evaluate(model, logits: jet, targets: x4(), into: outputs, cotangent: nil)
      values.append(try backend.download(outputs.values))
    }
    #expect(values.count == draws)
    let coefficients = try plain.coefficients(8, on: backend)
    var visible: Set<Int> = []
    for i in 0..<4 {
      let mean = values.reduce(0) { $0 + $1[i] } / Double(draws)
      let variance =
        values.reduce(0) { $0 + ($1[i] - mean) * ($1[i] - mean) } / Double(draws - 1)
      let error = (variance / Double(draws)).squareRoot()
      let last = order == 0 ? 8 : order
      let even = stride(from: 0, through: last, by: 2).reduce(0) { $0 + coefficients[$1][i] }
      #expect(abs(mean - even) < 4 * error, "\(mean) and \(even)")
      #expect(error > 0)
      for k in stride(from: 2, through: order, by: 2) where abs(coefficients[k][i]) > 8 * error {
        visible.insert(k)
      }
    }
    // Without one of them the mean would be far off.
    #expect(visible == Set(stride(from: 2, through: order, by: 2)))
  }

  /// The same for products of three signs and the cubic coefficient.
  @Test func sampledMeansOfProductsAreTheCoefficient() throws {
    let plain = try TwoLayerNetwork(neurons: 24, movement: 0.4)
    let draws = 512
    let movement = randomized(3, draws: draws, signOrder: nil)
    let model = try plain.model(order: 3, movement, on: backend)
    let x = try plain.inputs(on: backend)
    var values: [[Double]] = []
    try model.forEachEvaluationDraw { _ in
      let jet = try model.pushforward(x)
      let outputs = try Objective.Outputs(backend, count: 4, outputs: 1, type: .float64)
      try Objective(.mse).evaluate(model, logits: jet, targets: x4(), into: outputs, cotangent: nil)
      values.append(try backend.download(outputs.values))
    }
    let expected = try plain.coefficients(3, on: backend)[3]
    for i in 0..<4 {
      let mean = values.reduce(0) { $0 + $1[i] } / Double(draws)
      let variance =
        values.reduce(0) { $0 + ($1[i] - mean) * ($1[i] - mean) } / Double(draws - 1)
      #expect(abs(mean - expected[i]) < 4 * (variance / Double(draws)).squareRoot())
    }
  }

  private func x4() throws -> Matrix { try backend.matrix(4, 1, .float64, [0, 0, 0, 0]) }
}
