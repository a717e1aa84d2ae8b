import Kernels

/// scale ← s = 2^clamp(round(log2(‖θ0‖/‖Δ‖)), ±⌊96/k⌋), and 1 while Δ = 0; ±⌊960/k⌋ for orders
/// above 8, which only float64 has.
///
/// The factor by which a direction is stretched so that the coefficients along it stay in range;
/// a power of two, so that stretching is exact.
public struct DirectionScale: PortableOperation {
  /// 1×1 each: s, ‖θ0‖², ‖Δ‖².
  public var scale: Matrix
  public var centerSquares: Matrix
  public var displacementSquares: Matrix
  public var order: Int

  public init(
    _ scale: Matrix, centerSquares: Matrix, displacementSquares: Matrix, order: Int
  ) {
    precondition(order >= 1, "an order from 1")
    self.scale = scale
    self.centerSquares = centerSquares
    self.displacementSquares = displacementSquares
    self.order = order
  }

  public var name: String { "direction_scale" }
  public var cost: Cost { Cost() }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&centerSquares, .read, body)
    try visit(&displacementSquares, .read, body)
    try visit(&scale, .write, body)
  }

  public func define() {
    let (a, b) = (centerSquares[0, 0].value, displacementSquares[0, 0].value)
    guard a > 0, b > 0, a < 0x1p120, b < 0x1p120 else {
      scale[0, 0] = Bounded(1)
      return
    }
    var exponent = a.exponent - b.exponent
    if a.significand < b.significand { exponent -= 1 }
    let limit = (order > Int(MACLAURIN_ORDER) ? 960 : 96) / order
    let rounded = max(-limit, min(limit, (Int(exponent) + 1) >> 1))
    scale[0, 0] = Bounded(Double(sign: .plus, exponent: rounded, significand: 1))
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    [
      Launch(
        "direction_scale", source: "step_scalars", type: scale.type, .items(1),
        [scale, centerSquares, displacementSquares],
        StepScalarsParameters(order: order, clipNorm: 0))
    ]
  }
}
