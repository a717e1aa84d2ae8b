import Compute
import Networks
import TestSupport

@testable import Training

/// A model on a few examples in float64, with its outputs' Jacobian and its loss's Hessian by
/// central differences of outputs and gradients.
@BackendActor struct DenseDerivatives {
  let model: Model
  let examples: ResidentExamples
  let loss: Loss.Kind
  let state: [Double]
  private var backend: any Backend { model.backend }
  var count: Int { model.network.parameterCount }
  var outputCount: Int { examples.targets.count }
  /// Truncation is h⁴/30 times a fifth derivative of size about 10, rounding 10⁻¹⁵/h.
  private let h = 3e-4

  init(
    _ network: Network, order: Int, loss: Loss.Kind, examples n: Int = 4,
    outputScale: Double? = nil, moved: Double = 0.3, movement: MovementSettings? = nil
  ) throws {
    let backend = try BackendUnderTest.openblas2.backend()
    let start = network.sampleParameters(seed: 1, scale: 0.8)
    let displacement = network.sampleParameters(seed: 2, scale: moved)
    func vector(_ values: [Double]) throws -> Matrix {
      try backend.matrix(1, values.count, .float64, values)
    }
    let isCentered = outputScale != nil
    model = try Model(
      network, center: vector(start), order: order, on: backend, outputScale: outputScale,
      start: isCentered && order == 0 ? vector(start) : nil, movement: movement)
    state = model.displacement == nil ? zip(start, displacement).map { $0 + $1 } : displacement
    self.loss = loss
    let width = network.outputCount
    examples = ResidentExamples(
      inputs: try backend.matrix(
        n, network.inputCount, .float64, sample(n * network.inputCount, seed: 4)),
      targets: try backend.matrix(
        n, width, .float64,
        loss == .mse
          ? sample(n * width, seed: 5)
          // Sums other than 1, as weights of examples.
          : (0..<n * width).map { $0 % width == $0 / width % width ? 0.9 : 0.3 }),
      isClassification: loss == .crossEntropy)
    try place(state)
  }

  private func place(_ state: [Double]) throws {
    try backend.upload(state, to: model.state)
    model.displacementChanged()
  }

  /// The network's outputs (F/α of a centred model, but for a constant) at a state.
  func outputs(_ state: [Double]) throws -> [Double] {
    try place(state)
    let outputs = try Evaluator(Objective(loss)).start(model, on: examples).outputs
    return try backend.download(outputs).map { $0 / (model.outputScale ?? 1) }
  }

  /// The gradient of the mean loss (over α²) at a state.
  func gradient(_ state: [Double]) throws -> [Double] {
    try place(state)
    let target = try backend.matrix(1, count, .float64)
    try Objective(loss).gradient(
      model, inputs: examples.inputs, targets: examples.targets, into: target,
      outputs: Objective.Outputs(
        backend, count: examples.count, outputs: examples.targets.columns, type: .float64))
    return try backend.download(target)
  }

  /// Derivatives of `function` along every coordinate, [P, …], by the rule of five points.
  private func differences(_ function: ([Double]) throws -> [Double]) throws -> [[Double]] {
    try (0..<count).map { coordinate in
      func at(_ t: Double) throws -> [Double] {
        var moved = state
        moved[coordinate] += t
        return try function(moved)
      }
      let near = zip(try at(h), try at(-h)).map { $0 - $1 }
      let far = zip(try at(2 * h), try at(-2 * h)).map { $0 - $1 }
      return zip(near, far).map { (8 * $0 - $1) / (12 * h) }
    }
  }

  /// Rows ∂F/∂θ_p, [P][n·outputs].
  func jacobian() throws -> [[Double]] {
    defer { try? place(state) }
    return try differences(outputs)
  }

  /// Rows of the Hessian, [P][P].
  func hessian() throws -> [[Double]] {
    defer { try? place(state) }
    return try differences(gradient)
  }

  /// Jᵀ H_L J from a dense J and H_L by its formula, [P][P].
  func gaussNewton(_ jacobian: [[Double]]) throws -> [[Double]] {
    let (n, width) = (examples.count, examples.targets.columns)
    let outputs = try outputs(state).map { $0 * (model.outputScale ?? 1) }
    let targets = try backend.download(examples.targets)
    let curved = jacobian.map { row -> [Double] in
      if loss == .mse { return row.map { $0 / Double(n * width) } }
      return (0..<n).flatMap { example -> [Double] in
        let range = example * width..<(example + 1) * width
        let powers = outputs[range].map(exponential)
        let p = powers.map { $0 / powers.reduce(0, +) }
        let mean = inner(p, Array(row[range]))
        let weight = targets[range].reduce(0, +) / Double(n)
        return zip(p, row[range]).map { weight * $0 * ($1 - mean) }
      }
    }
    return jacobian.map { row in curved.map { inner(row, $0) } }
  }
}

func times(_ matrix: [[Double]], _ v: [Double]) -> [Double] { matrix.map { inner($0, v) } }

func transposed(_ matrix: [[Double]]) -> [[Double]] {
  (0..<matrix[0].count).map { column in matrix.map { $0[column] } }
}
