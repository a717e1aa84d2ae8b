import Compute
import TestSupport
import Testing

/// Series in Hermite polynomials: those of polynomials end, and are their closed forms.
@BackendActor @Suite struct DualSeriesTests {
  nonisolated static let layouts = [
    KernelLayout(rows: 3, columns: 67), .paired(65), KernelLayout(rows: 2, columns: 2),
  ]

  /// φ = z³: √a³z³ = √a³(√6 h₃ + 3h₁), φ′ = 3az² = 3a(√2 h₂ + h₀).
  private static func cubic(_ variance: Double) -> (values: [Double], slopes: [Double]) {
    let root = variance.squareRoot()
    return (
      [0, 3 * root * variance, 0, 6.0.squareRoot() * root * variance],
      [3 * variance, 0, 3 * 2.0.squareRoot() * variance]
    )
  }

  /// φ = z²: az² = a(√2 h₂ + h₀), φ′ = 2√a z.
  private static func quadratic(_ variance: Double) -> (values: [Double], slopes: [Double]) {
    (
      [variance, 0, 2.0.squareRoot() * variance], [0, 2 * variance.squareRoot()]
    )
  }

  private func run(
    _ layout: KernelLayout, _ type: ScalarType, on backend: any Backend, hasNTK: Bool = true,
    _ coefficients: (Double) -> (values: [Double], slopes: [Double])
  ) throws -> (nngp: [Double], ntk: [Double], points: [(Double, Double, Double)]) {
    func variances(_ count: Int, _ seed: UInt64) -> [Double] {
      sample(count, seed: seed).enumerated().map { $0 % 5 == 4 ? 0 : type.round(1.25 + $1) }
    }
    let (a, b) = (variances(layout.rows, 1), variances(layout.columns, 2))
    let rhos = sample(layout.pairCount, seed: 3)
    let points = (0..<layout.pairCount).map { pair in
      let (i, j) = layout.examples(of: pair)
      return (type.round(rhos[pair] * (a[i] * b[j]).squareRoot()), a[i], b[j])
    }
    /// A row for each degree.
    func series(_ variances: [Double], _ of: (Double) -> [Double]) throws -> Matrix {
      let own = variances.map(of)
      return try backend.matrix(
        own[0].count, own.count, type,
        own[0].indices.flatMap { degree in own.map { $0[degree] } })
    }
    let nngp = try backend.matrix(layout.pairCount, 1, type, points.map(\.0))
    let ntk = try backend.matrix(layout.pairCount, 1, type, points.map { _ in 1 })
    let values = { coefficients($0).values }
    let slopes = { coefficients($0).slopes }
    let operation = DualSeries(
      nngp: nngp, ntk: hasNTK ? ntk : nil, layout: layout,
      rowVariances: try backend.matrix(1, a.count, type, a),
      columnVariances: try backend.matrix(1, b.count, type, b),
      values: (try series(a, values), try series(b, values)),
      slopes: hasNTK ? (try series(a, slopes), try series(b, slopes)) : nil)
    try backend.run(.dualSeries(operation))
    return (try backend.download(nngp), try backend.download(ntk), points)
  }

  @Test(arguments: BackendUnderTest.allCases, layouts)
  func seriesOfPolynomialsEnd(_ place: BackendUnderTest, _ layout: KernelLayout) throws {
    let backend = try place.backend()
    for type in [ScalarType.float32, .float64] {
      func expect(
        _ own: (nngp: [Double], ntk: [Double], points: [(Double, Double, Double)]),
        _ value: (Double, Double, Double) -> Double, _ slope: (Double, Double, Double) -> Double
      ) {
        // 1.25 + 1 to the third power in the largest term.
        let tolerance = 40 * 40 * type.unitRoundoff
        for (index, (c, a, b)) in own.points.enumerated() {
          #expect(abs(own.nngp[index] - value(c, a, b)) <= tolerance)
          #expect(abs(own.ntk[index] - slope(c, a, b)) <= tolerance)
        }
      }
      expect(
        try run(layout, type, on: backend, Self.quadratic), { $1 * $2 + 2 * $0 * $0 },
        { c, _, _ in 4 * c })
      expect(
        try run(layout, type, on: backend, Self.cubic), { 6 * $0 * $0 * $0 + 9 * $1 * $2 * $0 },
        { 9 * ($1 * $2 + 2 * $0 * $0) })
    }
  }

  /// The same bits everywhere, and of T with and without Θ.
  @Test(arguments: layouts, [ScalarType.float32, .float64])
  func bitsAreThoseOfAll(_ layout: KernelLayout, _ type: ScalarType) throws {
    let results = try BackendUnderTest.onEach { backend in
      let both = try run(layout, type, on: backend, Self.cubic)
      let one = try run(layout, type, on: backend, hasNTK: false, Self.cubic)
      #expect(bits(one.nngp) == bits(both.nngp) && one.ntk.allSatisfy { $0 == 1 })
      return bits(both.nngp) + bits(both.ntk)
    }
    #expect(results.allSatisfy { $0.result == results[0].result })
  }

  /// ρ is exactly 1 where c = a = b, at most 1 beyond, and 0 where a variance is 0, at every size.
  @Test(arguments: BackendUnderTest.canonical)
  func correlationsStayInRange(_ place: BackendUnderTest) throws {
    let backend = try place.backend()
    let sizes: [Float] = [1e-37, 1e-20, 0.3, 1, 3, 1e20, 1e38]
    var points: [(c: Float, a: Float, b: Float)] = []
    for size in sizes {
      points += [(size, size, size), (size.nextUp, size, size), (-size, size, size)]
    }
    points += [(0, 0, 0), (0, 0, 1), (1e-30, 0, 1e30)]
    let count = points.count
    let nngp = try backend.matrix(count, 1, .float32, points.map { Double($0.c) })
    // T = ρ.
    let one = try backend.matrix(
      2, count, .float32, [Double](repeating: 0, count: count) + points.map { _ in 1 })
    try backend.run(
      .dualSeries(
        DualSeries(
          nngp: nngp, layout: .paired(count),
          rowVariances: backend.matrix(1, count, .float32, points.map { Double($0.a) }),
          columnVariances: backend.matrix(1, count, .float32, points.map { Double($0.b) }),
          values: (one, one))))
    #expect(try backend.download(nngp) == sizes.flatMap { _ in [1, 1, -1] } + [0, 0, 0])
  }
}
