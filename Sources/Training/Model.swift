import Compute
import Jets
import Networks

/// A network together with its parameters on a backend, expanded to an order.
///
/// Order 0 is the network itself at θ. Order k ≥ 1 is the Taylorized model
/// f_k(x; θ) = Σ_{j=0..k} D^j f(x; θ0)[Δ,…,Δ]/j!, Δ = θ − θ0 (Bai et al., arXiv 2002.04010);
/// what is trained is Δ. Jets run along sΔ, s a power of two (see `DirectionScale`).
///
/// With `MovementSettings` the movement Δ may carry random signs, the network itself may be kept as
/// θ0 and Δ (then θ = fl(θ0 + Δ) beside them), and the model may be one coefficient alone.
public final class Model {
  public let network: Network
  public let backend: any Backend
  public private(set) var algebra: JetAlgebra
  /// 0 for the network itself.
  public var order: Int { algebra.order }
  public let type: ScalarType
  /// θ0, 1×P; for order 0 it is θ.
  public private(set) var center: Matrix
  /// Δ, 1×P, for order ≥ 1, and where order 0 is kept as θ0 and Δ; with signs in the frame of
  /// `SignedMovement`.
  public let displacement: Matrix?
  /// α of the centred model α(f(x; θ) − f(x; θ_s)), θ_s the run's start; nil for the plain one.
  public let outputScale: Double?
  /// θ_s, which nobody writes to, where it is not `center` throughout.
  private var start: Matrix?
  /// k, where the model is the k-th Taylor coefficient alone.
  public let coefficient: Int?
  /// The movement's random signs.
  let signs: SignedMovement?
  /// Where propagation runs through other parameters than `center` and `displacement`.
  var drawn: Drawn?
  /// What a step's draw multiplied the movement by, where that is not a frame.
  var stepFactors: Matrix?
  /// s, ‖θ0‖², ‖Δ‖².
  private let scalars: Matrix
  /// Whether ‖Δ‖² is that of Δ, and not of what it was before.
  private var knowsSquares = false

  /// Takes over `center`. Δ starts at zero.
  ///
  /// - Parameters:
  ///   - outputScale: α, for a centred model.
  ///   - start: θ_s in memory that is shared; by default, and where it is needed, a copy of `center`.
  ///   - movement: what is done with the movement; a random one to start from is drawn at once.
  ///   - seed: of its random numbers.
  ///   - frozen: patterns of tensors that keep their values.
  ///   - products: how dense layers multiply series.
  public init(
    _ network: Network, center: Matrix, order: Int, on backend: any Backend,
    outputScale: Double? = nil, start: Matrix? = nil, movement: MovementSettings? = nil,
    seed: UInt64 = 0, frozen: [String] = [], products: JetProducts = .auto
  ) throws {
    try movement?.check(network, order: order, frozen: frozen)
    self.network = network
    self.backend = backend
    self.center = center
    self.outputScale = outputScale
    self.start = start
    type = center.type
    algebra = JetAlgebra(backend, order: order, products: products)
    coefficient = movement?.coefficient
    signs = try movement?.signOrder(ofOrder: order).map {
      try SignedMovement(
        network, order: $0, draws: movement?.evaluationDraws ?? 1, seed: seed, type: center.type,
        on: backend)
    }
    scalars = try backend.matrix(1, 3, type)
    let keepsDisplacement = order >= 1 || movement?.keepsDisplacement ?? false
    if keepsDisplacement {
      let displacement = try backend.matrix(1, network.parameterCount, type)
      try backend.run(.fill(Fill(displacement, value: 0)))
      self.displacement = displacement
    } else {
      displacement = nil
    }
    try centerChanged()
    if order == 0, outputScale != nil {
      // θ0 stays where it is if there is a displacement.
      if keepsDisplacement { self.start = start ?? center } else { _ = try keptStart() }
    }
    try drawMovement(std: movement?.movementStd ?? 0, seed: seed, frozen: frozen)
  }

  /// The model that settings describe.
  public convenience init(
    _ network: Network, center: Matrix, settings: TrainingSettings, on backend: any Backend,
    start: Matrix? = nil
  ) throws {
    try self.init(
      network, center: center, order: settings.order, on: backend,
      outputScale: settings.outputScale, start: start, movement: settings.movement,
      seed: settings.seed, frozen: settings.frozen, products: settings.products)
  }

  /// θ_s, kept from now on when the center moves. Call it before it does.
  func keptStart() throws -> Matrix {
    if let start { return start }
    let copy = try backend.matrix(1, network.parameterCount, type)
    try backend.run(.linearCombination(LinearCombination(copy, 1, center)))
    start = copy
    return copy
  }

  /// What is trained: Δ, or θ for order 0.
  public var state: Matrix { displacement ?? center }
  /// θ0 where the state is a displacement from it.
  public var stateCenter: Matrix? { displacement == nil ? nil : center }

  private func centerChanged() throws {
    guard order >= 1 else { return }
    try backend.run(.reduction(Reduction(.sumOfSquares, of: center, into: scalars.element(1))))
  }

  /// Recomputes s after the displacement has changed.
  public func updateScale() throws {
    knowsSquares = false
    try updateScaleForStep()
  }

