import Compute
import Testing

@testable import Verification

/// The running error bound holds for float32 arithmetic, underflow included, and is not idle.
@Suite struct BoundedTests {
  /// A number computed in float32, and in Double with its bound.
  private struct Pair {
    var computed: Float
    var defined: Bounded

    static func random(_ sample: inout SampleStream, _ exponent: Int) -> Pair {
      let value = Float(sample.symmetric()) * Float(sign: .plus, exponent: exponent, significand: 1)
      return Pair(computed: value, defined: Bounded(Double(value)))
    }

    /// The error as a share of its bound.
    var share: Double {
      let allowed = defined.error * 0x1p-24 + defined.underflow * 0x1p-149
      let error = abs(Double(computed) - defined.value)
      return error == 0 ? 0 : error / allowed
    }
  }

  /// Random chains of operations, at ordinary magnitudes and around the smallest numbers.
  @Test(arguments: [0, -60, -70, -74])
  func holdsForRandomExpressions(_ exponent: Int) {
    var sample = SampleStream(tensor: 100 - exponent, isDouble: false)
    var worst = 0.0
    for _ in 0..<20_000 {
      var pair = Pair.random(&sample, exponent)
      for _ in 0..<4 {
        let (x, y) = (Pair.random(&sample, exponent), Pair.random(&sample, 0))
        switch sample.integer(below: 5) {
        case 0: pair = Pair(computed: pair.computed + x.computed, defined: pair.defined + x.defined)
        case 1: pair = Pair(computed: pair.computed - x.computed, defined: pair.defined - x.defined)
        case 2: pair = Pair(computed: pair.computed * x.computed, defined: pair.defined * x.defined)
        case 3:
          // Away from zero, where first order does not suffice.
          guard abs(y.computed) > 0.1 else { continue }
          pair = Pair(computed: pair.computed / y.computed, defined: pair.defined / y.defined)
        default:
          pair = Pair(
            computed: x.computed.addingProduct(pair.computed, y.computed),
            defined: .fma(pair.defined, y.defined, x.defined))
        }
      }
      worst = max(worst, pair.share)
    }
    // Terms of second order are at most a few u of the first.
    #expect(worst <= 1 + 0x1p-16)
    #expect(worst > 0.25)
  }

  /// A product and its addend that cancel: the definition must not round the product first.
  @Test func fusedMultiplyAddCancels() {
    let a = 1 + 0x1p-52
    let value = Bounded.fma(Bounded(a), Bounded(a), Bounded(-(1 + 0x1p-51))).value
    #expect(value == 0x1p-104)
  }

  @Test func rootsOfZeroAreExact() {
    #expect(Bounded(0).squareRoot.value == 0)
    #expect(Bounded(0).squareRoot.error == 0)
  }
}
