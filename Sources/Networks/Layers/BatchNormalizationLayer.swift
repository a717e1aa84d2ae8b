import Compute
import Jets

/// Batch normalization with stored statistics, as in evaluation:
///
///     ŷ(t) = r x(t) − r μ,   r = 1/√(σ² + ε),   z(t) = c γ(t) ŷ(t) + c β(t),
///
/// column by column; −rμ on coefficient 0 alone. μ and σ² do not move along the ray and have no
/// gradients. Source: Ioffe and Szegedy, arXiv 1502.03167, algorithm 2.
struct BatchNormalizationLayer: Layer {
  var epsilon: Double
  /// c
  var factor: Double
  var isAffine: Bool
  /// γ and β if there are any, then μ and σ².
  var tensors: Range<Int>

  func push(_ x: Signal, _ pass: ForwardPass) throws -> (Signal, Pullback?) {
    let algebra = pass.algebra
    let scaled = try algebra.standardization(
      mean: statistic(tensors.upperBound - 2, pass),
      variance: statistic(tensors.upperBound - 1, pass),
      epsilon: epsilon)
    let y = try algebra.affine(x.jet, gain: scaled.gain, bias: scaled.bias)
    var output = Signal(jet: y, isOwned: !(pass.keepsTape && isAffine))
    if isAffine {
      output = Signal(
        jet: try algebra.affine(
          y, gain: parameter(tensors.lowerBound, pass.parameters, pass.tensors),
          bias: parameter(tensors.lowerBound + 1, pass.parameters, pass.tensors)), isOwned: true)
    }
    guard pass.keepsTape else { return (output, nil) }
    let degree = x.jet.degree
    return (
      output,
      { cotangent, isWanted, pass in
        if isAffine, pass.wantsAny(tensors) {
          try pass.sink.take(
            NormalizationGradient(
              gain: pass.wanted(tensors.lowerBound), bias: pass.wanted(tensors.lowerBound + 1),
              factor: factor, cotangent: cotangent.jet, value: y))
        }
        guard isWanted, pass.algebra.order == 0 || degree > 0 else { return nil }
        var bar =
          cotangent.isOwned ? cotangent.jet : try pass.algebra.scaled(1, cotangent.jet)
        if isAffine {
          bar = try pass.algebra.affineAdjoint(
            bar, gain: parameter(tensors.lowerBound, pass.parameters, pass.tensors), degree: degree)
        }
        return Signal(
          jet: try pass.algebra.affineAdjoint(bar, gain: scaled.gain, degree: degree),
          isOwned: true)
      }
    )
  }

  /// [1, features]
  private func statistic(_ index: Int, _ pass: ForwardPass) -> Matrix {
    pass.parameters.center.slice(
      at: pass.tensors[index].offset, rows: 1, columns: pass.tensors[index].count)
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
