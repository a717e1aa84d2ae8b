import Compute
import OpenCLBackend
import Testing

/// The operations of a layer and of a training step, on the device against their definitions.
@Suite struct LayerOperationTests {
  let backend: OpenCLBackend

  init() throws { backend = try makeBackend() }

  private func compare(
    _ what: String, _ make: (any Backend) throws -> (Operation, [Matrix])
  ) throws {
    try expectDefinition(on: backend, what, make)
  }

  private func jet(
    _ backend: any Backend, _ block: Int, _ columns: Int, degree: Int, capacity: Int,
    directions: Int = 1, hasZero: Bool = true, seed: UInt64
  ) throws -> JetView {
    let rows = block * ((hasZero ? 1 : 0) + directions * capacity)
    let values = sample(rows * columns, seed: seed)
    return JetView(
      try backend.matrix(rows, columns, .float32, values), block: block, degree: degree,
      capacity: capacity, directions: directions, hasZero: hasZero)
  }

  @Test(arguments: Activation.allCases)
  func compositions(_ activation: Activation) throws {
    for (degree, order, directions) in [(0, 0, 1), (1, 1, 3), (3, 3, 1), (2, 4, 2)] {
      let slopeDegree = min(order, activation.slopeDegree(of: degree, order: order))
      try compare("\(activation) degree \(degree) order \(order) ×\(directions)") { backend in
        let input = try jet(
          backend, 5, 19, degree: degree, capacity: order, directions: directions, seed: 1)
        let output = try jet(
          backend, 5, 19, degree: activation.degree(of: degree, order: order), capacity: order,
          directions: directions, seed: 2)
        let bias = JetComposition.Bias(
          center: try backend.matrix(1, 19, .float32, sample(19, seed: 3)),
          displacement: degree > 0
            ? try backend.matrix(1, 19, .float32, sample(19, seed: 4)) : nil,
          factor: 1, scale: try backend.matrix(1, 1, .float32, [0.5]))
        let operation = JetComposition(
          activation, of: input, into: output, slopeDegree: slopeDegree, bias: bias)
        return (.jetComposition(operation), [output.matrix, input.matrix])
      }
    }
  }

  @Test func products() throws {
    try compare("product") { backend in
      let left = try jet(backend, 3, 17, degree: 2, capacity: 2, directions: 2, seed: 1)
      let right = try jet(backend, 3, 17, degree: 1, capacity: 3, directions: 2, seed: 2)
      let output = try jet(backend, 3, 17, degree: 3, capacity: 3, directions: 2, seed: 3)
      return (
        .jetProduct(JetProduct(.forward(left: left, right: right, output: output))),
        [output.matrix]
      )
    }
    try compare("adjoint") { backend in
      let slope = try jet(backend, 3, 17, degree: 3, capacity: 3, seed: 1)
      let cotangent = try jet(backend, 3, 17, degree: 4, capacity: 4, hasZero: false, seed: 2)
      return (
        .jetProduct(JetProduct(.adjoint(slope: slope, cotangent: cotangent, degree: 4))),
        [cotangent.matrix]
      )
    }
  }

  @Test(arguments: Loss.Kind.allCases, [0, 2])
  func losses(_ kind: Loss.Kind, _ degree: Int) throws {
    try compare("\(kind) degree \(degree)") { backend in
      let logits = try jet(backend, 130, 10, degree: degree, capacity: degree, seed: 1)
      let oneHot = (0..<1300).map { $0 % 10 == $0 / 10 % 7 ? 1.0 : 0.0 }
      let cotangent = try jet(
        backend, 130, 10, degree: max(1, degree), capacity: max(1, degree), hasZero: false, seed: 2)
      let loss = Loss(
        kind, logits: logits, targets: try backend.matrix(130, 10, .float32, oneHot),
        scale: degree > 0 ? try backend.matrix(1, 1, .float32, [2]) : nil, factor: 1.0 / 128,
        outputs: try backend.matrix(130, 10, .float32),
        losses: try backend.matrix(1, 130, .float32),
        correct: try backend.matrix(1, 130, .float32), cotangent: cotangent)
      return (.loss(loss), [loss.outputs, loss.losses, loss.correct, cotangent.matrix])
    }
  }

  @Test func softmaxCurvature() throws {
    try compare("softmax curvature") { backend in
      func matrix(_ rows: Int, _ seed: UInt64) throws -> Matrix {
        try backend.matrix(rows, 10, .float32, sample(10 * rows, seed: seed).map { abs($0) })
      }
      let product = try backend.matrix(390, 10, .float32)
      let curvature = SoftmaxCurvature(
        product, outputs: try matrix(130, 1), targets: try matrix(130, 2),
        tangents: try matrix(390, 3), factor: 1.0 / 130)
      return (.softmaxCurvature(curvature), [product])
    }
  }

  @Test func optimizers() throws {
    for rule in 0..<3 {
      try compare("rule \(rule)") { backend in
        func vector(_ seed: UInt64) throws -> Matrix {
          try backend.matrix(1, 777, .float32, sample(777, seed: seed).map { abs($0) + 0.25 })
        }
        let (state, first, second) = (try vector(1), try vector(2), try vector(3))
        let rules: [OptimizerUpdate.Rule] = [
          .sgd, .momentum(velocity: first, 0.9),
          .adam(
            first: first, second: second, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, step: 3),
        ]
        let squares = try backend.matrix(1, 1, .float32)
        let update = OptimizerUpdate(
          rules[rule], state: state, gradient: try vector(4), learningRate: 0.1,
          center: try vector(5), clip: try backend.matrix(1, 1, .float32, [0.5]),
          decay: rule == 1 ? .state(rate: -0.01) : .gradient(0.01), noise: try vector(6),
          squares: squares)
        return (.optimizerUpdate(update), [state, first, second, squares])
      }
    }
  }

  @Test func stepScalars() throws {
    try compare("clipping") { backend in
      let factor = try backend.matrix(1, 1, .float32)
      let norm = try backend.matrix(1, 1, .float32)
      let squares = try backend.matrix(1, 1, .float32, [7])
      return (
        .gradientClipping(
          GradientClipping(factor: factor, norm: norm, squares: squares, limit: 2)),
        [factor, norm]
      )
    }
    try compare("direction scale") { backend in
      let scale = try backend.matrix(1, 1, .float32)
      return (
        .directionScale(
          DirectionScale(
            scale, centerSquares: try backend.matrix(1, 1, .float32, [900]),
            displacementSquares: try backend.matrix(1, 1, .float32, [0.125]), order: 3)),
        [scale]
      )
    }
  }
}