  /// The same, without a pass over Δ where the last step's update has left ‖Δ‖².
  func updateScaleForStep() throws {
    if order == 0, displacement != nil, drawn == nil { try sumUp() }
    guard order >= 1, let displacement = drawn?.displacement ?? displacement else { return }
    if !knowsSquares || drawn != nil {
      try backend.run(
        .reduction(Reduction(.sumOfSquares, of: displacement, into: scalars.element(2))))
      knowsSquares = drawn == nil
    }
    try backend.run(
      .directionScale(
        DirectionScale(
          scalars.element(0), centerSquares: scalars.element(1),
          displacementSquares: scalars.element(2), order: order)))
  }

  /// Where an update of all of Δ leaves ‖Δ‖²; nil where nobody needs it.
  var displacementSquares: Matrix? {
    order >= 1 && displacement != nil && drawn == nil ? scalars.element(2) : nil
  }

  /// An update changes the state, and leaves ‖Δ‖² behind or not.
  func stateChanges(squares: Bool) { knowsSquares = squares }

  /// The parameters as a jet along sΔ.
  public var ray: ParameterJet {
    let own = Drawn(center: center, displacement: order >= 1 ? displacement : nil)
    let parameters = drawn ?? own
    return ParameterJet(
      center: parameters.center, displacement: parameters.displacement, scale: scale)
  }

  /// s, for order ≥ 1.
  public var scale: Matrix? { order == 0 ? nil : scalars.element(0) }

  /// θ = fl(θ0 + Δ), into `target`, 1×P.
  public func parameters(into target: Matrix) throws {
    let movement = try displacement.map { try inNoFrame($0, spare: target) }
    try backend.run(
      .linearCombination(LinearCombination(target, 1, center, 1, movement)))
  }

  /// Goes on with an expansion of another order, from 1, around the same center; what is trained
  /// stays. Call `updateScale` before the next pushforward.
  func changeOrder(to order: Int) {
    precondition(displacement != nil && order >= 1, "the network itself has no other order")
    algebra = JetAlgebra(backend, order: order, products: algebra.products)
  }

  /// Re-expands around θ: θ0 ← fl(θ0 + Δ), Δ ← 0. `spare`, 1×P, is exchanged for the old θ0.
  public func relinearize(spare: inout Matrix) throws {
    guard let displacement, order >= 1 else { return }
    guard signs == nil, coefficient == nil else {
      throw TrainingError(
        "re-expanding goes neither with --randomize nor with --coefficient, whose center stays at "
          + "the start; leave one of them out")
    }
    try parameters(into: spare)
    swap(&center, &spare)
    for zeros in [displacement, scalars.element(2)] {
      try backend.run(.fill(Fill(zeros, value: 0)))
    }
    knowsSquares = true
    try centerChanged()
  }

  /// The coefficients f_0…f_k along sΔ at `inputs`; call `updateScale` when Δ has changed.
  public func pushforward(
    _ inputs: Matrix, tape: Network.Tape? = nil, dropout: Network.DropoutKey? = nil,
    centerProducts: CenterProducts? = nil
  ) throws -> Jet {
    let output = try network.pushforward(
      inputs, ray, algebra: algebra, tape: tape, dropout: dropout, centerProducts: centerProducts)
    let scaled = try outputScale.map { try centered(output, $0, inputs) } ?? output
    return try coefficient.map { try alone($0, scaled) } ?? scaled
  }

  /// α·y_i, and for i = 0 α(y_0 − f(x; θ_s)), which is 0 while the center is the start.
  private func centered(_ output: Jet, _ scale: Double, _ inputs: Matrix) throws -> Jet {
    var result = output
    result.matrix = try backend.matrix(output.matrix.rows, output.columns, type)
    if output.degree > 0 {
      try backend.run(
        .linearCombination(
          LinearCombination(
            result[1...output.degree], scale, output[1...output.degree])))
    }
    guard let start else {
      try backend.run(.fill(Fill(result[0], value: 0)))
      return result
    }
    let before = try network.pushforward(
      inputs, ParameterJet(center: start), algebra: JetAlgebra(backend, order: 0))
    try backend.run(
      .linearCombination(LinearCombination(result[0], scale, output[0], -scale, before[0])))
    return result
  }

  /// The gradient with respect to the state for the cotangent of a pushforward's output; with an
  /// output scale α, that gradient over α², as for a loss that is divided by α².
  public func pullback(
    _ cotangent: Jet, _ tape: Network.Tape, into gradient: Matrix, isTrainable: [Bool]? = nil,
    use: ((_ tensor: Int, _ gradient: Matrix) -> Operation?)? = nil
  ) throws {
    var cotangent = cotangent
    if let coefficient { try clear(below: coefficient, cotangent) }
    if let outputScale {
      let scaled = try backend.matrix(cotangent.matrix.rows, cotangent.columns, type)
      try backend.run(
        .linearCombination(LinearCombination(scaled, 1 / outputScale, cotangent.matrix)))
      cotangent.matrix = scaled
    }
    try network.pullback(
      cotangent, tape, ray, algebra: algebra, into: gradient, isTrainable: isTrainable, use: use)
  }

  /// Memory for the cotangent of an output jet: ȳ_1…ȳ_d (ȳ_0 for order 0).
  public func cotangent(for output: Jet) throws -> Jet {
    let degree = max(1, output.degree)
    let rows = try backend.matrix(output.block * degree, output.columns, type)
    return Jet(
      rows, block: output.block, degree: degree, capacity: degree, hasZero: false)
  }
}

extension Model {
  /// Replaces center and, where there is one, displacement.
  public func load(center values: [Double], displacement: [Double]?) throws {
    try backend.upload(values, to: center)
    if let target = self.displacement, let displacement {
      try backend.upload(displacement, to: target)
    }
    displacementChanged()
    try centerChanged()
  }
}
