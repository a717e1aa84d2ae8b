import Kernels

/// One step of an optimizer on a flat state (θ, or Δ of a Taylorized run), with everything that a step
/// does to gradient and state, in one pass over memory: state ← fl(state + u).
///
/// In this order, where asked for: g ← clip·g; weight decay with θ = fl(center + state), either
/// g ← fma(λ, θ, g) or state ← fl(state − ηλθ); g ← noise + g; then the rule. The gradient's memory
/// keeps what it held.
///
/// sgd: u = −η g. momentum: v ← μv + g, u = −η v.
/// adam: m ← β₁m + (1−β₁)g, v ← β₂v + (1−β₂)g², u = −η m̂/(√v̂ + ε), m̂ = m/(1−β₁^t),
/// v̂ = v/(1−β₂^t). Scalars are computed in Double and rounded once. Source: Kingma and Ba,
/// arXiv 1412.6980; decoupled decay: Loshchilov and Hutter, arXiv 1711.05101.
///
/// With `signs` the state is a matrix whose rows are kept with signs (see `SignedRows`): what the
/// rule gives for the state, and for v or m, is multiplied by now_r·next_r on the way out.
///
/// At last, where asked for, parameters ← fl(center + state) and squares ← ‖state‖² in the order of
/// `Reduction`, both of the new state.
public struct OptimizerUpdate: PortableOperation {
  public enum Rule {
    case sgd
    case momentum(velocity: Matrix, Double)
    case adam(
      first: Matrix, second: Matrix, beta1: Double, beta2: Double, epsilon: Double, step: Int)
  }

  public enum Decay {
    /// λ: of the gradient.
    case gradient(Double)
    /// −ηλ: of the state itself, decoupled from the rule.
    case state(rate: Double)
  }

  /// The signs of a state's rows, ±1: those it is kept with, and those it is to be kept with. With
  /// signs s_r, what stands in memory is s_r w_r, and what the gradient refers to too; changing
  /// signs is exact.
  public struct SignedRows {
    /// 1×rows each; the state's columns are what is left of its elements for each row.
    public var now: Matrix
    public var next: Matrix

    public init(now: Matrix, next: Matrix) {
      self.now = now
      self.next = next
    }
  }

  public var rule: Rule
  public var state: Matrix
  public var gradient: Matrix
  public var learningRate: Double
  /// What is added to the state for θ; without it θ is the state.
  public var center: Matrix?
  /// A 1×1 factor on the gradient.
  public var clip: Matrix?
  public var decay: Decay?
  public var noise: Matrix?
  /// Needs a center.
  public var parameters: Matrix?
  public var signs: SignedRows?
  /// 1×1; not with signs.
  public var squares: Matrix?

  public init(
    _ rule: Rule, state: Matrix, gradient: Matrix, learningRate: Double, center: Matrix? = nil,
    clip: Matrix? = nil, decay: Decay? = nil, noise: Matrix? = nil, parameters: Matrix? = nil,
    signs: SignedRows? = nil, squares: Matrix? = nil
  ) {
    precondition(state.count == gradient.count && state.isContiguous && gradient.isContiguous)
    for vector in [center, noise, parameters] {
      precondition(vector.map { $0.count == state.count && $0.isContiguous } ?? true)
    }
    precondition(parameters == nil || center != nil, "parameters are center + state")
    if let signs {
      precondition(
        signs.now.count == signs.next.count && signs.now.count > 0
          && state.count % signs.now.count == 0, "rows of equal length")
      precondition(squares == nil, "the order of a reduction has no rows")
    }
    self.rule = rule
    self.state = state
    self.gradient = gradient
    self.learningRate = learningRate
    self.center = center
    self.clip = clip
    self.decay = decay
    self.noise = noise
    self.parameters = parameters
    self.signs = signs
    self.squares = squares
  }

  public var name: String { "optimizer_update" }
  public var cost: Cost {
    var passes: Int
    switch rule {
    case .sgd: passes = 3
    case .momentum: passes = 5
    case .adam: passes = 7
    }
    if readsCenter { passes += 1 }
    if noise != nil { passes += 1 }
    if parameters != nil { passes += 1 }
    let elements = passes * state.count + 2 * (signs?.now.count ?? 0)
    var flops = 2
    if clip != nil { flops += 1 }
    if decay != nil { flops += 3 }
    if squares != nil { flops += 2 }
    return Cost(
      flops: Double(flops * state.count), bytes: Double(elements * state.type.byteCount))
  }

  private var readsCenter: Bool { center != nil && (decay != nil || parameters != nil) }

  /// Elements of a signed row.
  var columns: Int { signs.map { state.count / $0.now.count } ?? state.count }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&gradient, .read, body)
    try visit(&clip, .read, body)
    try visit(&noise, .read, body)
    try visit(&center, .read, body)
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
    if var signs {
      try visit(&signs.now, .read, body)
      try visit(&signs.next, .read, body)
      self.signs = signs
    }
    try visit(&parameters, .write, body)
    try visit(&squares, .write, body)
  }
}
