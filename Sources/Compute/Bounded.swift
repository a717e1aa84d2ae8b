import Glibc

/// A number of a definition together with how far a rounded computation of it may be off.
///
/// Running error analysis to first order, with the model fl(x) = x(1 + δ) + η of gradual
/// underflow: |δ| ≤ u, the unit roundoff, and |η| ≤ half the smallest positive number, zero for
/// sums and differences, which are exact where they underflow. `error` bounds |computed − value|
/// in units of u as far as it comes from the δ, `underflow` in units of the smallest positive
/// number as far as it comes from the η; both propagate by the same derivatives. Every operation
/// rounds once, and every elementary function is within `Bounded.elementaryError` units. Source:
/// Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., sections 2.1 and 3.3.
public struct Bounded {
  public var value: Double
  public var error: Double
  public var underflow: Double

  /// 2 ulp, in units of u.
  public static let elementaryError = 4.0

  public init(_ value: Double, error: Double = 0, underflow: Double = 0) {
    self.value = value
    self.error = error
    self.underflow = underflow
  }

  /// `value` off by the errors of what it is computed from, times |derivative| each, and by one
  /// rounding, which may underflow unless `isSum`.
  private init(
    rounded value: Double, _ arguments: (Bounded, derivative: Double)..., isSum: Bool = false
  ) {
    self.value = value
    error = abs(value)
    underflow = isSum ? 0 : 0.5
    for (argument, derivative) in arguments {
      // An exact argument stays so where the derivative is infinite.
      if argument.error != 0 { error += abs(derivative) * argument.error }
      if argument.underflow != 0 { underflow += abs(derivative) * argument.underflow }
    }
  }

  public static func + (a: Bounded, b: Bounded) -> Bounded {
    Bounded(rounded: a.value + b.value, (a, 1), (b, 1), isSum: true)
  }

  public static func - (a: Bounded, b: Bounded) -> Bounded { a + (-b) }
  public static prefix func - (a: Bounded) -> Bounded {
    Bounded(-a.value, error: a.error, underflow: a.underflow)
  }

  public static func * (a: Bounded, b: Bounded) -> Bounded {
    Bounded(rounded: a.value * b.value, (a, b.value), (b, a.value))
  }

  public static func / (a: Bounded, b: Bounded) -> Bounded {
    let value = a.value / b.value
    return Bounded(rounded: value, (a, 1 / b.value), (b, value / b.value))
  }

  /// a·b + c, rounded once, here too: where the two cancel, the error of a rounded product would
  /// not be covered by u·|value|.
  public static func fma(_ a: Bounded, _ b: Bounded, _ c: Bounded) -> Bounded {
    Bounded(
      rounded: c.value.addingProduct(a.value, b.value), (a, b.value), (b, a.value), (c, 1))
  }

  /// f(self) for an elementary function with the given value and derivative there, itself within
  /// `own` units: halves of the last place, which is the smallest number where it underflows.
  public func applying(
    value: Double, derivative: Double, error own: Double = Bounded.elementaryError
  ) -> Bounded {
    Bounded(
      value, error: abs(derivative) * error + own * abs(value),
      underflow: abs(derivative) * underflow + own / 2)
  }

  public var squareRoot: Bounded {
    let root = value.squareRoot()
    return Bounded(rounded: root, (self, root > 0 ? 1 / (2 * root) : 0))
  }

  public var exponential: Bounded { applying(value: exp(value), derivative: exp(value)) }
  public var sine: Bounded { applying(value: sin(value), derivative: cos(value)) }
  public var cosine: Bounded { applying(value: cos(value), derivative: sin(value)) }
  public var logarithm: Bounded { applying(value: log(value), derivative: 1 / value) }
}
