import Compute
import Jets
import Networks

/// Passes forward and back over examples, O cotangents for each: the columns of a root B of H, BBᵀ = H,
/// so that Σ_o (JᵀB_o)(JᵀB_o)ᵀ = JᵀHJ; without a likelihood those of I.
struct OutputPasses {
  let model: LinearizedNetwork
  let likelihood: OutputLikelihood
  /// Where H is taken, [n, O]; nil for f(x; θ).
  var logits: [Double]?

  /// Bytes of a pass that halve its examples.
  private static let passLimit = 1 << 29
  private static let mostExamples = 128

  /// Examples of one pass: a function of the network and the scalar type alone.
  ///
  /// - Parameter extra: elements that a sink takes for each example and output.
  func passExamples(extra: Int = 0) throws -> Int {
    var size = Self.mostExamples
    while size > 1, try bytes(size) + size * extra * model.type.byteCount > Self.passLimit {
      size /= 2
    }
    return size
  }

  private func bytes(_ examples: Int) throws -> Int {
    let null = NullBackend()
    let counted = OutputPasses(
      model: LinearizedNetwork(
        model.network, at: try null.matrix(1, model.parameterCount, model.type),
        scales: model.scales, on: null),
      likelihood: .gaussian)
    let x = try null.matrix(examples, model.network.inputCount, model.type)
    let before = null.statistics.liveBytes
    try counted.run(x, 0..<examples) { _ in }
    return null.statistics.peakBytes - before
  }

  /// One pass over some examples; what every layer hands over goes to `body`, from the last layer to the
  /// first.
  func run(
    _ inputs: Matrix, _ part: Range<Int>, _ body: @escaping (LayerGradient) throws -> Void
  ) throws {
    let (network, backend, o) = (model.network, model.backend, model.outputs)
    let (algebra, tape) = (JetAlgebra(backend, order: 0), Network.Tape())
    let parameters = ParameterJet(center: model.center)
    let output = try network.pushforward(
      inputs.rows(part), parameters, algebra: algebra, tape: tape)
    var values: [Double]
    switch likelihood {
    case .gaussian:
      values = [Double](repeating: 0, count: o * part.count * o)
      for k in 0..<o {
        for row in 0..<part.count { values[(k * part.count + row) * o + k] = 1 }
      }
    case .softmax:
      let f =
        try logits.map { Array($0[(part.lowerBound * o)..<(part.upperBound * o)]) }
        ?? backend.download(output[0])
      values = Softmax.curvatureRoots(f, o)
    }
    let cotangent = Jet(
      try backend.matrix(o * part.count, o, model.type, values), block: part.count, degree: 1,
      capacity: 1, directions: o, hasZero: false)
    let sink = LayerGradients(examples: part.count, on: backend, body)
    try network.pullback(
      cotangent, tape, parameters, algebra: algebra, isTrainable: model.isTrainable,
      to: model.tensorScales.map { ScaledGradients($0, sink) } ?? sink)
  }

  /// All examples, pass after pass.
  func forEach(
    _ inputs: Matrix, extra: Int = 0, _ body: @escaping (LayerGradient) throws -> Void
  ) throws {
    let size = try passExamples(extra: extra)
    for first in stride(from: 0, to: inputs.rows, by: size) {
      try run(inputs, first..<min(inputs.rows, first + size), body)
    }
  }
}
