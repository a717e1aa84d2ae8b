import Kernels

/// d_i ← d_i − αp_i, τ_i ← τ_i + c|α|√(q_i F), in double precision: one product's share in what a
/// random projection leaves, and in what its rounding may leave.
///
/// For C ← αAB and signs r: p = A(Br), q_i = ‖a_i‖₂², F = ‖B‖_F², all from `Projection`. α is
/// `alpha`, times the device scalar `scale` if there is one, rounded in double precision.
public struct ProjectionResidual: PortableOperation {
  /// float64, 1×m: d and τ; product b's begin b·`strideResidual` elements further on.
  public var residual: Matrix
  public var tolerance: Matrix
  /// float64, 1×m: p and q; product b's begin b·`strideSums` elements further on.
  public var sums: Matrix
  public var squares: Matrix
  /// float64, 1×1: F; product b's lies b·`strideNorm` elements further on.
  public var norm: Matrix
  public var alpha: Double
  public var scale: Matrix?
  /// c
  public var coefficient: Double
  /// False: τ begins with this product.
  public var accumulates: Bool
  public var batch: Int
  public var strideResidual: Int
  public var strideSums: Int
  public var strideNorm: Int

  public init(
    _ residual: Matrix, tolerance: Matrix, sums: Matrix, squares: Matrix, norm: Matrix,
    alpha: Double, scale: Matrix? = nil, coefficient: Double, accumulates: Bool, batch: Int = 1,
    strideResidual: Int = 0, strideSums: Int = 0, strideNorm: Int = 0
  ) {
    let count = residual.count
    precondition(
      tolerance.count == count && sums.count == count && squares.count == count
        && norm.count == 1 && scale.map { $0.count == 1 && $0.type != .int32 } ?? true, "shapes")
    precondition(
      [residual, tolerance, sums, squares, norm].allSatisfy {
        $0.type == .float64 && $0.isContiguous
      }, "double precision")
    self.residual = residual
    self.tolerance = tolerance
    self.sums = sums
    self.squares = squares
    self.norm = norm
    self.alpha = alpha
    self.scale = scale
    self.coefficient = coefficient
    self.accumulates = accumulates
    self.batch = batch
    self.strideResidual = strideResidual
    self.strideSums = strideSums
    self.strideNorm = strideNorm
  }

  public var name: String { "projection_residual" }
  public var cost: Cost {
    Cost(flops: 6 * Double(batch * residual.count), bytes: 48 * Double(batch * residual.count))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try body(&sums, Access(.read, sums, copies: batch, step: strideSums))
    try body(&squares, Access(.read, squares, copies: batch, step: strideSums))
    try body(&norm, Access(.read, norm, copies: batch, step: strideNorm))
    try visit(&scale, .read, body)
    try body(&residual, Access(.readWrite, residual, copies: batch, step: strideResidual))
    try body(
      &tolerance,
      Access(accumulates ? .readWrite : .write, tolerance, copies: batch, step: strideResidual))
  }

  public func define() {
    let factor = alpha * (scale?[0, 0].value ?? 1)
    for b in 0..<batch {
      let (d, t) = (residual.moved(by: b * strideResidual), tolerance.moved(by: b * strideResidual))
      let (p, q) = (sums.moved(by: b * strideSums), squares.moved(by: b * strideSums))
      let norm = norm.moved(by: b * strideNorm)[0, 0].value
      for i in 0..<d.count {
        let size = (Bounded(q.flat[0, i].value) * Bounded(norm)).squareRoot
        // α, and c|α|, are rounded.
        let share = Bounded(coefficient) * Bounded(abs(factor), error: abs(factor)) * size
        d.flat[0, i] = .fma(
          Bounded(-factor, error: abs(factor)), p.flat.exact(0, i), d.flat.exact(0, i))
        t.flat[0, i] = accumulates ? t.flat.exact(0, i) + share : share
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let bits = ScalarType.float64
    let parameters = ResidualParameters(
      factor: bits.encode(alpha), coefficient: bits.encode(coefficient),
      hasScale: scale == nil ? 0 : 1, accumulates: accumulates ? 1 : 0,
      residualStride: strideResidual, sumsStride: strideSums, normStride: strideNorm)
    return [
      Launch(
        "projection_residual", source: "projection", type: scale?.type ?? .float32,
        .grid(rows: batch, columns: residual.count),
        [residual, tolerance, sums, squares, norm, scale ?? norm], parameters)
    ]
  }
}
