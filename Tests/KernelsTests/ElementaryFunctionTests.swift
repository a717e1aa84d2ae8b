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
