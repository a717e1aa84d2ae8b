import Compute

extension VerificationCase {
  /// direction_scale and gradient_clipping: one number each.
  static func scalars(quick: Bool) -> [VerificationCase] {
    realTypes.flatMap { directionScales($0, quick: quick) + clippings($0, quick: quick) }
  }

  private static func directionScales(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    let tiny = type == .float64 ? 0x1p-1074 : 0x1p-149
    let squares: [(Double, Double)] = [
      (100, 0), (0, 1), (100, 1e-6), (1, 1), (2, 1), (1, 2), (1.5, 3.5), (1e30, tiny),
      (tiny, 1e30), (3 * tiny, 5 * tiny), (0x1p119, 1), (.infinity, 1), (1, .nan), (0.3, 0x1p-140),
    ]
    return (quick ? [2] : [1, 2, 3, 5, 8]).flatMap { order in
      squares.map { center, displacement in
        VerificationCase(
          "direction_scale", "order \(order) ‖θ0‖²=\(center) ‖Δ‖²=\(displacement)", type,
          oracle: .exact
        ) {
          let a = try $0.matrix(1, 1, .values([center]))
          let b = try $0.matrix(1, 1, .values([displacement]))
          let scale = try $0.matrix(1, 1, .unset)
          return Prepared(
            operation: .directionScale(
              DirectionScale(scale, centerSquares: a, displacementSquares: b, order: order)),
            outputs: [scale])
        }
      }
    }
  }

  private static func clippings(_ type: ScalarType, quick: Bool) -> [VerificationCase] {
    let squares = quick ? [0.5, 17.3] : [0, 1e-30, 0.5, 0.9999999, 1, 1.0000001, 2, 17.3, 1e30]
    return squares.flatMap { square in
      [1, 0.3, Double.infinity].map { limit in
        VerificationCase("gradient_clipping", "‖g‖²=\(square) c=\(limit)", type) {
          let squares = try $0.matrix(1, 1, .values([square]))
          let (factor, norm) = (try $0.matrix(1, 1, .unset), try $0.matrix(1, 1, .unset))
          return Prepared(
            operation: .gradientClipping(
              GradientClipping(factor: factor, norm: norm, squares: squares, limit: limit)),
            outputs: [factor, norm])
        }
      }
    }
  }
}
