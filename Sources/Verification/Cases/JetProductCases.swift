import Compute

extension VerificationCase {
  static func jetProducts(quick: Bool) -> [VerificationCase] {
    var cases: [VerificationCase] = []
    let shapes =
      quick ? [(3, 17, 2, 1)] : [(1, 1, 1, 0), (3, 17, 2, 1), (5, 131, 1, 2), (2, 65, 3, 0)]
    // Degrees of both factors and of the result, which may be cut off.
    let degrees =
      quick
      ? [(2, 1, 2), (8, 8, 8)]
      : [
        (0, 0, 0), (1, 0, 1), (0, 2, 2), (1, 1, 1), (1, 1, 2), (2, 1, 3), (3, 3, 3), (4, 4, 8),
        (5, 2, 6), (8, 8, 8), (7, 3, 5),
      ]
    for type in realTypes {
      for (block, columns, directions, spare) in shapes {
        for (left, right, to) in degrees {
          let label = "\(block)×\(columns) V=\(directions)"
          cases.append(
            VerificationCase("jet_product", "\(label) degree \(left), \(right)→\(to)", type) {
              let a = try $0.jet(
                block: block, columns: columns, degree: left, capacity: left + spare,
                directions: directions, .random(2))
              let b = try $0.jet(
                block: block, columns: columns, degree: right, directions: directions, .random(2))
              let c = try $0.jet(
                block: block, columns: columns, degree: to, capacity: to + spare,
                directions: directions, .unset)
              return Prepared(
                operation: .jetProduct(JetProduct(.forward(left: a, right: b, output: c))),
                outputs: c.coefficients(0...to))
            })
        }
        for (slope, from, to) in adjointDegrees(quick: quick) {
          for oracle in to == 2 ? [Oracle.bound, .bits] : [.bound] {
            cases.append(
              adjointProduct(
                type, oracle, (block, columns, directions, spare), (slope, from, to)))
          }
        }
      }
    }
    // As much as several threads share.
    if !quick { cases.append(adjointProduct(.float32, .bits, (130, 131, 2, 1), (2, 3, 3))) }
    return cases
  }

  /// Degrees of slope, cotangent and result.
  private static func adjointDegrees(quick: Bool) -> [(Int, Int, Int)] {
    quick
      ? [(1, 2, 2), (7, 8, 8)]
      : [
        (0, 1, 1), (0, 3, 3), (1, 2, 2), (2, 3, 3), (2, 3, 1), (1, 4, 4), (3, 4, 3), (7, 8, 8),
        (4, 8, 5), (5, 3, 3),
      ]
  }

  private static func adjointProduct(
    _ type: ScalarType, _ oracle: Oracle, _ shape: (Int, Int, Int, Int), _ degrees: (Int, Int, Int)
  ) -> VerificationCase {
    let (block, columns, directions, spare) = shape
    let (slope, from, to) = degrees
    let content = oracle == .bits ? Workbench.Content.special : .random(2)
    let label =
      "adjoint \(block)×\(columns) V=\(directions) slope \(slope), \(from)→\(to)"
      + (oracle == .bits ? " special values" : "")
    return VerificationCase("jet_product", label, type, oracle: oracle) {
      let s = try $0.jet(
        block: block, columns: columns, degree: slope, capacity: slope + spare,
        directions: directions, content)
      let y = try $0.jet(
        block: block, columns: columns, degree: from, capacity: from + spare,
        directions: directions, hasZero: false, content)
      return Prepared(
        operation: .jetProduct(JetProduct(.adjoint(slope: s, cotangent: y, degree: to))),
        outputs: y.coefficients(1...to))
    }
  }
}
