import Glibc

/// A number of a definition together with how far a rounded computation of it may be off.
///
/// Running error analysis to first order: `error` bounds |computed − value| in units of u, the
/// unit roundoff, when every operation rounds once and every elementary function is within
/// `Bounded.elementaryError` units. Source: Higham, Accuracy and Stability of Numerical
/// Algorithms, 2nd ed., section 3.3.
public struct Bounded {
  public var value: Double
  public var error: Double

  /// 2 ulp, in units of u.
  public static let elementaryError = 4.0

  public init(_ value: Double, error: Double = 0) {
    self.value = value
    self.error = error
  }

  public static func + (a: Bounded, b: Bounded) -> Bounded {
    let value = a.value + b.value
    return Bounded(value, error: a.error + b.error + abs(value))
  }

  public static func - (a: Bounded, b: Bounded) -> Bounded { a + (-b) }
  public static prefix func - (a: Bounded) -> Bounded { Bounded(-a.value, error: a.error) }

  public static func * (a: Bounded, b: Bounded) -> Bounded {
    let value = a.value * b.value
    return Bounded(
      value, error: abs(a.value) * b.error + abs(b.value) * a.error + abs(value))
  }

  public static func / (a: Bounded, b: Bounded) -> Bounded {
    let value = a.value / b.value
    return Bounded(value, error: (a.error + abs(value) * b.error) / abs(b.value) + abs(value))
  }

  /// a·b + c, rounded once, here too: where the two cancel, the error of a rounded product would
  /// not be covered by u·|value|.
  public static func fma(_ a: Bounded, _ b: Bounded, _ c: Bounded) -> Bounded {
    let value = c.value.addingProduct(a.value, b.value)
    return Bounded(
      value,
      error: abs(a.value) * b.error + abs(b.value) * a.error + c.error + abs(value))
  }

  /// f(self) for an elementary function with the given value and derivative there.
  public func applying(
    value: Double, derivative: Double, error own: Double = Bounded.elementaryError
  ) -> Bounded {
    Bounded(value, error: abs(derivative) * error + own * abs(value))
  }

  public var squareRoot: Bounded {
    let root = value.squareRoot()
    return Bounded(root, error: (root > 0 ? error / (2 * root) : 0) + root)
  }

  public var exponential: Bounded { applying(value: exp(value), derivative: exp(value)) }
  public var sine: Bounded { applying(value: sin(value), derivative: cos(value)) }
  public var cosine: Bounded { applying(value: cos(value), derivative: sin(value)) }
  public var logarithm: Bounded { applying(value: log(value), derivative: 1 / value) }
}
