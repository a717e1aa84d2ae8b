import Compute
import Glibc
import Networks
import TestSupport
import Testing

@testable import Training

func exponential(_ x: Double) -> Double { exp(x) }

/// Products with first and second derivatives against dense ones from central differences.
@BackendActor @Suite struct CurvatureProductTests {
  private func check(_ dense: DenseDerivatives, _ label: String, isTrainable: [Bool]? = nil) throws
  {
    let backend = dense.model.backend
    let count = dense.count
    // Zeros where tensors are frozen.
    let mask = zip(dense.model.network.parameters, isTrainable ?? []).flatMap { tensor, trained in
      [Double](repeating: trained ? 1 : 0, count: tensor.count)
    }
    func masked(_ x: [Double]) -> [Double] { mask.isEmpty ? x : zip(x, mask).map { $0 * $1 } }
    let v = sample(count, seed: 11).map { 3 * $0 }
    let u = sample(dense.outputCount, seed: 12)
    let jacobian = try dense.jacobian()
    func vector(_ values: [Double]) throws -> Matrix {
      try backend.matrix(1, values.count, .float64, values)
    }
    let derivatives = try ModelDerivatives(dense.model, isTrainable: isTrainable)
    let inputs = dense.examples.inputs
    let pushed = try backend.download(derivatives.push(vector(v), inputs))
    #expect(
      relativeError(pushed, times(transposed(jacobian), masked(v))) < 1e-8, "Jv, \(label)")
    let target = try backend.matrix(1, count, .float64)
    let cotangent = try backend.matrix(
      dense.examples.count, dense.outputCount / dense.examples.count, .float64, u)
    try derivatives.pull(cotangent, inputs, into: target)
    #expect(
      relativeError(try backend.download(target), masked(times(jacobian, u))) < 1e-8,
      "Jᵀu, \(label)")

    let expected = [
      (LossCurvature.Kind.hessian, try dense.hessian()),
      (.gaussNewton, try dense.gaussNewton(jacobian)),
    ]
    for (kind, matrix) in expected {
      // All at once, and in batches of 3 and 1.
      for batchSize in [512, 3] {
        let curvature = try LossCurvature(
          dense.model, kind, loss: dense.loss, examples: dense.examples,
          count: dense.examples.count, batchSize: batchSize, isTrainable: isTrainable)
        func product(_ v: [Double]) throws -> [Double] {
          try curvature.apply(vector(v), into: target)
          return try backend.download(target)
        }
        let product1 = try product(v)
        #expect(
          relativeError(product1, masked(times(matrix, masked(v)))) < 1e-7,
          "\(kind), \(label), batches of \(batchSize)")
        let w = sample(count, seed: 13)
        let (left, right) = (inner(product1, w), inner(try product(w), v))
        #expect(abs(left - right) < 1e-11 * norm(product1) * norm(w), "symmetry, \(label)")
        try curvature.gradient(into: target)
        #expect(
          relativeError(try backend.download(target), masked(try dense.gradient(dense.state)))
            < 1e-12, "gradient, \(label)")
      }
    }
    // The second term is not small, so that leaving it out would be seen.
    if dense.model.order != 1 {
      let difference = relativeError(
        times(expected[0].1, v), times(expected[1].1, v))
      #expect(difference > 1e-2, "\(label)")
    }
  }

  @Test(arguments: [0, 1, 2, 3, 4, 5], Loss.Kind.allCases)
  func denseNetworks(_ order: Int, _ loss: Loss.Kind) throws {
    let network = try denseNetwork([3, 5, 4, 3], [.tanh, .tanh], .ntk)
    try check(DenseDerivatives(network, order: order, loss: loss), "order \(order), \(loss)")
  }

  /// The expansion's center itself, Δ = 0.
  @Test(arguments: [1, 2, 3]) func atTheCenter(_ order: Int) throws {
    let network = try denseNetwork([3, 5, 4, 3], [.tanh, .sin], .ntk)
    try check(
      DenseDerivatives(network, order: order, loss: .crossEntropy, moved: 0),
      "order \(order), Δ = 0")
  }

  @Test(arguments: [0, 1, 2, 3]) func centredModels(_ order: Int) throws {
    let network = try denseNetwork([3, 5, 4, 3], [.tanh, .gelu], .ntk)
    try check(
      DenseDerivatives(network, order: order, loss: .crossEntropy, outputScale: 4),
      "order \(order), α = 4")
  }

  /// The network itself kept as θ0 and Δ.
  @Test(arguments: [nil, 4.0]) func networksWithAMovement(_ scale: Double?) throws {
    let network = try denseNetwork([3, 5, 4, 3], [.tanh, .gelu], .ntk)
    try check(
      DenseDerivatives(
        network, order: 0, loss: .crossEntropy, outputScale: scale,
        movement: MovementSettings(movementPenalty: 1)), "θ0 + Δ")
  }

  /// One Taylor coefficient alone, of a network with two hidden layers.
  @Test(arguments: [1, 2, 3, 4, 8], [nil, 4.0])
  func singleCoefficients(_ k: Int, _ scale: Double?) throws {
    let network = try denseNetwork([2, 4, 3, 2], [.tanh, .sin], .ntk)
    try check(
      DenseDerivatives(
        network, order: k, loss: .crossEntropy, outputScale: scale, moved: 0.7,
        movement: MovementSettings(coefficient: k)), "coefficient \(k)")
  }

  @Test(arguments: [0, 1, 3]) func frozenTensors(_ order: Int) throws {
    let network = try denseNetwork([3, 5, 4, 3], [.tanh, .tanh], .ntk)
    try check(
      DenseDerivatives(network, order: order, loss: .mse), "order \(order), frozen",
      isTrainable: network.parameters.map {
        $0.name != "layers.2.weight" && $0.name != "layers.4.bias"
      })
  }

  @Test(arguments: [0, 2, 3]) func convolutionalNetworks(_ order: Int) throws {
    let layers: [LayerDescription] = [
      .conv(.init(channels: 2, kernel: .init(2, 2), padding: .same, biasStd: 0.1)),
      .activation(.tanh),
      .residual(
        .init(main: [
          .conv(.init(channels: 2, kernel: .init(2, 2), padding: .same)), .activation(.sin),
        ])),
      .layerNorm(.init(isAffine: true)), .globalAvgPool, .dense(.init(units: 3, biasStd: 0.1)),
    ]
    let network = try Network(
      NetworkDescription(input: [1, 3, 3], parameterization: .ntk, layers: layers))
    try check(
      DenseDerivatives(network, order: order, loss: .crossEntropy, examples: 3),
      "convolutions, order \(order)")
  }

  /// A linear network: no second derivative, whatever the order of the jets.
  @Test(arguments: [0, 2]) func linearNetworks(_ order: Int) throws {
    let dense = try DenseDerivatives(
      denseNetwork([3, 2], []), order: order, loss: .crossEntropy)
    let backend = dense.model.backend
    let v = try backend.matrix(1, dense.count, .float64, sample(dense.count, seed: 3))
    let products = try [LossCurvature.Kind.hessian, .gaussNewton].map { kind in
      let target = try backend.matrix(1, dense.count, .float64)
      try LossCurvature(
        dense.model, kind, loss: .crossEntropy, examples: dense.examples, count: 4
      ).apply(v, into: target)
      return try backend.download(target)
    }
    #expect(relativeError(products[0], products[1]) < 1e-14)
    #expect(
      relativeError(
        products[0], times(try dense.hessian(), sample(dense.count, seed: 3))) < 1e-8)
  }

  /// A vector's length does not matter but for its power of two, nor does zero.
  @Test(arguments: [0, 3]) func lengths(_ order: Int) throws {
    let dense = try DenseDerivatives(
      denseNetwork([3, 5, 3], [.tanh]), order: order, loss: .crossEntropy)
    let backend = dense.model.backend
    let hessian = try LossCurvature(
      dense.model, .hessian, loss: .crossEntropy, examples: dense.examples, count: 4)
    let target = try backend.matrix(1, dense.count, .float64)
    func product(_ factor: Double) throws -> [Double] {
      let v = sample(dense.count, seed: 3).map { $0 * factor }
      try hessian.apply(backend.matrix(1, dense.count, .float64, v), into: target)
      return try backend.download(target)
    }
    let one = try product(1)
    #expect(try product(0x1p-20) == one.map { $0 * 0x1p-20 })
    #expect(try product(0x1p20) == one.map { $0 * 0x1p20 })
    // Of order 3 what the nodes' differences round.
    #expect(norm(try product(0)) <= (order == 0 ? 0 : 1e-15 * norm(one)))
    #expect(relativeError(try product(3), one.map { 3 * $0 }) < 1e-14)
  }

  /// float32 keeps six digits of the products where expansions are close to linear, whatever the order:
  /// the linear term does not come from differences.
  @Test(arguments: [0, 1, 2, 3, 5, 8]) func singlePrecision(_ order: Int) throws {
    let network = try denseNetwork([20, 40, 30, 4], [.tanh, .tanh])
    let count = network.parameterCount
    func rounded(_ values: [Double]) -> [Double] { values.map { Double(Float($0)) } }
    let start = rounded(network.sampleParameters(seed: 1))
    let displacement = rounded(network.sampleParameters(seed: 2, scale: 0.01))
    let (x, v) = (rounded(sample(160, seed: 4)), rounded(sample(count, seed: 5)))
    let backend = try BackendUnderTest.openblas2.backend()
    let products = try [ScalarType.float32, .float64].map { type in
      let model = try Model(
        network, center: backend.matrix(1, count, type, start), order: order, on: backend)
      if let target = model.displacement { try backend.upload(displacement, to: target) }
      let targets = (0..<32).map { $0 % 4 == $0 / 4 % 4 ? 1.0 : 0 }
      let hessian = try LossCurvature(
        model, .hessian, loss: .crossEntropy, inputs: backend.matrix(8, 20, type, x),
        targets: backend.matrix(8, 4, type, targets))
      let target = try backend.matrix(1, count, type)
      try hessian.apply(backend.matrix(1, count, type, v), into: target)
      return try backend.download(target)
    }
    #expect(relativeError(products[0], products[1]) < 1e-6)
  }

  /// Of one coefficient, all of which comes from differences, float32 keeps six digits: a few roundings
  /// for each order.
  @Test(arguments: 1...8) func singlePrecisionOfCoefficients(_ k: Int) throws {
    let network = try denseNetwork([20, 40, 30, 4], [.tanh, .tanh])
    let count = network.parameterCount
    func rounded(_ values: [Double]) -> [Double] { values.map { Double(Float($0)) } }
    let start = rounded(network.sampleParameters(seed: 1, scale: 0.5))
    let displacement = rounded(network.sampleParameters(seed: 2, scale: 0.3))
    let (x, v) = (rounded(sample(160, seed: 4)), rounded(sample(count, seed: 5)))
    let backend = try BackendUnderTest.openblas2.backend()
    let products = try [ScalarType.float32, .float64].map { type in
      let model = try Model(
        network, center: backend.matrix(1, count, type, start), order: k, on: backend,
        movement: MovementSettings(coefficient: k))
      try backend.upload(displacement, to: model.state)
      let targets = (0..<32).map { $0 % 4 == $0 / 4 % 4 ? 1.0 : 0 }
      let hessian = try LossCurvature(
        model, .hessian, loss: .crossEntropy, inputs: backend.matrix(8, 20, type, x),
        targets: backend.matrix(8, 4, type, targets))
      let target = try backend.matrix(1, count, type)
      try hessian.apply(backend.matrix(1, count, type, v), into: target)
      return try backend.download(target)
    }
    #expect(relativeError(products[0], products[1]) < 5 * Double(k) * 0x1p-24)
    #expect(norm(products[1]) > 0)
  }

  /// Θ against the dense J Jᵀ.
  @Test(arguments: [0, 1, 2], [(3, 7), (20, 3)])
  func tangentKernels(_ order: Int, _ shape: (outputs: Int, examples: Int)) throws {
    try checkKernel(order, nil, shape)
  }

  /// Of models that keep a movement, and of one coefficient alone.
  @Test(arguments: [0, 1, 2, 3]) func tangentKernelsOfMovements(_ order: Int) throws {
    let movement =
      order == 0
      ? MovementSettings(movementPenalty: 1) : MovementSettings(coefficient: order)
    try checkKernel(order, movement, (3, 4))
  }

  private func checkKernel(
    _ order: Int, _ movement: MovementSettings?, _ shape: (outputs: Int, examples: Int)
  ) throws {
    let network = try denseNetwork([3, 5, 4, shape.outputs], [.tanh, .tanh], .ntk)
    let dense = try DenseDerivatives(
      network, order: order, loss: .mse, examples: shape.examples, movement: movement)
    let jacobian = transposed(try dense.jacobian())
    let kernel = try dense.model.backend.download(
      ModelDerivatives(dense.model).tangentKernel(dense.examples.inputs))
    let expected = jacobian.flatMap { row in jacobian.map { inner(row, $0) } }
    #expect(relativeError(kernel, expected) < 1e-8)
  }
}
