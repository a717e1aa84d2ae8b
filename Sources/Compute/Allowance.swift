/// How far a rounded result may be from its definition.
///
/// |computed − defined| may be `factor`·(error·u + underflow·η), see `Bounded`, and one η for a
/// result that underflows itself.
package struct Allowance {
  package var factor: Double
  private let unitRoundoff: Double
  /// η: the smallest positive number; fast numerics may flush subnormal numbers to zero.
  private let smallest: Double

  /// `Bounded` keeps terms of first order. Those of higher order are smaller by a factor of
  /// error·u/|value|, as long as that is below this.
  package static let secondOrder = 0x1p-10

  /// - Parameter isDoubled: the definition is rounded as much as what is compared with it.
  package init(_ type: ScalarType, isDoubled: Bool, numerics: Numerics) {
    factor = (isDoubled ? 2 : 1) * (1 + Self.secondOrder)
    unitRoundoff = type.unitRoundoff
    smallest = numerics == .fast ? type.smallestNormal : type.smallest
  }

  package func allowed(_ defined: Bounded) -> Double {
    factor * (defined.error * unitRoundoff + defined.underflow * smallest) + smallest
  }

  /// |computed − defined| / allowed; 0 where both are the same, infinite or not a number.
  package static func share(_ computed: Double, _ defined: Double, _ allowed: Double) -> Double {
    if computed == defined || computed.isNaN && defined.isNaN { return 0 }
    guard computed.isFinite, defined.isFinite else { return .infinity }
    return abs(computed - defined) / allowed
  }
}
