import Compute

extension VerificationCase {
  static func layerNorms(quick: Bool) -> [VerificationCase] {
    // Rows, columns, directions, room for more.
    let shapes =
      quick
      ? [(3, 67, 2, 1)]
      : [
        (1, 1, 1, 0), (2, 3, 1, 0), (3, 67, 2, 1), (2, 128, 1, 0), (1, 1025, 2, 1), (1, 2111, 1, 0),
      ]
    // Degrees of x and y; those of the adjoint are the cotangent's and x̄'s.
    let degrees = quick ? [(0, 0), (1, 2)] : [(0, 0), (1, 1), (1, 4), (3, 3), (2, 8)]
    var cases: [VerificationCase] = []
    for type in realTypes {
      for shape in shapes {
        for (from, to) in degrees {
          for oracle in from == 1 && shape.0 == 3 ? [Oracle.bound, .bits] : [.bound] {
            cases.append(layerNorm(type, oracle, shape, from, to))
            cases.append(layerNormAdjoint(type, oracle, shape, from, to))
          }
        }
      }
    }
    // As much as several threads share; the functions and programs for longer series.
    if !quick {
      cases.append(layerNorm(.float64, .bound, (2, 19, 2, 1), 1, 12))
      cases.append(layerNormAdjoint(.float64, .bound, (2, 19, 2, 1), 12, 12))
      cases.append(layerNorm(.float32, .bits, (270, 64, 1, 0), 1, 1))
      cases.append(layerNormAdjoint(.float32, .bits, (270, 64, 1, 0), 1, 1))
    }
    return cases
  }

  private static func label(
    _ shape: (Int, Int, Int, Int), _ from: Int, _ to: Int, _ oracle: Oracle
  ) -> String {
    "\(shape.0)×\(shape.1) V=\(shape.2) degree \(from)→\(to)"
      + (oracle == .bits ? " special values" : "")
  }

  private static func layerNorm(
    _ type: ScalarType, _ oracle: Oracle, _ shape: (Int, Int, Int, Int), _ from: Int, _ to: Int
  ) -> VerificationCase {
    let (block, columns, directions, spare) = shape
    let content: Workbench.Content = oracle == .bits ? .special : .random(2)
    return VerificationCase("layer_norm", label(shape, from, to, oracle), type, oracle: oracle) {
      let x = try $0.jet(
        block: block, columns: columns, degree: from, capacity: from + spare,
        directions: directions, content)
      let y = try $0.jet(
        block: block, columns: columns, degree: to, capacity: to + 2 * spare,
        directions: directions, .unset)
      let last = max(0, to - 1)
      // Asked for in all cases but one.
      let inverse =
        to == 1
        ? nil
        : try $0.jet(
          block: block, columns: 1, degree: last, capacity: last + spare, directions: directions,
          .unset)
      return Prepared(
        operation: .layerNorm(
          LayerNorm(.forward(input: x, output: y, inverse: inverse), epsilon: 1e-5)),
        outputs: y.coefficients(0...to) + (inverse?.coefficients(0...last) ?? []))
    }
  }

  private static func layerNormAdjoint(
    _ type: ScalarType, _ oracle: Oracle, _ shape: (Int, Int, Int, Int), _ from: Int, _ to: Int
  ) -> VerificationCase {
    let (block, columns, directions, spare) = shape
    let content: Workbench.Content = oracle == .bits ? .special : .random(2)
    let (degree, last) = (max(1, to), max(1, from))
    // At degree 1 all directions share y and 1/σ.
    let shared = degree == 1 ? 1 : directions
    return VerificationCase(
      "layer_norm", "adjoint " + label(shape, from, to, oracle), type, oracle: oracle
    ) {
      let y = try $0.jet(
        block: block, columns: columns, degree: degree - 1, capacity: degree - 1 + spare,
        directions: shared, content)
      let r = try $0.jet(
        block: block, columns: 1, degree: degree - 1, capacity: degree - 1 + 2 * spare,
        directions: shared, content)
      let cotangent = try $0.jet(
        block: block, columns: columns, degree: degree, capacity: degree + spare,
        directions: directions, hasZero: false, content)
      return Prepared(
        operation: .layerNorm(
          LayerNorm(
            .adjoint(cotangent: cotangent, value: y, inverse: r, degree: last))),
        outputs: cotangent.coefficients(1...last))
    }
  }
}
