import Compute
import Glibc
import TestSupport
import Testing

/// Dual activations against integrals, limits and symmetries.
@BackendActor @Suite struct DualActivationTests {
  typealias Point = (c: Double, a: Double, b: Double)

  nonisolated static let functions: [DualFunction] = [
    .relu, .leakyReLU, .absolute, .erf, .gelu, .sin, .cos, .exp, .quadratic, .gaussian, .sign,
    .normalization(epsilon: 0.5),
  ]
  nonisolated static let types: [ScalarType] = [.float32, .float64]

  @Test(arguments: BackendUnderTest.allCases, functions)
  func valuesAreIntegrals(_ place: BackendUnderTest, _ function: DualFunction) throws {
    let cases = dualValues.filter { $0.function == function }
    #expect(cases.count >= 13)
    for type in Self.types {
      let (values, slopes) = try dual(
        function, type, cases.map { ($0.c, $0.a, $0.b) }, on: place.backend())
      // T and T′ reach e⁹; and the roundings of 30 operations.
      let unit = 30 * type.unitRoundoff
      for (index, one) in cases.enumerated() {
        let (value, slope) = (values[index], slopes[index])
        #expect(
          abs(value - one.value) <= unit * max(1, abs(one.value)),
          "\(type) T(\(one.c), \(one.a), \(one.b)) = \(value), not \(one.value)")
        #expect(
          abs(slope - one.slope) <= unit * max(1, abs(one.slope)),
          "\(type) T′(\(one.c), \(one.a), \(one.b)) = \(slope), not \(one.slope)")
      }
    }
  }

  /// Variances over most of the range, correlations up to ±1 and an ulp beyond.
  private static func sweep(_ type: ScalarType, largest: Double) -> [Point] {
    let sizes = [0, 1e-30, 3e-20, 1e-10, 1e-3, 0.3, 1, 7, 1e4, 1e10, 5e19, 1e30].filter {
      $0 <= largest
    }.map { type.round($0) }
    let steps = [-1, -0.999, -0.5, -1e-6, 0, 1e-4, 0.7, 0.99999, 1]
    var points: [Point] = []
    for a in sizes {
      for b in sizes {
        let most = a == b ? a : type.round((a.squareRoot() * b.squareRoot()))
        points += steps.map { (type.round($0 * most), a, b) }
        let above = type == .float32 ? Double(Float(most).nextUp) : most.nextUp
        points += [(above, a, b), (-above, a, b)]
      }
    }
    return points
  }

  /// Where they are finite: e^{2·40}, and squares of 10¹⁹.
  private static func largest(_ function: DualFunction) -> Double {
    switch function {
    case .exp: 10
    case .quadratic: 1e10
    default: 1e30
    }
  }

  /// No NaN, nothing infinite, the same bits everywhere, and exchanging the examples changes none.
  @Test(arguments: functions, types)
  func extremesAreFiniteAndSymmetric(_ function: DualFunction, _ type: ScalarType) throws {
    let points = Self.sweep(type, largest: Self.largest(function))
    let exchanged = points.map { ($0.c, $0.b, $0.a) }
    let results = try BackendUnderTest.onEach { backend in
      (
        try dual(function, type, points, on: backend),
        try dual(function, type, exchanged, on: backend)
      )
    }
    let promises = type == .float32 || !function.hasPlatformFunctions
    for (backend, (own, other)) in results {
      #expect(own.values.allSatisfy { $0.isFinite }, "\(backend)")
      #expect(own.slopes.allSatisfy { $0.isFinite }, "\(backend)")
      #expect(bits(own.values) == bits(other.values) && bits(own.slopes) == bits(other.slopes))
      guard promises else { continue }
      #expect(bits(own.values) == bits(results[0].result.0.values), "\(backend)")
      #expect(bits(own.slopes) == bits(results[0].result.0.slopes), "\(backend)")
    }
  }

  /// Equal and opposite arguments of all sizes: T = E[φ(u)²] or E[φ(u)φ(−u)], exactly.
  @Test(arguments: BackendUnderTest.canonical, types)
  func parallelVectorsAreExact(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    let sizes = [1e-37, 3e-25, 1e-9, 0.1, 1, 3, 1e7, 7e21, 3e37].map { type.round($0) }
    func expect(
      _ function: DualFunction, _ sign: Double, value: (Double) -> Double, slope: Double
    ) throws {
      let (values, slopes) = try dual(
        function, type, sizes.map { (sign * $0, $0, $0) }, on: backend)
      #expect(values == sizes.map { type.round(value($0)) }, "\(function), \(sign)")
      #expect(slopes.allSatisfy { $0 == slope }, "\(function), \(sign): \(slopes)")
    }
    try expect(.relu, 1, value: { $0 / 2 }, slope: 0.5)
    try expect(.relu, -1, value: { _ in 0 }, slope: 0)
    try expect(.absolute, 1, value: { $0 }, slope: 1)
    try expect(.absolute, -1, value: { $0 }, slope: -1)
    try expect(.sign, 1, value: { _ in 1 }, slope: 0)
    try expect(.sign, -1, value: { _ in -1 }, slope: 0)
    let normalized = try dual(
      .normalization(epsilon: 0), type, sizes.map { ($0, $0, $0) }, on: backend)
    #expect(normalized.values.allSatisfy { $0 == 1 })
  }

  /// What rounding puts beyond ±√(ab) counts as that: slopes are those of parallel vectors.
  @Test(arguments: BackendUnderTest.canonical)
  func beyondParallelIsParallel(_ place: BackendUnderTest) throws {
    let sizes: [Float] = [1e-20, 0.3, 1, 5, 1e15]
    let above = sizes.map { (c: Double($0.nextUp), a: Double($0), b: Double($0)) }
    let (values, slopes) = try dual(.relu, .float32, above, on: place.backend())
    #expect(slopes.allSatisfy { $0 == 0.5 })
    #expect(values == above.map { $0.c / 2 })
    // An ulp below, φ = √(2·ulp): 1/2 − φ/2π to its first order.
    let below = sizes.map { (c: Double($0.nextDown), a: Double($0), b: Double($0)) }
    let nearby = try dual(.relu, .float32, below, on: place.backend()).slopes
    for (point, slope) in zip(below, nearby) {
      let angle = (2 * (1 - point.c / point.a)).squareRoot()
      #expect(abs(0.5 - slope - angle / (2 * .pi)) <= 1e-7)
    }
  }

  /// A variance of 0: φ(0) is a constant.
  @Test(arguments: BackendUnderTest.allCases, types)
  func zeroVariances(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    let points: [Point] = [(0, 0, 0), (0, 0, 2), (0, 0.5, 0)]
    func results(_ function: DualFunction) throws -> (values: [Double], slopes: [Double]) {
      try dual(function, type, points, on: backend)
    }
    for function in [DualFunction.relu, .leakyReLU, .absolute, .erf, .gelu, .sin, .sign] {
      let values = try results(function).values
      #expect(values.allSatisfy { $0 == 0 }, "\(function)")
    }
    // Which counts as 0+, where both are on one side.
    #expect(try results(.relu).slopes[0] == 0.5)
    #expect(try results(.absolute).slopes[0] == 1)
    let zero = try results(.normalization(epsilon: 0))
    #expect(zero.values.allSatisfy { $0 == 0 } && zero.slopes.allSatisfy { $0 == 0 })
    // E[cos] = e^{−a/2}, E[e^u] = e^{a/2}, E[e^{−u²}] = 1/√(1+2a), E[u²]·0 = 0.
    let sum = [0, 2, 0.5]
    func expectClose(_ values: [Double], _ expected: [Double]) {
      for (x, y) in zip(values, expected) { #expect(abs(x - y) <= 8 * type.unitRoundoff * y) }
    }
    expectClose(try results(.cos).values, sum.map { exp(-$0 / 2) })
    expectClose(try results(.exp).values, sum.map { exp($0 / 2) })
    expectClose(try results(.gaussian).values, sum.map { 1 / (1 + 2 * $0).squareRoot() })
    #expect(try results(.quadratic).values == [0, 0, 0])
  }

  /// Rectifiers are homogeneous: powers of two scale T exactly and leave T′.
  @Test(arguments: BackendUnderTest.canonical, [DualFunction.relu, .leakyReLU, .absolute, .sign])
  func homogeneity(_ place: BackendUnderTest, _ function: DualFunction) throws {
    let points = Self.sweep(.float32, largest: 1e10).filter {
      $0.a >= 1e-10 && $0.b >= 1e-10 && abs($0.c) > 1e-20
    }
    let one = try dual(function, .float32, points, on: place.backend())
    for (up, down) in [(0x1p40, 0x1p20), (0x1p-40, 0x1p-60)] {
      let scaled = try dual(
        function, .float32,
        points.map { ($0.c * (up * down).squareRoot(), $0.a * up, $0.b * down) },
        on: place.backend())
      let factor = function == .sign ? 1 : (up * down).squareRoot()
      #expect(scaled.values == one.values.map { $0 * factor })
      #expect(scaled.slopes == one.slopes)
    }
  }

  /// Small variances make functions linear at 0, large ones make erf a sign and gelu a ReLU.
  @Test(arguments: BackendUnderTest.canonical, types)
  func limits(_ place: BackendUnderTest, _ type: ScalarType) throws {
    let backend = try place.backend()
    func points(_ size: Double) -> [Point] {
      [(0.5, 1, 1), (-0.75, 1, 4), (0.125, 0.5, 2)].map { ($0 * size, $1 * size, $2 * size) }
    }
    let tolerance = 16 * type.unitRoundoff
    func expect(_ function: DualFunction, _ size: Double, value: (Double) -> Double) throws {
      let values = try dual(function, type, points(size), on: backend).values
      for (x, point) in zip(values, points(size)) {
        let y = value(point.c)
        #expect(abs(x - y) <= tolerance * abs(y), "\(function), \(point): \(x), not \(y)")
      }
    }
    for size in [0x1p-60, 0x1p-90] {
      try expect(.erf, size) { 4 / .pi * $0 }
      try expect(.sin, size) { $0 }
      try expect(.gelu, size) { $0 / 4 }
      try expect(.gaussian, size) { _ in 1 }
    }
    for size in [0x1p70, 0x1p100] {
      let large = points(size)
      let pairs: [(DualFunction, DualFunction)] = [(.erf, .sign), (.gelu, .relu)]
      for (function, limit) in pairs {
        let own = try dual(function, type, large, on: backend)
        let other = try dual(limit, type, large, on: backend)
        for (x, y) in zip(own.values, other.values) {
          #expect(abs(x - y) <= tolerance * abs(y), "\(function): \(x), not \(y)")
        }
      }
    }
  }

  /// The affine map first and the function afterwards: the same bits as both at once.
  @Test(arguments: BackendUnderTest.canonical, functions)
  func fusedIsUnfused(_ place: BackendUnderTest, _ function: DualFunction) throws {
    let backend = try place.backend()
    let layout = KernelLayout(rows: 3, columns: 67)
    let affine = KernelAffine(
      factor: 1.3, bias: 0.1, ntkFactor: 1.3, nngpShare: 0.7, ntkBias: 0.9)
    for type in Self.types {
      var results: [[UInt64]] = []
      for isFused in [true, false] {
        let nngp = try matrix(201, 1, type, seed: 3, on: backend)
        let ntk = try matrix(201, 1, type, seed: 4, on: backend)
        let a = try backend.matrix(1, 3, type, sample(3, seed: 5).map { 3 + $0 })
        let b = try backend.matrix(1, 67, type, sample(67, seed: 6).map { 3 + $0 })
        if !isFused {
          try backend.run(
            .dualActivation(
              DualActivation(.identity, nngp: nngp, ntk: ntk, layout: layout, affine: affine)))
        }
        try backend.run(
          .dualActivation(
            DualActivation(
              function, nngp: nngp, ntk: ntk, layout: layout, rowVariances: a, columnVariances: b,
              affine: isFused ? affine : nil)))
        results.append(bits(try backend.download(nngp)) + bits(try backend.download(ntk)))
      }
      #expect(results[0] == results[1], "\(type)")
    }
  }
}
