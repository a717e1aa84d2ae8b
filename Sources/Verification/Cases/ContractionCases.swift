import Compute

extension VerificationCase {
  /// The shape and the extras of a contraction.
  private struct Product {
    var m: Int
    var n: Int
    var k: Int
    var transposeA = false
    var transposeB = false
    var alpha = 1.0
    var beta = 0.0
    var scale: Double?
    var batch = 1
    /// Whether all products of a batch share an operand.
    var sharesA = false
    var sharesB = false
    var padding = 0

    var label: String {
      "\(m)×\(n)×\(k)" + (transposeA ? " Aᵀ" : "") + (transposeB ? " Bᵀ" : "")
        + (alpha != 1 ? " α=\(alpha)" : "") + (beta != 0 ? " β=\(beta)" : "")
        + (scale.map { " s=\($0)" } ?? "") + (padding > 0 ? " padded" : "")
        + (batch > 1 ? " batch \(batch)" : "") + (sharesA ? " one A" : "")
        + (sharesB ? " one B" : "")
    }

    func prepare(_ bench: Workbench, _ content: Workbench.Content) throws -> Prepared {
      let a = try bench.copies(
        sharesA ? 1 : batch, transposeA ? k : m, transposeA ? m : k, content, padding: padding)
      let b = try bench.copies(
        sharesB ? 1 : batch, transposeB ? n : k, transposeB ? k : n, content, padding: padding)
      let c = try bench.copies(
        batch, m, n, beta == 0 ? .unset : content, padding: padding, gap: batch > 1 ? 7 : 0)
      let factor = try bench.scalar(scale)
      return Prepared(
        operation: .contraction(
          Contraction(
            a.first, b.first, into: c.first, transposeA: transposeA, transposeB: transposeB,
            alpha: alpha, scale: factor, beta: beta, batch: batch,
            strideA: sharesA ? 0 : a.stride, strideB: sharesB ? 0 : b.stride, strideC: c.stride)),
        outputs: c.all)
    }

    func makeCase(_ type: ScalarType, _ oracle: Oracle, _ content: Workbench.Content)
      -> VerificationCase
    {
      let kind =
        switch oracle {
        case .bound: ""
        case .exact: " integers"
        case .bits: " special values"
        }
      return VerificationCase(
        "contraction", label + kind, type, oracle: oracle, dependsOnFamily: true
      ) { try prepare($0, content) }
    }
  }

  static func contractions(quick: Bool) -> [VerificationCase] {
    var cases: [VerificationCase] = []
    for type in realTypes {
      // Quick: one program in float64, because compiling takes longer than running.
      let isSmall = quick && type == .float64
      let all = quick ? quickProducts : quickProducts + fullProducts
      let products = all.filter { !isSmall || $0.transposeB && !$0.transposeA }
      cases += products.map { $0.makeCase(type, .bound, .random(1)) }
      // Sums of at most 2051 products of at most 49 in steps of at least 1/32, times at most 2:
      // exact in 24 bits.
      cases += products.filter { $0.k <= 2051 }.map { $0.makeCase(type, .exact, .integers(7)) }
      let special = [
        Product(m: 5, n: 67, k: 65, transposeB: true), Product(m: 13, n: 33, k: 9, beta: 1),
        Product(m: 65, n: 3, k: 1025, transposeA: true, alpha: 0.5),
      ]
      cases += special.prefix(isSmall ? 1 : 3).map { $0.makeCase(type, .bits, .special) }
    }
    return cases
  }

  /// One of each kind.
  private static let quickProducts = [
    Product(m: 1, n: 1, k: 1), Product(m: 7, n: 13, k: 3),
    Product(m: 13, n: 33, k: 17, transposeA: true, alpha: 1.25, beta: 1, padding: 3),
    Product(m: 65, n: 67, k: 33, transposeB: true, padding: 1),
    Product(m: 3, n: 5, k: 1025, transposeB: true, beta: -0.5, scale: 0.25),
    Product(m: 2, n: 17, k: 2049, transposeA: true),
    Product(m: 5, n: 3, k: 0, beta: 2), Product(m: 4, n: 9, k: 0),
    Product(m: 9, n: 31, k: 5, transposeB: true, beta: 1, scale: 2, batch: 3, padding: 2),
  ]

  private static let fullProducts: [Product] = {
    var products: [Product] = []
    let transpositions = [(false, false), (false, true), (true, false), (true, true)]
    // Around the tiles of both families and the register blocks of the host's.
    let shapes = [
      (1, 1, 7), (1, 17, 5), (17, 1, 5), (2, 3, 5), (6, 16, 8), (7, 17, 9), (8, 32, 8), (9, 33, 9),
      (12, 32, 16), (13, 33, 15), (31, 37, 41), (64, 64, 16), (65, 65, 17), (127, 31, 64),
      (129, 67, 31), (64, 129, 127), (131, 137, 19),
    ]
    for (index, shape) in shapes.enumerated() {
      for (choice, (transposeA, transposeB)) in transpositions.enumerated() {
        products.append(
          Product(
            m: shape.0, n: shape.1, k: shape.2, transposeA: transposeA, transposeB: transposeB,
            alpha: [1, 0.5, -2, 1][(index + choice) % 4],
            beta: [0, 1, 0, -0.5][(index + choice) % 4],
            padding: [0, 1, 5][(index + choice) % 3]))
      }
    }
    // Around one and two chains.
    for k in [1023, 1024, 1025, 2047, 2048, 2049, 2051] {
      for (choice, (transposeA, transposeB)) in transpositions.enumerated() {
        products.append(
          Product(
            m: 5, n: 19, k: k, transposeA: transposeA, transposeB: transposeB,
            alpha: [1, 1, 0.5, 2][choice], beta: [0, 1, -1, 0.5][choice],
            scale: choice == 3 ? 0.5 : nil))
      }
    }
    products += [
      Product(m: 3, n: 7, k: 5001), Product(m: 1, n: 65, k: 3073, beta: 1),
      Product(m: 130, n: 2, k: 1025, transposeA: true, beta: 1),
      Product(m: 9, n: 33, k: 11, batch: 2, sharesA: true),
      Product(m: 9, n: 33, k: 11, transposeB: true, batch: 3, sharesB: true, padding: 3),
      Product(m: 131, n: 129, k: 13, beta: 1, scale: 0.5, batch: 5),
      Product(m: 65, n: 3, k: 1025, transposeA: true, batch: 2, sharesB: true),
      Product(m: 1, n: 1, k: 2, batch: 67), Product(m: 1, n: 1, k: 1, batch: 257, sharesA: true),
    ]
    return products
  }()
}
