import Glibc

extension Activation {
  /// Coefficients 0…degree of φ(u(t)) and of φ′(u(t)): the definition, in Double with bounds.
  /// `type` is that of the computation it bounds.
  func series(
    of input: [Bounded], degree: Int, type: ScalarType
  ) -> (value: [Bounded], slope: [Bounded]) {
    var u = input
    while u.count <= degree { u.append(Bounded(0)) }

    /// Σ_i a_i b_{n−i}
    func product(_ a: [Bounded], _ b: [Bounded], _ n: Int) -> Bounded {
      (0...n).reduce(Bounded(0)) { .fma(a[$1], b[n - $1], $0) }
    }
    /// (1/n) Σ_{i=1..n} i a_i w_{n−i}
    func integral(_ a: [Bounded], _ w: [Bounded], _ n: Int) -> Bounded {
      (1...n).reduce(Bounded(0)) { .fma(Bounded(Double($1)) * a[$1], w[n - $1], $0) }
        / Bounded(Double(n))
    }
    let orders = degree >= 1 ? Array(1...degree) : []
    let zero = u[0]

    switch self {
    case .identity:
      return (u, [Bounded(1)] + orders.map { _ in Bounded(0) })

    case .relu, .leakyReLU:
      let negative = self == .relu ? Bounded(0) : Bounded(type.round(0.01))
      var slope = zero.value <= 0 ? negative : Bounded(1)
      var value = u.map { zero.value <= 0 ? negative * $0 : $0 }
      // A gate that rounding may flip: the bound covers both sides.
      if Swift.abs(zero.value) <= zero.error * type.unitRoundoff && zero.error > 0 {
        slope.error = 1 / type.unitRoundoff
        for n in value.indices { value[n].error += Swift.abs(u[n].value) / type.unitRoundoff }
      }
      return (value, [slope] + orders.map { _ in Bounded(0) })

    case .tanh:
      let t = Glibc.tanh(zero.value)
      var y = [zero.applying(value: t, derivative: 1 - t * t)]
      var w = [Bounded.fma(-y[0], y[0], Bounded(1))]
      for n in orders {
        y.append(integral(u, w, n))
        w.append(-product(y, y, n))
      }
      return (y, w)

    case .sigmoid, .softplus, .swish:
      let s = 1 / (1 + Glibc.exp(-zero.value))
      let c = 1 / (1 + Glibc.exp(zero.value))
      // Twice the bound of the other functions: σ is a quotient around exp.
      var sigma = [zero.applying(value: s, derivative: s * c, error: 8)]
      var q = [zero.applying(value: s * c, derivative: s * c * (c - s), error: 17)]
      for n in orders {
        sigma.append(integral(u, q, n))
        q.append(sigma[n] - product(sigma, sigma, n))
      }
      if self == .sigmoid { return (sigma, q) }
      if self == .softplus {
        let value = max(zero.value, 0) + log1p(Glibc.exp(-Swift.abs(zero.value)))
        var y = [zero.applying(value: value, derivative: s, error: 8)]
        for n in orders { y.append(integral(u, sigma, n)) }
        return (y, sigma)
      }
      return (
        (0...degree).map { product(u, sigma, $0) },
        (0...degree).map { sigma[$0] + product(u, q, $0) }
      )

    case .exp:
      var y = [zero.exponential]
      for n in orders { y.append(integral(u, y, n)) }
      return (y, y)

    case .erf, .gelu:
      let factor = self == .erf ? 1.0 : 0.5
      let q = (0...degree).map { Bounded(-factor) * product(u, u, $0) }
      // e^{−u²}: the argument's rounding is put back by the kernel, its own error is not.
      let e = Glibc.exp(-factor * zero.value * zero.value)
      let constant = self == .erf ? 2 / Double.pi.squareRoot() : 1 / (2 * Double.pi).squareRoot()
      var w = [
        zero.applying(
          value: constant * e, derivative: 2 * factor * zero.value * constant * e, error: 9)
      ]
      for n in orders { w.append(integral(q, w, n)) }
      if self == .erf {
        var y = [zero.applying(value: Glibc.erf(zero.value), derivative: w[0].value)]
        for n in orders { y.append(integral(u, w, n)) }
        return (y, w)
      }
      // Φ = ½ erfc(−u/√2); its argument is rounded twice (the constant and the product).
      var rounded = zero
      rounded.error += 2 * Swift.abs(zero.value)
      var phi = [
        rounded.applying(
          value: 0.5 * erfc(-zero.value / 2.0.squareRoot()), derivative: w[0].value)
      ]
      for n in orders { phi.append(integral(u, w, n)) }
      return (
        (0...degree).map { product(u, phi, $0) },
        (0...degree).map { phi[$0] + product(u, w, $0) }
      )

    case .sin, .cos:
      var s = [zero.sine]
      var c = [zero.cosine]
      for n in orders {
        s.append(integral(u, c, n))
        c.append(-integral(u, s, n))
      }
      return self == .sin ? (s, c) : (c, s.map { -$0 })

    case .quadratic:
      return ((0...degree).map { product(u, u, $0) }, u.map { Bounded(2) * $0 })

    case .abs, .sign:
      let gate: Double = zero.value < 0 ? -1 : zero.value == 0 ? 0 : 1
      var slope = Bounded(self == .abs ? gate : 0)
      var value: [Bounded]
      if self == .abs {
        value = u.map { gate == 0 ? Bounded(0) : gate < 0 ? -$0 : $0 }
      } else {
        value = [Bounded(zero.value.isNaN ? zero.value : gate)] + orders.map { _ in Bounded(0) }
      }
      // A gate that rounding may flip, as above, here by 2.
      if Swift.abs(zero.value) <= zero.error * type.unitRoundoff && zero.error > 0 {
        if self == .abs {
          slope.error = 2 / type.unitRoundoff
          for n in value.indices {
            value[n].error += 2 * Swift.abs(u[n].value) / type.unitRoundoff
          }
        } else {
          value[0].error = 2 / type.unitRoundoff
        }
      }
      return (value, [slope] + orders.map { _ in Bounded(0) })

    case .gaussian:
      // The argument's rounding is put back by the kernel, as for erf.
      let q = (0...degree).map { -product(u, u, $0) }
      let e = Glibc.exp(-zero.value * zero.value)
      var y = [zero.applying(value: e, derivative: 2 * zero.value * e, error: 6)]
      for n in orders { y.append(integral(q, y, n)) }
      return (y, (0...degree).map { Bounded(-2) * product(u, y, $0) })

    case .geluTanh:
      // The constants are rounded; the argument of σ is cut off where σ is 0 or 1.
      func constant(_ value: Double) -> Bounded { Bounded(value, error: value) }
      let kappa = constant(2 * (2 / Double.pi).squareRoot())
      var v = u
      if Swift.abs(zero.value) > 64 { v[0] = Bounded(zero.value < 0 ? -64 : 64) }
      let squares = (0...degree).map { product(v, v, $0) }
      let cubes = (0...degree).map { product(v, squares, $0) }
      let inner = (0...degree).map { kappa * .fma(constant(0.044715), cubes[$0], v[$0]) }
      let outer = (0...degree).map { kappa * .fma(constant(0.134145), cubes[$0], v[$0]) }
      let s = 1 / (1 + Glibc.exp(-inner[0].value))
      let c = 1 / (1 + Glibc.exp(inner[0].value))
      var sigma = [inner[0].applying(value: s, derivative: s * c, error: 8)]
      var q = [inner[0].applying(value: s * c, derivative: s * c * (c - s), error: 17)]
      for n in orders {
        sigma.append(integral(inner, q, n))
        q.append(sigma[n] - product(sigma, sigma, n))
      }
      return (
        (0...degree).map { product(u, sigma, $0) },
        (0...degree).map { sigma[$0] + product(outer, q, $0) }
      )
    }
  }
}
