import Compute
import Jets

/// Layer normalization over the columns of every row, with a trained gain and bias if it has
/// tensors.
struct NormalizationLayer: Layer {
  var epsilon: Double
  /// c of gain and bias.
  var factor = 1.0
  /// Gain and bias, or none.
  var tensors: Range<Int>

  func push(_ x: Signal, _ pass: ForwardPass) throws -> (Signal, Pullback?) {
    let algebra = pass.algebra
    let normalized = try algebra.normalize(x.jet, epsilon: epsilon, withInverse: pass.keepsTape)
    let y = normalized.value
    var output = Signal(jet: y, isOwned: !pass.keepsTape)
    if !tensors.isEmpty {
      output = Signal(
        jet: try algebra.affine(
          y, gain: parameter(tensors.lowerBound, pass.parameters, pass.tensors),
          bias: parameter(tensors.lowerBound + 1, pass.parameters, pass.tensors)), isOwned: true)
    }
    // The pullback reads y, so nobody may overwrite it.
    guard pass.keepsTape, let inverse = normalized.inverse else { return (output, nil) }
    let degree = x.jet.degree
    return (
      output,
      { cotangent, isWanted, pass in
        var bar = cotangent
        if !tensors.isEmpty {
          if pass.wantsAny(tensors) {
            try pass.sink.take(
              NormalizationGradient(
                gain: pass.wanted(tensors.lowerBound), bias: pass.wanted(tensors.lowerBound + 1),
                factor: factor, cotangent: bar.jet, value: y))
          }
          guard isWanted, pass.algebra.order == 0 || degree > 0 else { return nil }
          bar = try owned(bar, pass.algebra)
          bar.jet = try pass.algebra.affineAdjoint(
            bar.jet, gain: parameter(tensors.lowerBound, pass.parameters, pass.tensors),
            degree: y.degree)
        }
        guard isWanted, pass.algebra.order == 0 || degree > 0 else { return nil }
        bar = try owned(bar.truncated(to: y.degree), pass.algebra)
        return Signal(
          jet: try pass.algebra.normalizeAdjoint(
            bar.jet, value: y, inverse: inverse, degree: degree), isOwned: true)
      }
    )
  }

  private func owned(_ x: Signal, _ algebra: JetAlgebra) throws -> Signal {
    x.isOwned ? x : Signal(jet: try algebra.scaled(1, x.jet), isOwned: true)
  }

  private func parameter(
    _ index: Int, _ parameters: ParameterJet, _ tensors: [ParameterTensor]
  ) -> LayerAffine.Parameter {
    let tensor = parameters.tensor(
      at: tensors[index].offset, rows: 1, columns: tensors[index].count)
    return LayerAffine.Parameter(
      center: tensor.center, displacement: tensor.displacement,
      displacementStride: tensor.displacementStride, factor: factor, scale: tensor.scale)
  }
}
