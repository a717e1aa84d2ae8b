extension OptimizerUpdate {
  public func define() {
    let columns = columns
    let type = state.type
    func rounded(_ value: Double) -> Bounded { Bounded(type.round(value)) }
    let rate = rounded(-learningRate)
    for i in 0..<state.count {
      var g = gradient.flat.exact(0, i)
      var old = state.flat.exact(0, i)
      if let clip { g = g * clip.exact(0, 0) }
      if let decay {
        let theta = center.map { $0.flat.exact(0, i) + old } ?? old
        switch decay {
        case .gradient(let decay): g = .fma(rounded(decay), theta, g)
        case .state(let rate): old = old + rounded(rate) * theta
        }
      }
      if let noise { g = noise.flat.exact(0, i) + g }
      // Exact, so that errors only change their sign.
      let flip = signs.map {
        $0.now.flat[0, i / columns].value * $0.next.flat[0, i / columns].value
      }
      func flipped(_ x: Bounded) -> Bounded { flip == -1 ? -x : x }
      let step: Bounded
      switch rule {
      case .sgd: step = g
      case .momentum(let velocity, let momentum):
        step = .fma(rounded(momentum), velocity.flat.exact(0, i), g)
        velocity.flat[0, i] = flipped(step)
      case .adam(let first, let second, let beta1, let beta2, let epsilon, let t):
        let m = Bounded.fma(rounded(beta1), first.flat.exact(0, i), rounded(1 - beta1) * g)
        let v = Bounded.fma(rounded(beta2), second.flat.exact(0, i), rounded(1 - beta2) * g * g)
        first.flat[0, i] = flipped(m)
        second.flat[0, i] = v
        let corrected1 = m / rounded(1 - HostMath.power(beta1, t))
        let corrected2 = v / rounded(1 - HostMath.power(beta2, t))
        step = corrected1 / (corrected2.squareRoot + rounded(epsilon))
      }
      let moved = flipped(old + rate * step)
      state.flat[0, i] = moved
      if let center, let parameters { parameters.flat[0, i] = center.flat.exact(0, i) + moved }
    }
    if let squares {
      let reduction = Reduction(.sumOfSquares, of: state, into: squares)
      squares[0, 0] = reduction.defined { state.flat[0, $0] }
    }
  }
}
