import ElementaryFunctions
import Glibc
import Testing

/// functions.cl, compiled for the host, against the C library in Double.
@Suite struct ElementaryFunctionTests {
  @Test(arguments: ElementaryFunction.allCases)
  func staysWithinItsBound(_ function: ElementaryFunction) {
    var worst = 0.0
    var at: Float = 0
    for (x, y) in zip(Sweep.inputs, function(Sweep.inputs)) {
      let error = ulps(y, function.reference(Double(x)))
      if error > worst { (worst, at) = (error, x) }
    }
    print("\(function): worst \(worst) ulp, at \(at)")
    #expect(worst <= function.bound, "at \(at)")
  }

  @Test func arcTangentStaysWithinItsBound() {
    // Pairs of unrelated patterns, pairs of like magnitude, and all pairs of the specials.
    let n = Sweep.inputs.count
    var y = Sweep.inputs
    var x = (0..<n).map { Sweep.inputs[$0 * 7919 % n] }
    y += Sweep.inputs
    x += Sweep.inputs.enumerated().map { i, y in y * (Float(i % 64) - 31.5) / 16 }
    for a in Sweep.specials + [1, -1] {
      for b in Sweep.specials + [1, -1] {
        y.append(a)
        x.append(b)
      }
    }
    var worst = 0.0
    var at: (Float, Float) = (0, 0)
    let angles = hostArcTangent(y, x)
    for (index, angle) in angles.enumerated() {
      let exact = Glibc.atan2(Double(y[index]), Double(x[index]))
      let error = ulps(angle, exact)
      if error > worst { (worst, at) = (error, (y[index], x[index])) }
      if exact == 0 {
        #expect((angle.sign == .minus) == (exact.sign == .minus), "\(y[index]), \(x[index])")
      }
    }
    print("atan2: worst \(worst) ulp, at \(at)")
    #expect(worst <= 2, "at \(at)")
  }

  #if arch(x86_64)
    /// In double precision, against the C library in extended precision: unrelated pairs over all
    /// exponents, pairs of like magnitude (the polynomial's whole range), and special ones.
    @Test func arcTangentOfDoublesStaysWithinItsBound() {
      var y: [Double] = []
      var x: [Double] = []
      for i in 0..<400_000 {
        let first = UInt64(i + 1) &* 0x9e37_79b9_7f4a_7c15
        let second = first &* 0xbf58_476d_1ce4_e5b9 ^ first >> 31
        let pair = (Double(bitPattern: first), Double(bitPattern: second))
        guard pair.0.isFinite, pair.1.isFinite else { continue }
        y.append(pair.0)
        x.append(i % 2 == 0 ? pair.1 : pair.0.sign == .plus ? pair.0.significand : 1.5)
        if i % 2 == 1 { y[y.count - 1] = pair.1.significand * (i % 4 == 1 ? 0.7 : -0.9) }
      }
      let specials: [Double] = [
        0, -0.0, 0x1p-1074, 1, -1, 0x1p-1022, -0x1p-1022, .greatestFiniteMagnitude, .infinity,
        -.infinity, .nan,
      ]
      for a in specials {
        for b in specials {
          y.append(a)
          x.append(b)
        }
      }
      let angles = [Double](unsafeUninitializedCapacity: y.count) { target, count in
        elementary_atan2_double(y, x, target.baseAddress, y.count)
        count = y.count
      }
      var worst = 0.0
      for (index, angle) in angles.enumerated() {
        let exact = Glibc.atan2(Float80(y[index]), Float80(x[index]))
        if exact.isNaN || angle.isNaN {
          #expect(exact.isNaN && angle.isNaN, "\(y[index]), \(x[index])")
          continue
        }
        if exact == 0 {
          #expect(angle == 0 && (angle.sign == .minus) == (exact.sign == .minus))
          continue
        }
        worst = max(worst, Double(abs(Float80(angle) - exact) / Float80(Double(exact).ulp)))
      }
      print("atan2 of doubles: worst \(worst) ulp")
      #expect(worst <= 2)
    }
  #endif

  /// f(±0) = ±0 and f(d) = d for subnormal d: f(x) = x + O(x²) or, for erf, 2/√π·x.
  @Test(arguments: [ElementaryFunction.expm1, .log1p, .tanh, .sin])
  func keepsZerosAndSubnormals(_ function: ElementaryFunction) {
    let subnormals = stride(from: UInt32(0), to: 0x0080_0000, by: 4099).flatMap {
      [Float(bitPattern: $0), Float(bitPattern: $0 | 0x8000_0000)]
    }
    #expect(function(subnormals).map(\.bitPattern) == subnormals.map(\.bitPattern))
  }

  @Test func errorFunctionOfZeros() {
    let values = ElementaryFunction.erf([0, -0.0, 0x1p-149, -0x1p-149])
    #expect(values.map(\.bitPattern) == [0, 0x8000_0000, 1, 0x8000_0001])
  }

  @Test func limits() {
    func bits(_ function: ElementaryFunction, _ x: Float) -> UInt32 { function([x])[0].bitPattern }
    let (zero, infinity): (UInt32, Float) = (0, .infinity)
    #expect(bits(.exp, -infinity) == zero)
    #expect(bits(.exp, -104) == zero)
    #expect(bits(.exp, 89) == infinity.bitPattern)
    #expect(bits(.exp, infinity) == infinity.bitPattern)
    #expect(bits(.exp, 0) == Float(1).bitPattern)
    #expect(bits(.expm1, -infinity) == Float(-1).bitPattern)
    #expect(bits(.expm1, 89) == infinity.bitPattern)
    #expect(bits(.log, 0) == (-infinity).bitPattern)
    #expect(bits(.log, -0.0) == (-infinity).bitPattern)
    #expect(bits(.log, 1) == zero)
    #expect(bits(.log, infinity) == infinity.bitPattern)
    #expect(ElementaryFunction.log([-1, -infinity, -0x1p-149]).allSatisfy { $0.isNaN })
    #expect(bits(.log1p, -1) == (-infinity).bitPattern)
    #expect(bits(.log1p, infinity) == infinity.bitPattern)
    #expect(ElementaryFunction.log1p([-1.5, -infinity]).allSatisfy { $0.isNaN })
    #expect(bits(.tanh, infinity) == Float(1).bitPattern)
    #expect(bits(.tanh, -infinity) == Float(-1).bitPattern)
    #expect(bits(.erf, infinity) == Float(1).bitPattern)
    #expect(bits(.erf, -infinity) == Float(-1).bitPattern)
    #expect(bits(.erfc, 10.1) == zero)
    #expect(bits(.erfc, infinity) == zero)
    #expect(bits(.erfc, -infinity) == Float(2).bitPattern)
    #expect(bits(.cos, 0) == Float(1).bitPattern)
    #expect(ElementaryFunction.sin([infinity, -infinity]).allSatisfy { $0.isNaN })
    #expect(ElementaryFunction.cos([infinity, -infinity]).allSatisfy { $0.isNaN })
    #expect(bits(.sigmoid, -infinity) == zero)
    #expect(bits(.sigmoid, infinity) == Float(1).bitPattern)
    #expect(bits(.softplus, -infinity) == zero)
    #expect(bits(.softplus, infinity) == infinity.bitPattern)
  }

  @Test(arguments: ElementaryFunction.allCases)
  func passesNaNOn(_ function: ElementaryFunction) {
    let patterns: [UInt32] = [0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0xffff_ffff]
    #expect(function(patterns.map { Float(bitPattern: $0) }).allSatisfy { $0.isNaN })
  }
}
