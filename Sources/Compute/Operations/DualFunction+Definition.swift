import Glibc

extension DualFunction {
  /// T and T′ of numbers of `type`, with bounds for the order of operations of dual_activation.cl
  /// (whose scaling by powers of two is exact). Doubles must be far from overflow.
  func define(
    _ c: Bounded, _ a: Bounded, _ b: Bounded, _ type: ScalarType
  ) -> (value: Bounded, slope: Bounded) {
    let form = GaussianForm(c, a, b, type)
    switch self {
    case .identity: return (c, Bounded(1))
    case .rectifier:
      let (product, square, gap) = constants
      let root = form.determinant.root(type)
      let slope = Bounded.fma(
        rounded(square, type), form.share(root, form.direction, type), rounded(product, type))
      return (.fma(slope, c, rounded(gap, type) * root), slope)
    case .erf:
      let root = form.erfDeterminant.root(type)
      let angle = Bounded.angle(Bounded(2) * c, root)
      return (rounded(2 / .pi, type) * angle, rounded(4 / .pi, type) / root)
    case .gelu: return form.gelu(type)
    case .sin, .cos:
      let magnitude = c.magnitude
      let scale = Bounded(0.5) * form.decay(magnitude).exponential
      let twice = Bounded(-2) * magnitude
      let difference = twice.applying(value: expm1(twice.value), derivative: Glibc.exp(twice.value))
      let odd = -(scale * difference)
      let even = scale * (Bounded(2) + difference)
      let signed = c.value.sign == .minus ? -odd : odd
      return self == .sin ? (signed, even) : (even, signed)
    case .exp:
      let value = (Bounded(0.5) * ((a + c) + (b + c))).exponential
      return (value, value)
    case .quadratic: return (.fma(Bounded(2) * c, c, a * b), Bounded(4) * c)
    case .gaussian:
      let value = Bounded(1) / form.erfDeterminant.root(type)
      return (value, Bounded(4) * (c * value * value * value))
    case .sign:
      let root = form.determinant.root(type)
      let magnitude = form.direction.magnitude
      let isFlat = magnitude.value <= root.value
      let angle =
        rounded(2 / .pi, type) * (isFlat ? .angle(magnitude, root) : .angle(root, magnitude))
      let value = isFlat ? angle : Bounded(1) - angle
      return (c.value.sign == .minus ? -value : value, Bounded(0))
    case .normalization(let epsilon):
      let root = Self.mean(a + rounded(epsilon, type), b + rounded(epsilon, type))
      if root.value == 0 { return (Bounded(0), Bounded(0)) }
      return (c / root, Bounded(1) / root)
    }
  }

  /// A constant that is rounded to the type.
  private func rounded(_ value: Double, _ type: ScalarType) -> Bounded {
    Bounded(type.round(value), error: type.round(value) == value ? 0 : abs(value))
  }

  /// √(ab), exactly a where they are equal.
  static func mean(_ a: Bounded, _ b: Bounded) -> Bounded {
    if a.value == b.value { return a }
    return (a * b).squareRoot
  }
}

/// The numbers that dual functions share: c, a and b of a pair of Gaussian variables.
private struct GaussianForm {
  let c: Bounded
  let a: Bounded
  let b: Bounded
  /// d² = ab − c², not negative; where ab = 0, whatever c.
  let determinant: Bounded
  /// c, but 0 where ab = 0.
  let direction: Bounded

  init(_ c: Bounded, _ a: Bounded, _ b: Bounded, _ type: ScalarType) {
    self.c = c
    self.a = a.notNegative
    self.b = b.notNegative
    let root = DualFunction.mean(self.a, self.b)
    let hasZero = self.a.value == 0 || self.b.value == 0
    direction = hasZero ? Bounded(0) : c
    determinant = hasZero ? Bounded(0) : ((root - c) * (root + c)).notNegative
  }

  /// (1 + 2a)(1 + 2b) − 4c², in the kernel function's order.
  var erfDeterminant: Bounded {
    let variances = Bounded(2) * (a + b) + Bounded(1)
    return .fma(Bounded(4), determinant, variances)
  }

  /// The share of the plane with u, v > 0: ½ − atan2(root, c)/2π.
  func share(_ root: Bounded, _ c: Bounded, _ type: ScalarType) -> Bounded {
    let angle = Bounded.angle(root, c.magnitude)
    let factor = type.round(1 / (2 * .pi))
    if c.value < 0 { return Bounded(factor, error: factor) * angle }
    return .fma(Bounded(-factor, error: factor), angle, Bounded(0.5))
  }

  func gelu(_ type: ScalarType) -> (value: Bounded, slope: Bounded) {
    let sum = a + b
    let product = (Bounded(1) + a) * (Bounded(1) + b)
    let square = Bounded(1) + sum + determinant
    let root = square.root(type)
    let share = self.share(root, c, type)
    let factor = Bounded(type.round(1 / (2 * .pi)), error: 1 / (2 * .pi))
    let bend = .fma(a * b, root, c * c / root) / product
    let fall = Bounded(1) / square + (Bounded(2) + sum) / product
    return (
      .fma(c, share, factor * bend), .fma(factor * (c / root), fall, share)
    )
  }

  /// |c| − (a + b)/2, not positive.
  func decay(_ magnitude: Bounded) -> Bounded {
    -(Bounded(0.5) * ((a - magnitude) + (b - magnitude)).notNegative)
  }
}

extension Bounded {
  fileprivate var magnitude: Bounded { value.sign == .minus ? -self : self }

  /// The larger of the number and 0, which is no further from what is computed.
  var notNegative: Bounded {
    value > 0 ? self : Bounded(0, error: error, underflow: underflow)
  }

  /// √self with a bound that holds near 0 too: |√(x + δ) − √x| is at most |δ|/√x and √|δ|.
  fileprivate func root(_ type: ScalarType) -> Bounded {
    let root = value.squareRoot()
    if root == 0 && error == 0 && underflow == 0 { return self }
    let (unit, least) = (type.unitRoundoff, type.smallest)
    func spread(_ off: Double, _ unit: Double) -> Double {
      let own = (off / unit).squareRoot()
      return root > 0 ? min(off / root, own) : own
    }
    return Bounded(
      root, error: spread(error, unit) + root, underflow: spread(underflow, least) + 0.5)
  }

  /// atan2(y, x).
  fileprivate static func angle(_ y: Bounded, _ x: Bounded) -> Bounded {
    let value = atan2(y.value, x.value)
    if y.value == 0 && y.error == 0 && y.underflow == 0 && x.value >= 0 { return Bounded(value) }
    let square = x.value * x.value + y.value * y.value
    func part(_ derivative: Double, _ off: Double) -> Double { off == 0 ? 0 : derivative * off }
    let (alongY, alongX) = (abs(x.value) / square, abs(y.value) / square)
    return Bounded(
      value,
      error: part(alongY, y.error) + part(alongX, x.error) + elementaryError * abs(value),
      underflow: part(alongY, y.underflow) + part(alongX, x.underflow) + elementaryError / 2)
  }
}
