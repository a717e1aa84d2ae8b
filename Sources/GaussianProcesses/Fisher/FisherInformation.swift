import Compute
import Jets
import Networks
import Training

/// A network's Fisher information as an operator, exactly: no differences.
///
///     F v = (1/n) Σ_x R J(x)ᵀ H(x) J(x) R v,
///
/// J the Jacobian of the outputs, R = diag(r_t) the model's scales, H = I or diag(p) − ppᵀ. One pass
/// forward with a tangent gives f and J R v, and what it keeps serves one pass back: five products per
/// layer, where a product with J and one with Jᵀ take six. (Maddox et al., arXiv 2103.01439, differentiate
/// a divergence at θ + εv and divide by ε: `FiniteDifferenceFisher`.)
public final class FisherInformation: SymmetricOperator {
  public let model: LinearizedNetwork
  public let likelihood: OutputLikelihood
  /// [n, features]
  public let inputs: Matrix
  /// Where H is taken, [n, O]; nil for f(x; θ).
  public let logits: Matrix?
  /// Examples of one pass: a function of the network and the scalar type alone, because sums over passes
  /// depend on it.
  let passExamples: Int
  /// Rows that sum to 1, for `SoftmaxCurvature`.
  private let ones: Matrix?

  public var backend: any Backend { model.backend }
  public var type: ScalarType { model.type }
  /// P
  public var dimension: Int { model.parameterCount }

  /// Bytes of a pass with one vector that halve its examples.
  private static let passLimit = 1 << 30

  /// - Parameter logits: where H is taken in place of f(x; θ), such as the logits of a MAP estimate.
  /// - Throws: `GaussianProcessError` for the softmax of one output.
  public init(
    _ model: LinearizedNetwork, _ likelihood: OutputLikelihood, _ inputs: Matrix,
    logits: Matrix? = nil
  ) throws {
    precondition(logits.map { $0.rows == inputs.rows && $0.columns == model.outputs } ?? true)
    (self.model, self.likelihood, self.inputs) = (model, likelihood, inputs)
    self.logits = logits
    try likelihood.check(outputs: model.outputs)
    var size = LinearizedNetwork.productExamples
    while size > 1, try Self.bytes(model, likelihood, size, vectors: 1) > Self.passLimit {
      size /= 2
    }
    passExamples = size
    ones = try Self.ones(likelihood, min(size, inputs.rows), model)
  }

  /// On a back end that only counts.
  private init(counting model: LinearizedNetwork, _ likelihood: OutputLikelihood, _ inputs: Matrix)
    throws
  {
    (self.model, self.likelihood, self.inputs, logits) = (model, likelihood, inputs, nil)
    passExamples = inputs.rows
    ones = try Self.ones(likelihood, inputs.rows, model)
  }

  private static func ones(
    _ likelihood: OutputLikelihood, _ rows: Int, _ model: LinearizedNetwork
  ) throws -> Matrix? {
    guard likelihood == .softmax else { return nil }
    var values = [Double](repeating: 0, count: rows * model.outputs)
    for row in 0..<rows { values[row * model.outputs] = 1 }
    return try model.backend.matrix(rows, model.outputs, model.type, values)
  }

  /// What a pass takes beyond parameters, vectors and inputs.
  private static func bytes(
    _ model: LinearizedNetwork, _ likelihood: OutputLikelihood, _ examples: Int, vectors: Int
  ) throws -> Int {
    let null = NullBackend()
    let counted = try FisherInformation(
      counting: LinearizedNetwork(
        model.network, at: null.matrix(1, model.parameterCount, model.type), scales: model.scales,
        on: null),
      likelihood, null.matrix(examples, model.network.inputCount, model.type))
    let v = try null.matrix(vectors, model.parameterCount, model.type)
    let before = null.statistics.liveBytes
    try counted.pass(v, 0..<examples, into: v)
    return null.statistics.peakBytes - before
  }

  // MARK: Products

  public func apply(_ v: Matrix, into target: Matrix) throws { try products(v, into: target) }

