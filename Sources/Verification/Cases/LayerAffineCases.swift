import Compute

extension VerificationCase {
  /// layer_affine and column_products.
  static func layerAffines(quick: Bool) -> [VerificationCase] {
    // Rows, columns, directions, room for more.
    let shapes =
      quick ? [(3, 17, 2, 1)] : [(1, 1, 1, 0), (3, 17, 2, 1), (5, 131, 1, 2), (2, 65, 3, 0)]
    // Degrees of y and z; without a displacement they are equal.
    let degrees = quick ? [(0, 0), (1, 2)] : [(0, 0), (0, 1), (1, 2), (3, 3), (2, 2), (8, 8)]
    // Rows of the sums, columns, directions, degree: around chains of 1024.
    let sums =
      quick
      ? [(5, 17, 2, 2)]
      : [
        (1, 1, 1, 1), (5, 17, 2, 2), (512, 3, 1, 2), (1025, 5, 1, 1), (700, 11, 2, 3),
        (31, 67, 1, 8), (600, 6, 1, 4),
      ]
    var cases: [VerificationCase] = []
    for type in realTypes {
      for shape in shapes {
        for (from, to) in degrees {
          for oracle in to == 2 ? [Oracle.bound, .bits] : [.bound] {
            cases.append(layerAffine(type, oracle, shape, from, to))
            cases.append(layerAffineAdjoint(type, oracle, shape, from, to))
          }
        }
      }
      for shape in sums {
        for oracle in shape.3 == 2 ? [Oracle.bound, .bits] : [.bound] {
          cases.append(columnProducts(type, oracle, shape))
        }
      }
    }
    return cases
  }

  private static func content(_ oracle: Oracle) -> Workbench.Content {
    oracle == .bits ? .special : .random(2)
  }

  private static func label(
    _ shape: (Int, Int, Int, Int), _ from: Int, _ to: Int, _ oracle: Oracle
  ) -> String {
    "\(shape.0)×\(shape.1) V=\(shape.2) degree \(from)→\(to)"
      + (oracle == .bits ? " special values" : "")
  }

  /// A parameter with a displacement per direction, if it has any, and s = 4.
  private static func parameter(
    _ bench: Workbench, columns: Int, directions: Int, moves: Bool, factor: Double,
    _ content: Workbench.Content
  ) throws -> LayerAffine.Parameter {
    let center = try bench.matrix(1, columns, content)
    guard moves else {
      return LayerAffine.Parameter(
        center: center, displacement: nil, factor: factor, scale: nil)
    }
    let moved = try bench.copies(directions, 1, columns, content, gap: 5)
    return LayerAffine.Parameter(
      center: center, displacement: moved.first, displacementStride: moved.stride,
      factor: factor, scale: try bench.scalar(4))
  }

  private static func layerAffine(
    _ type: ScalarType, _ oracle: Oracle, _ shape: (Int, Int, Int, Int), _ from: Int, _ to: Int
  ) -> VerificationCase {
    let (block, columns, directions, spare) = shape
    let content = content(oracle)
    return VerificationCase("layer_affine", label(shape, from, to, oracle), type, oracle: oracle) {
      bench in
      let y = try bench.jet(
        block: block, columns: columns, degree: from, capacity: from + spare,
        directions: directions, content)
      let gain = try parameter(
        bench, columns: columns, directions: directions, moves: to > 0, factor: 0.7, content)
      // One case without.
      let bias =
        from == 8
        ? nil
        : try parameter(
          bench, columns: columns, directions: directions, moves: to > 0, factor: 0.3, content)
      let z = try bench.jet(
        block: block, columns: columns, degree: to, capacity: to + 2 * spare,
        directions: directions, .unset)
      return Prepared(
        operation: .layerAffine(
          LayerAffine(.forward(input: y, output: z, bias: bias), gain: gain)),
        outputs: z.coefficients(0...to))
    }
  }

  private static func layerAffineAdjoint(
    _ type: ScalarType, _ oracle: Oracle, _ shape: (Int, Int, Int, Int), _ from: Int, _ to: Int
  ) -> VerificationCase {
    let (block, columns, directions, spare) = shape
    let content = content(oracle)
    let (degree, last) = (max(1, to), max(1, from))
    return VerificationCase(
      "layer_affine", "adjoint " + label(shape, from, to, oracle), type, oracle: oracle
    ) {
      bench in
      let gain = try parameter(
        bench, columns: columns, directions: directions, moves: to > 0, factor: 0.7, content)
      let cotangent = try bench.jet(
        block: block, columns: columns, degree: degree, capacity: degree + spare,
        directions: directions, hasZero: false, content)
      return Prepared(
        operation: .layerAffine(
          LayerAffine(.adjoint(cotangent: cotangent, degree: last), gain: gain)),
        outputs: cotangent.coefficients(1...last))
    }
  }

  private static func columnProducts(
    _ type: ScalarType, _ oracle: Oracle, _ shape: (Int, Int, Int, Int)
  ) -> VerificationCase {
    let (block, columns, directions, degree) = shape
    let content = content(oracle)
    let label =
      "\(block)×\(columns) V=\(directions) degree \(degree)"
      + (oracle == .bits ? " special values" : "")
    return VerificationCase("column_products", label, type, oracle: oracle) {
      let z = try $0.jet(
        block: block, columns: columns, degree: degree, capacity: degree + 1,
        directions: directions, hasZero: false, content)
      let y = try $0.jet(
        block: block, columns: columns, degree: degree, directions: directions, content)
      let sums = try $0.copies(directions, 1, columns, .unset, gap: 3)
      return Prepared(
        operation: .columnProducts(
          ColumnProducts(
            z, y, into: sums.first, strideSums: sums.stride, alpha: 0.3,
            scale: degree == 1 ? nil : try $0.scalar(4))), outputs: sums.all)
    }
  }
}
