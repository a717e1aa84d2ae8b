import Compute

/// Layer normalization, its affine part, and dropout.
extension JetAlgebra {
  /// What a normalization leaves: y, and r = 1/σ per row where it was asked for.
  public struct Normalized {
    public var value: Jet
    public var inverse: Jet?
  }

  /// y = (x − mean(x))/√(variance + ε) row by row over the columns, of order k unless x is constant.
  ///
  /// - Parameter withInverse: keeps r to the degree that the adjoint reads.
  public func normalize(_ x: Jet, epsilon: Double, withInverse: Bool) throws -> Normalized {
    let degree = x.degree > 0 ? order : 0
    let value = try jet(
      block: x.block, columns: x.columns, degree: degree, directions: x.directions, type: x.type)
    let inverse =
      withInverse
      ? try jet(
        block: x.block, columns: 1, degree: max(0, degree - 1), directions: x.directions,
        type: x.type) : nil
    try backend.run(
      .layerNorm(
        LayerNorm(.forward(input: x, output: value, inverse: inverse), epsilon: epsilon)))
    return Normalized(value: value, inverse: inverse)
  }

  /// x̄_i in place of ȳ_i, for an x of degree `degree`; y and r as `normalize` left them.
  public func normalizeAdjoint(
    _ cotangent: Jet, value: Jet, inverse: Jet, degree: Int
  ) throws -> Jet {
    let degree = min(cotangent.degree, max(1, degree))
    try backend.run(
      .layerNorm(
        LayerNorm(
          .adjoint(cotangent: cotangent, value: value, inverse: inverse, degree: degree))))
    var result = cotangent
    result.degree = degree
    return result
  }

  // MARK: Given statistics

  /// r = 1/√(σ² + ε) and −μ·r, [1, columns] each, as a constant gain and bias: what makes of x the
  /// (x − μ)/√(σ² + ε).
  public func standardization(
    mean: Matrix, variance: Matrix, epsilon: Double
  ) throws -> (gain: LayerAffine.Parameter, bias: LayerAffine.Parameter) {
    let inverse = try backend.matrix(1, mean.count, mean.type)
    let shift = try backend.matrix(1, mean.count, mean.type)
    try backend.run(.fill(Fill(inverse, value: 1)))
    for (output, x, alpha) in [(inverse, inverse, 1.0), (shift, mean, -1)] {
      try backend.run(
        .rowScaling(
          RowScaling(output, x, by: variance, alpha: alpha, along: .columns, inverseRoot: epsilon)))
    }
    func constant(_ center: Matrix) -> LayerAffine.Parameter {
      LayerAffine.Parameter(center: center, displacement: nil, factor: 1, scale: nil)
    }
    return (constant(inverse), constant(shift))
  }

  // MARK: Gain and bias

  /// z(t) = y(t) γ(t) + β(t), a [1, columns] gain and bias.
  public func affine(
    _ y: Jet, gain: LayerAffine.Parameter, bias: LayerAffine.Parameter?
  ) throws -> Jet {
    let degree = max(
      gain.displacement == nil ? y.degree : y.degree + 1, bias?.displacement == nil ? 0 : 1)
    let z = try jet(
      block: y.block, columns: y.columns, degree: min(order, degree), directions: y.directions,
      type: y.type)
    try backend.run(
      .layerAffine(LayerAffine(.forward(input: y, output: z, bias: bias), gain: gain)))
    return z
  }

  /// ȳ_i = γ_0 z̄_i + γ_1 z̄_{i+1} in place, for a y of degree `degree`.
  public func affineAdjoint(
    _ cotangent: Jet, gain: LayerAffine.Parameter, degree: Int
  ) throws -> Jet {
    let degree = min(cotangent.degree, max(1, degree))
    try backend.run(
      .layerAffine(LayerAffine(.adjoint(cotangent: cotangent, degree: degree), gain: gain)))
    var result = cotangent
    result.degree = degree
    return result
  }

  /// Δγ̄⁽ᵛ⁾ = c·s·Σ_{i=1..d} Σ_rows z̄_i y_{i−1}, before `affineAdjoint` uses z̄ up. `gradient` is
  /// direction 0's [1, columns]; others lie `stride` elements apart. Δβ̄: `biasGradient`.
  public func gainGradient(
    _ cotangent: Jet, _ y: Jet, factor: Double, scale: Matrix?, into gradient: Matrix, stride: Int
  ) throws {
    try backend.run(
      .columnProducts(
        ColumnProducts(
          cotangent, y, into: gradient, strideSums: stride, alpha: factor, scale: scale)))
  }

  // MARK: Dropout

  /// Drops elements of x_0, or of its cotangent, in place (`Dropout`); order 0 only.
  public func dropout(
    _ x: Jet, probability: Double, seed: UInt64, layer: Int, step: Int
  ) throws {
    precondition(order == 0 && x.directions == 1, "dropout is not expanded")
    try backend.run(
      .dropout(
        Dropout(
          x[x.hasZero ? 0 : 1], probability: probability, seed: seed, layer: layer, step: step)))
  }
}
