import Kernels

/// One step of an optimizer on a flat state (θ, or Δ of a Taylorized run): state ← fl(state + u).
///
/// sgd: u = −η g. momentum: v ← μv + g, u = −η v.
/// adam: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², u = −η m̂/(√v̂ + ε), m̂ = m/(1−β₁^t),
/// v̂ = v/(1−β₂^t). Scalars are computed in Double and rounded once. Source: Kingma and Ba,
/// arXiv 1412.6980.
///
/// With `signs` the state is a matrix whose rows are kept with signs (see `SignedRows`): what the
/// rule gives for the state, and for v or m, is multiplied by now_r·next_r on the way out.
public struct OptimizerUpdate: PortableOperation {
  public enum Rule {
    case sgd
    case momentum(velocity: Matrix, Double)
    case adam(
      first: Matrix, second: Matrix, beta1: Double, beta2: Double, epsilon: Double, step: Int)
  }

  /// The signs of a state's rows, ±1: those it is kept with, and those it is to be kept with. With
  /// signs s_r, what stands in memory is s_r w_r, and what the gradient refers to too; changing
  /// signs is exact.
  public struct SignedRows {
    /// 1×rows each; the state's columns are what is left of its elements for each row.
    public var now: Matrix
    public var next: Matrix
    /// Where given, parameters ← fl(center + state).
    public var sum: (center: Matrix, parameters: Matrix)?

    public init(now: Matrix, next: Matrix, sum: (center: Matrix, parameters: Matrix)? = nil) {
      self.now = now
      self.next = next
      self.sum = sum
    }
  }

  public var rule: Rule
  public var state: Matrix
  public var gradient: Matrix
  public var learningRate: Double
  public var signs: SignedRows?

  public init(
    _ rule: Rule, state: Matrix, gradient: Matrix, learningRate: Double, signs: SignedRows? = nil
  ) {
    precondition(state.count == gradient.count && state.isContiguous && gradient.isContiguous)
    if let signs {
      precondition(
        signs.now.count == signs.next.count && signs.now.count > 0
          && state.count % signs.now.count == 0, "rows of equal length")
    }
    self.signs = signs
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
    let sums = signs?.sum == nil ? 0 : 2
    let elements = (buffers + sums) * state.count + 2 * (signs?.now.count ?? 0)
    return Cost(
      flops: Double(2 * state.count), bytes: Double(elements * state.type.byteCount))
  }

  /// Elements of a signed row.
  var columns: Int { signs.map { state.count / $0.now.count } ?? state.count }

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
    guard var signs else { return }
    try visit(&signs.now, .read, body)
    try visit(&signs.next, .read, body)
    if var (center, parameters) = signs.sum {
      try visit(&center, .read, body)
      try visit(&parameters, .write, body)
      signs.sum = (center, parameters)
    }
    self.signs = signs
  }

  public func define() {
    let columns = columns
    let type = state.type
    func rounded(_ value: Double) -> Bounded { Bounded(type.round(value)) }
    let rate = rounded(-learningRate)
    for i in 0..<state.count {
      let g = gradient.flat.exact(0, i)
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
      let moved = flipped(state.flat.exact(0, i) + rate * step)
      state.flat[0, i] = moved
      if let (center, parameters) = signs?.sum {
        parameters.flat[0, i] = center.flat.exact(0, i) + moved
      }
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
    guard let signs else {
      return [
        Launch(
          function, source: "optimizer_update", type: type, .items(state.count), arguments,
          parameters)
      ]
    }
    parameters.hasParameters = signs.sum == nil ? 0 : 1
    let (center, sum) = signs.sum ?? (gradient, state)
    return [
      Launch(
        function + "_signed", source: "optimizer_update", type: type,
        .grid(rows: signs.now.count, columns: columns),
        arguments.dropLast() + [sum, gradient, center, signs.now, signs.next], parameters)
    ]
  }
}
