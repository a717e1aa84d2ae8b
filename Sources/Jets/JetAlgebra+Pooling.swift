import Compute

/// Pooling of jets of images: a row is a position, a column a channel; row
/// (example·H + y)·W + x of a coefficient. Linear once coefficient 0 is fixed, so coefficient i of a
/// cotangent comes from coefficient i.
extension JetAlgebra {
  /// y_i = mean of x_i over each window, of x's degree.
  public func averagePool(_ x: Jet, _ window: PoolingWindow) throws -> Jet {
    let y = try pooled(x, window)
    try backend.run(.pooling(Pooling(.average, .forward, window, x, into: y)))
    return y
  }

  /// x̄_i from ȳ_i, of the cotangent's degree.
  ///
  /// - Parameter over: the jet that was pooled, if its memory may be used up.
  public func averagePoolAdjoint(
    _ cotangent: Jet, _ window: PoolingWindow, over x: Jet? = nil
  ) throws -> Jet {
    let target = try unpooled(cotangent, window, over: x)
    try backend.run(.pooling(Pooling(.average, .adjoint, window, cotangent, into: target)))
    return target
  }

  /// What max pooling leaves.
  public struct MaxPooled {
    public var value: Jet
    /// Which position each window took, for the adjoint; nil where it was not asked for.
    public var choice: Matrix?
  }

  /// Each window's position with the largest x_0, all coefficients of it. The first of equals, NaN
  /// before everything.
  public func maxPool(
    _ x: Jet, _ window: PoolingWindow, withChoice: Bool
  ) throws -> MaxPooled {
    let y = try pooled(x, window)
    let choice = withChoice ? try backend.matrix(y.block, y.columns, y.type) : nil
    try backend.run(.pooling(Pooling(.max, .forward, window, x, into: y, choice: choice)))
    return MaxPooled(value: y, choice: choice)
  }

  /// x̄_i from ȳ_i, of the cotangent's degree, for what `maxPool` chose.
  ///
  /// - Parameter over: the jet that was pooled, if its memory may be used up.
  public func maxPoolAdjoint(
    _ cotangent: Jet, _ window: PoolingWindow, choice: Matrix, over x: Jet? = nil
  ) throws -> Jet {
    let target = try unpooled(cotangent, window, over: x)
    try backend.run(
      .pooling(Pooling(.max, .adjoint, window, cotangent, into: target, choice: choice)))
    return target
  }

  private func pooled(_ x: Jet, _ window: PoolingWindow) throws -> Jet {
    try jet(
      block: x.block / window.image.count * window.pooled.count, columns: x.columns,
      degree: x.degree, directions: x.directions, type: x.type)
  }

  private func unpooled(_ cotangent: Jet, _ window: PoolingWindow, over x: Jet?) throws -> Jet {
    if let x {
      var target = try self.cotangent(over: x, directions: cotangent.directions)
      target.degree = min(target.degree, cotangent.degree)
      return target
    }
    return try self.cotangent(
      block: cotangent.block / window.pooled.count * window.image.count,
      columns: cotangent.columns, degree: cotangent.degree, directions: cotangent.directions,
      type: cotangent.type)
  }

  /// A cotangent with unspecified coefficients.
  private func cotangent(
    block: Int, columns: Int, degree: Int, directions: Int, type: ScalarType
  ) throws -> Jet {
    Jet(
      try backend.matrix(block * directions * degree, columns, type), block: block,
      degree: degree, capacity: degree, directions: directions, hasZero: false)
  }
}
