import Kernels

/// One step of an optimizer on a flat state (θ, or Δ of a Taylorized run): state ← fl(state + u).
///
/// sgd: u = −η g. momentum: v ← μv + g, u = −η v.
/// adam: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², u = −η m̂/(√v̂ + ε), m̂ = m/(1−β₁^t),
/// v̂ = v/(1−β₂^t). Scalars are computed in Double and rounded once. Source: Kingma and Ba,
/// arXiv 1412.6980.
public struct OptimizerUpdate: PortableOperation {
  public enum Rule {
    case sgd
    case momentum(velocity: Matrix, Double)
    case adam(
      first: Matrix, second: Matrix, beta1: Double, beta2: Double, epsilon: Double, step: Int)
  }

  public var rule: Rule
  public var state: Matrix
  public var gradient: Matrix
  public var learningRate: Double

  public init(_ rule: Rule, state: Matrix, gradient: Matrix, learningRate: Double) {
    precondition(state.count == gradient.count && state.isContiguous && gradient.isContiguous)
    self.rule = rule
    self.state = state
    self.gradient = gradient
    self.learningRate = learningRate
  }

  public var name: String { "optimizer_update" }
  public var cost: Cost {
    let buffers: Int
    switch rule {
    case .sgd: buffers = 3
    case .momentum: buffers = 5
    case .adam: buffers = 7
    }
    return Cost(
      flops: Double(2 * state.count),
      bytes: Double(buffers * state.count * state.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&gradient, .read, body)
    switch rule {
    case .sgd: break
    case .momentum(var velocity, let momentum):
      try visit(&velocity, .readWrite, body)
      rule = .momentum(velocity: velocity, momentum)
    case .adam(var first, var second, let beta1, let beta2, let epsilon, let step):
      try visit(&first, .readWrite, body)
      try visit(&second, .readWrite, body)
      rule = .adam(
        first: first, second: second, beta1: beta1, beta2: beta2, epsilon: epsilon, step: step)
    }
    try visit(&state, .readWrite, body)
  }

  public func define() {
    let type = state.type
    func rounded(_ value: Double) -> Bounded { Bounded(type.round(value)) }
    let rate = rounded(-learningRate)
    for i in 0..<state.count {
      let g = gradient.flat.exact(0, i)
      let step: Bounded
      switch rule {
      case .sgd: step = g
      case .momentum(let velocity, let momentum):
        step = .fma(rounded(momentum), velocity.flat.exact(0, i), g)
        velocity.flat[0, i] = step
      case .adam(let first, let second, let beta1, let beta2, let epsilon, let t):
        let m = Bounded.fma(rounded(beta1), first.flat.exact(0, i), rounded(1 - beta1) * g)
        let v = Bounded.fma(rounded(beta2), second.flat.exact(0, i), rounded(1 - beta2) * g * g)
        first.flat[0, i] = m
        second.flat[0, i] = v
        let corrected1 = m / rounded(1 - HostMath.power(beta1, t))
        let corrected2 = v / rounded(1 - HostMath.power(beta2, t))
        step = corrected1 / (corrected2.squareRoot + rounded(epsilon))
      }
      state.flat[0, i] = state.flat.exact(0, i) + rate * step
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let type = state.type
    var parameters = UpdateParameters()
    parameters.rate = type.encode(-learningRate)
    let function: String
    let arguments: [Matrix]
    switch rule {
    case .sgd:
      function = "update_sgd"
      arguments = [state, gradient]
    case .momentum(let velocity, let momentum):
      function = "update_momentum"
      arguments = [state, velocity, gradient]
      parameters.beta1 = type.encode(momentum)
    case .adam(let first, let second, let beta1, let beta2, let epsilon, let step):
      function = "update_adam"
      arguments = [state, first, second, gradient]
      parameters.beta1 = type.encode(beta1)
      parameters.beta2 = type.encode(beta2)
      parameters.complement1 = type.encode(1 - beta1)
      parameters.complement2 = type.encode(1 - beta2)
      parameters.correction1 = type.encode(1 - HostMath.power(beta1, step))
      parameters.correction2 = type.encode(1 - HostMath.power(beta2, step))
      parameters.epsilon = type.encode(epsilon)
    }
    return [
      Launch(
        function, source: "optimizer_update", type: type, .items(state.count), arguments, parameters
      )
    ]
  }
}
