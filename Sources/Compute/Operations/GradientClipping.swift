import Kernels

/// norm ← √squares, factor ← min(1, c/norm): what `OptimizerUpdate` multiplies a gradient by.
public struct GradientClipping: PortableOperation {
  /// 1×1 each.
  public var factor: Matrix
  public var norm: Matrix
  public var squares: Matrix
  /// The largest norm c; infinity only takes the norm.
  public var limit: Double

  public init(factor: Matrix, norm: Matrix, squares: Matrix, limit: Double) {
    self.factor = factor
    self.norm = norm
    self.squares = squares
    self.limit = limit
  }

  public var name: String { "gradient_clipping" }
  public var cost: Cost { Cost() }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&squares, .read, body)
    try visit(&factor, .write, body)
    try visit(&norm, .write, body)
  }

  public func define() {
    let root = squares.exact(0, 0).squareRoot
    norm[0, 0] = root
    let quotient = Bounded(squares.type.round(limit)) / root
    // Above 1 only what a rounded quotient may be below it: min(1, q̂) ≥ min(1, q − error·u).
    let excess = (quotient.value - 1) / squares.type.unitRoundoff
    factor[0, 0] =
      quotient.value < 1
      ? quotient : Bounded(1, error: excess < quotient.error ? quotient.error - excess : 0)
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let parameters = StepScalarsParameters(order: 1, clipNorm: squares.type.encode(limit))
    return [
      Launch(
        "clip_factor", source: "step_scalars", type: squares.type, .items(1),
        [factor, norm, squares], parameters)
    ]
  }
}
