import Compute
import Glibc
import Testing

/// Scalars computed without the C library, against the C library.
@Suite struct HostMathTests {
  private func ulps(_ a: Double, _ b: Double) -> Double { abs(a - b) / b.ulp }

  @Test func powers() {
    for x in [0.1, 0.999, 1.0, 1.5, 10, 1437] {
      for n in [0, 1, 2, 3, 7, 30, 90] {
        // A product's rounding is repeated in all later squares: n of them in all.
        #expect(ulps(HostMath.power(x, n), pow(x, Double(n))) <= Double(n + 1), "\(x)^\(n)")
      }
    }
    #expect(HostMath.power(0, 0) == 1 && HostMath.power(-2, 3) == -8)
  }

  @Test func roots() {
    for n in 1...18 {
      for x in [1, 2, 3, 6, 64, 784, 2048, 100_000, 1e-3, 0x1p60] {
        // A root off by 4 ulp has a power off by 4n.
        let root = HostMath.root(x, n)
        #expect(ulps(pow(root, Double(n)), x) <= 4 * Double(n) + 1, "\(x)^(1/\(n))")
      }
    }
    #expect(HostMath.root(64, 6) == 2 && HostMath.root(243, 5) == 3 && HostMath.root(49, 2) == 7)
  }

  @Test func cosines() {
    #expect(HostMath.cosine(ofPiTimes: 0) == 1)
    #expect(HostMath.cosine(ofPiTimes: 1) == -1)
    for i in 0...1000 {
      let t = Double(i) / 1000
      // Near ½ the argument's rounding, π/2·2⁻⁵³, is all there is.
      let error = abs(HostMath.cosine(ofPiTimes: t) - cos(Double.pi * t))
      #expect(error <= 4 * 0x1p-53, "\(t)")
    }
  }
}
