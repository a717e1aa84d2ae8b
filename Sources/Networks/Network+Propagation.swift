import Compute
import Jets

extension Network {
  /// What a pushforward leaves for its pullback: per stage its input, its slope and the degree of
  /// what the slope belongs to.
  public struct Tape {
    struct Entry {
      var input: Jet
      var slope: Jet?
      var degree: Int
    }
    var entries: [Entry] = []

    public init() {}
  }

  /// The network's output along the parameters' ray: coefficients f_0…f_k at `inputs`,
  /// [batch, features].
  ///
  /// `tape` receives what `pullback` needs; without it no slopes are kept.
  public func pushforward(
    _ inputs: Matrix, _ parameters: ParameterJet, algebra: JetAlgebra, tape: inout Tape?
  ) throws -> Jet {
    precondition(inputs.columns == inputCount, "inputs have the network's features")
    var x = algebra.constant(inputs, directions: parameters.directions)
    for (index, stage) in stages.enumerated() {
      var z = x
      var bias: JetComposition.Bias?
      if let affine = stage.affine {
        let weight = tensor(affine.weight, of: parameters)
        let degree = parameters.displacement == nil ? 0 : min(algebra.order, x.degree + 1)
        z = try algebra.contract(
          x, weight, factor: affine.factors.weight,
          capacity: tape == nil ? degree : algebra.slopeDegree(stage.activation, of: degree))
        bias = affine.bias.map { index in
          let tensor = tensor(index, of: parameters)
          return JetComposition.Bias(
            center: tensor.center, displacement: tensor.displacement,
            displacementStride: tensor.displacementStride, factor: affine.factors.bias,
            scale: tensor.scale)
        }
      }
      // A slope takes its argument's memory, which must not be the caller's own input; the
      // identity's is never read.
      let keepsSlope =
        tape != nil && stage.activation != .identity
        && (stage.affine != nil || x.matrix.buffer !== inputs.buffer)
      let next = index + 1 < stages.count ? stages[index + 1] : nil
      let composed = try algebra.compose(
        stage.activation, z, bias: bias, withSlope: keepsSlope,
        next: next?.affine == nil ? next?.activation : nil)
      tape?.entries.append(Tape.Entry(input: x, slope: composed.slope, degree: z.degree))
      x = composed.value
    }
    return x
  }

  /// The gradient ΔW̄⁽ᵛ⁾ of every tensor for the output's cotangent, into `gradient`, [V, P].
  ///
  /// Uses up the tape's memory and the cotangent. `isTrainable` says which tensors are wanted; the
  /// others' part of `gradient` is left alone.
  public func pullback(
    _ cotangent: Jet, _ tape: Tape, _ parameters: ParameterJet, algebra: JetAlgebra,
    into gradient: Matrix, isTrainable: [Bool]? = nil
  ) throws {
    let wanted = isTrainable ?? self.parameters.map { _ in true }
    let firstWanted = stages.firstIndex { stage in
      guard let affine = stage.affine else { return false }
      return wanted[affine.weight] || affine.bias.map { wanted[$0] } ?? false
    }
    guard let firstWanted else { return }
    var cotangent = cotangent
    for index in stages.indices.reversed() where index >= firstWanted {
      let (stage, entry) = (stages[index], tape.entries[index])
      if stage.activation != .identity {
        guard let slope = entry.slope else { return }
        cotangent = try algebra.composeAdjoint(cotangent, slope: slope, degree: entry.degree)
      } else {
        cotangent.degree = min(cotangent.degree, max(1, entry.degree))
      }
      guard let affine = stage.affine else { continue }
      let row = gradient.rows(0..<1)
      func part(_ tensor: ParameterTensor, rows: Int, columns: Int) -> Matrix {
        row.slice(at: tensor.offset, rows: rows, columns: columns)
      }
      if wanted[affine.weight] {
        try algebra.weightGradient(
          cotangent, entry.input, factor: affine.factors.weight, scale: parameters.scale,
          into: part(
            self.parameters[affine.weight], rows: affine.outputs, columns: affine.inputs),
          stride: gradient.stride)
      }
      if let bias = affine.bias, wanted[bias] {
        try algebra.biasGradient(
          cotangent, factor: affine.factors.bias, scale: parameters.scale,
          into: part(self.parameters[bias], rows: 1, columns: affine.outputs),
          stride: gradient.stride)
      }
      // The first layer's input does not depend on the parameters.
      guard index > firstWanted, algebra.order == 0 || entry.input.degree > 0 else { return }
      cotangent = try algebra.contractAdjoint(
        cotangent, tensor(affine.weight, of: parameters), factor: affine.factors.weight,
        over: entry.input)
    }
  }

  private func tensor(_ index: Int, of vector: ParameterJet) -> TensorJet {
    let tensor = parameters[index]
    let columns = tensor.shape.last ?? 1
    return vector.tensor(
      at: tensor.offset, rows: tensor.shape.count == 1 ? 1 : tensor.shape[0], columns: columns)
  }
}
