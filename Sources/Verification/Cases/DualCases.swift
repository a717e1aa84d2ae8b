import Compute

extension VerificationCase {
  /// dual_activation and dual_series.
  static func duals(quick: Bool) -> [VerificationCase] {
    let functions: [DualFunction] = [
      .identity, .relu, .leakyReLU, .absolute, .erf, .gelu, .sin, .cos, .exp, .quadratic, .gaussian,
      .sign, .normalization(epsilon: 0.125),
    ]
    let layouts = kernelLayouts(quick: quick)
    var cases: [VerificationCase] = []
    for type in realTypes {
      for (index, function) in functions.enumerated() {
        for (number, layout) in layouts.enumerated() {
          // Quick: one layout for each function, every layout for some, float64 for few.
          if quick && (number != index % 5 || type == .float64 && index % 4 != 1) { continue }
          let hasNTK = (index + number) % 3 != 2
          cases.append(dual(function, type, .bound, layout, hasNTK, number % 2 == 0))
          if number < 2 || quick && type == .float32 {
            cases.append(dual(function, type, .bits, layout, hasNTK, number % 2 == 1))
          }
        }
      }
      for (number, layout) in layouts.enumerated() {
        for oracle in number == 0 ? [Oracle.bound, .bits] : [.bound] {
          cases.append(series(type, oracle, layout, number % 3 != 2, number % 2 == 0))
        }
      }
    }
    return cases
  }

  /// Vectors and images in every arrangement; one short of, at and one past strips.
  static func kernelLayouts(quick: Bool) -> [KernelLayout] {
    let few = [
      KernelLayout(rows: 3, columns: 65), .paired(67),
      KernelLayout(rows: 2, columns: 5, height: 3, width: 5),
      KernelLayout(rows: 2, columns: 3, height: 2, width: 5, cells: .pairs),
      .paired(3, height: 3, width: 4, cells: .pairs),
    ]
    if quick { return few }
    return few + [
      KernelLayout(rows: 1, columns: 1), KernelLayout(rows: 67, columns: 64),
      KernelLayout(rows: 2, columns: 1009), .paired(1), .paired(5, height: 3, width: 7),
      .paired(3, height: 9, width: 8), KernelLayout(rows: 3, columns: 2, height: 9, width: 8),
      KernelLayout(rows: 1, columns: 3, height: 1, width: 67),
      KernelLayout(rows: 2, columns: 2, height: 2, width: 9, cells: .pairs),
      KernelLayout(rows: 1, columns: 2, height: 1, width: 65, cells: .pairs),
      KernelLayout(rows: 2, columns: 1, height: 5, width: 1, cells: .pairs),
    ]
  }

  static func label(_ layout: KernelLayout) -> String {
    (layout.pairing == .grid ? "\(layout.rows)×\(layout.columns)" : "\(layout.rows) paired")
      + " of \(layout.height)×\(layout.width) by \(layout.cells)"
  }

  /// Numbers in 0 ..< 1 that repeat nowhere near.
  private static func spread(_ index: Int, _ step: Double) -> Double {
    let x = Double(index + 1) * step
    return x - x.rounded(.down)
  }

  private static func variance(_ place: Int) -> Double {
    place % 17 == 3 ? 0 : 0.0625 + 2 * spread(place, 0.618_033_988_75)
  }

  /// K before the affine map: covariances after it, some of them as large as they can be.
  private static func covariances(
    _ layout: KernelLayout, _ affine: KernelAffine?
  ) -> [Double] {
    let positions = layout.positionCount
    return (0..<layout.count).map { index in
      let (pair, cell) = index.quotientAndRemainder(dividingBy: layout.cellCount)
      let (examples, places) = (layout.examples(of: pair), layout.positions(of: cell))
      let product =
        variance(examples.row * positions + places.row)
        * variance(examples.column * positions + places.column)
      let most = 1.9 * spread(index, 0.754_877_666_25) - 0.95
      let rho = index % 7 == 5 ? 1 : index % 11 == 4 ? -1 : most
      let covariance = rho * product.squareRoot()
      return affine.map { (covariance - $0.bias) / $0.factor } ?? covariance
    }
  }

  /// Some kernels and variances of a layout, or special values throughout.
  private struct Operands {
    var nngp: Matrix
    var ntk: Matrix?
    var variances: (rows: Matrix, columns: Matrix)
    var affine: KernelAffine?
    var outputs: [Matrix] { [nngp] + (ntk.map { [$0] } ?? []) }

    init(
      _ bench: Workbench, _ layout: KernelLayout, _ oracle: Oracle, hasNTK: Bool, isAffine: Bool
    ) throws {
      let isSpecial = oracle == .bits
      affine =
        isAffine
        ? KernelAffine(
          factor: 1.25, bias: 0.0625, ntkFactor: 1.25, nngpShare: 3, ntkBias: 1) : nil
      nngp = try bench.matrix(
        layout.pairCount, layout.cellCount,
        isSpecial ? .special : .values(covariances(layout, affine)))
      ntk =
        hasNTK
        ? try bench.matrix(
          layout.pairCount, layout.cellCount, isSpecial ? .special : .random(2)) : nil
      func variances(_ examples: Int) throws -> Matrix {
        let count = examples * layout.positionCount
        return try bench.matrix(
          1, count, isSpecial ? .special : .values((0..<count).map { variance($0) }))
      }
      self.variances = (try variances(layout.rows), try variances(layout.columns))
    }
  }

  private static func suffix(_ hasNTK: Bool, _ isAffine: Bool, _ oracle: Oracle) -> String {
    (hasNTK ? "" : " without Θ") + (isAffine ? ", affine" : "")
      + (oracle == .bits ? " special values" : "")
  }

  private static func dual(
    _ function: DualFunction, _ type: ScalarType, _ oracle: Oracle, _ layout: KernelLayout,
    _ hasNTK: Bool, _ isAffine: Bool
  ) -> VerificationCase {
    VerificationCase(
      "dual_activation", "\(function) \(label(layout))" + suffix(hasNTK, isAffine, oracle), type,
      oracle: oracle, isElementary: function.hasPlatformFunctions
    ) { bench in
      let own = try Operands(bench, layout, oracle, hasNTK: hasNTK, isAffine: isAffine)
      let operation = DualActivation(
        function, nngp: own.nngp, ntk: own.ntk, layout: layout, rowVariances: own.variances.rows,
        columnVariances: own.variances.columns, affine: own.affine)
      return Prepared(operation: .dualActivation(operation), outputs: own.outputs)
    }
  }

  private static func series(
    _ type: ScalarType, _ oracle: Oracle, _ layout: KernelLayout, _ hasNTK: Bool, _ isAffine: Bool
  ) -> VerificationCase {
    VerificationCase(
      "dual_series", label(layout) + suffix(hasNTK, isAffine, oracle), type, oracle: oracle
    ) { bench in
      let own = try Operands(bench, layout, oracle, hasNTK: hasNTK, isAffine: isAffine)
      let content: Workbench.Content = oracle == .bits ? .special : .random(1)
      func series(_ count: Int) throws -> (rows: Matrix, columns: Matrix) {
        let positions = layout.positionCount
        return (
          try bench.matrix(count, layout.rows * positions, content),
          try bench.matrix(count, layout.columns * positions, content)
        )
      }
      let operation = DualSeries(
        nngp: own.nngp, ntk: own.ntk, layout: layout, rowVariances: own.variances.rows,
        columnVariances: own.variances.columns, values: try series(13),
        slopes: hasNTK ? try series(7) : nil, affine: own.affine)
      return Prepared(operation: .dualSeries(operation), outputs: own.outputs)
    }
  }
}