  /// Zeros where a tensor's scale is 0.
  public func restrict(_ v: Matrix) throws {
    for (tensor, scale) in zip(model.network.parameters, model.scales) where scale == 0 {
      try backend.run(.fill(Fill(model.columns(tensor, of: v), value: 0)))
    }
  }

  /// F v⁽ᵛ⁾ for V vectors, some of them at a time, which changes no bit.
  ///
  /// - Parameters:
  ///   - vectors: [V, P].
  ///   - target: [V, P], not the same memory.
  public func products(_ vectors: Matrix, into target: Matrix) throws {
    precondition(vectors.columns == dimension && target.rows == vectors.rows, "[V, P]")
    let size = try vectorsAtOnce(vectors.rows)
    for first in stride(from: 0, to: vectors.rows, by: size) {
      let rows = first..<min(vectors.rows, first + size)
      try sum(vectors.rows(rows), into: target.rows(rows))
    }
  }

  private func vectorsAtOnce(_ count: Int) throws -> Int {
    guard count > 1 else { return 1 }
    let examples = min(passExamples, inputs.rows)
    let one = try Self.bytes(model, likelihood, examples, vectors: 1)
    let two = try Self.bytes(model, likelihood, examples, vectors: 2)
    return max(1, min(count, (model.passBytes - 2 * one + two) / max(1, two - one)))
  }

  /// target ← Σ over passes, in their order.
  private func sum(_ vectors: Matrix, into target: Matrix) throws {
    let directions = try model.scaled(vectors)
    let isWhole = model.isTrainable.allSatisfy { $0 }
    var scratch: Matrix?
    for first in stride(from: 0, to: inputs.rows, by: passExamples) {
      var part = target
      if first > 0 {
        part = try scratch ?? backend.matrix(vectors.rows, dimension, type)
        scratch = part
      }
      if !isWhole { try backend.run(.fill(Fill(part, value: 0))) }
      try pass(directions, first..<min(inputs.rows, first + passExamples), into: part)
      guard first > 0 else { continue }
      try backend.run(.linearCombination(LinearCombination(target, 1, part, 1, target)))
    }
  }

  /// R Jᵀ H J d/n of some examples, d = R v.
  private func pass(_ directions: Matrix, _ part: Range<Int>, into target: Matrix) throws {
    let network = model.network
    let (algebra, tape) = (JetAlgebra(backend, order: 1), Network.Tape())
    let parameters = ParameterJet(center: model.center, displacement: directions)
    var output = try network.pushforward(
      inputs.rows(part), parameters, algebra: algebra, tape: tape)
    if output.capacity != output.degree { output = try algebra.scaled(1, output) }
    let (n, v) = (part.count, directions.rows)
    let tangents = output.matrix.rows(n..<(n * (1 + v)))
    let u = try backend.matrix(n * v, model.outputs, type)
    let factor = 1 / Double(inputs.rows)
    if let ones {
      try backend.run(
        .softmaxCurvature(
          SoftmaxCurvature(
            u, outputs: logits?.rows(part) ?? output[0], targets: ones.rows(0..<n),
            tangents: tangents, factor: factor)))
    } else {
      try backend.run(.linearCombination(LinearCombination(u, factor, tangents)))
    }
    let cotangent = Jet(
      u, block: n, degree: 1, capacity: 1, directions: v, hasZero: false)
    try network.pullback(
      cotangent, tape, parameters, algebra: algebra, into: target,
      isTrainable: model.isTrainable, tensorScales: model.tensorScales)
  }
}

extension LinearizedNetwork {
  /// r_t, as a pullback takes them; nil where R = I.
  var tensorScales: [Double]? { areScalesOne ? nil : scales }
}

extension OutputLikelihood {
  func check(outputs: Int) throws {
    guard self == .gaussian || outputs > 1 else {
      throw GaussianProcessError(
        "the softmax of one output is always 1, so that its Fisher information is 0; give the network "
          + "an output for each class, or --likelihood gaussian")
    }
  }
}
