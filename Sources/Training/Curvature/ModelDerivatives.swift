import Compute
import Jets
import Networks

/// Exact products with the first two derivatives of a model's outputs at its present state, for
/// one batch: no differences, whatever the order.
///
/// J is the Jacobian of the network's outputs (for order k those of f_k with respect to Δ), an output
/// scale left out: with the loss divided by α², the gradient is Jᵀ ∂L/∂F/α and the Hessian
/// Jᵀ H_L J + D²f[·,·]ᵀ ∂L/∂F/α, F = α(f − f(θ_s)). Frozen coordinates of v count as zero, and
/// those of results are zero.
///
/// **Order 0.** The jet of order 2 along D = sv, s a power of two, has y_1 = sJv. The pullback of
/// (ȳ_1, ȳ_2) = (u, ḡ/s) is Jᵀu + D²f[v, ·]ᵀ ḡ, because y_2 = s²D²f[v, v]/2.
///
/// **Order 1.** J is the network's at θ0, and there is no second derivative.
///
/// **Order k ≥ 2.** y_i is homogeneous of degree i in its direction, so ε ↦ y_i(Δ + εcv) is a
/// polynomial of degree i, and so is, one lower, the pullback of ȳ_i. Their derivatives at 0 are
/// linear combinations of values (`CurvatureNodes`), and jets carry all the directions at once:
///
///     J v = y_1(cv)/c + Σ_{i≥2} Σ_j (w_j/c)·(y_i(Δ + ε_j cv) − y_i(Δ − ε_j cv)),
///     D²f_k[v, ·]ᵀ ḡ = Σ_j (w_j/c)·(G(Δ + ε_j cv) − G(Δ − ε_j cv)),
///
/// G the pullback of ȳ_i = ḡ for i ≥ 2. The linear term, the largest where expansions are of use,
/// is taken from v itself and cancels with nothing. c is the power of two that brings v to Δ's length,
/// and the directions are stretched by s, as in training; both are exact.
///
/// **One coefficient alone**: of the sums only i = k is left.
///
/// With random signs all of this is at the draw that the model propagates at present, with respect to
/// the parameters that it propagates (see `RandomizedLoss`).
public final class ModelDerivatives {
  public let model: Model
  let isTrainable: [Bool]
  /// Maximal runs of trainable tensors.
  let segments: [Range<Int>]
  /// Whether nothing is frozen.
  private let isWhole: Bool
  /// ‖θ0‖² and ‖Δ‖².
  private var centerSquares = 0.0
  private var displacementSquares = 0.0

  private var backend: any Backend { model.backend }
  private var network: Network { model.network }
  private var type: ScalarType { model.type }
  /// θ (for orders from 1 on θ0), as propagation takes it.
  var center: Matrix { model.ray.center }

  /// - Parameter isTrainable: for each tensor whether it is trained; by default all are.
  public init(_ model: Model, isTrainable: [Bool]? = nil) throws {
    self.model = model
    self.isTrainable = isTrainable ?? model.network.isTrained
    segments = FreezePattern.runs(model.network.parameters, self.isTrainable)
    isWhole = !self.isTrainable.contains(false)
    try update()
  }

  /// Call it when the model's state has changed. Waits.
  public func update() throws {
    if model.order == 0 { try model.updateScale() }
    centerSquares = try squares(center)
    displacementSquares = try model.ray.displacement.map(squares) ?? 0
  }

  private func squares(_ vector: Matrix) throws -> Double {
    let sum = try backend.matrix(1, 1, type)
    try backend.run(.reduction(Reduction(.sumOfSquares, of: vector, into: sum)))
    return try backend.download(sum)[0]
  }

  // MARK: Products

  /// J v, [n, outputs]. Waits.
  public func push(_ v: Matrix, _ inputs: Matrix) throws -> Matrix {
    let v = try masked(v)
    let rays = try Rays(self, v, withPoint: false)
    let output = try network.pushforward(
      inputs, ParameterJet(center: center, displacement: rays.displacement),
      algebra: JetAlgebra(
        backend, order: max(1, model.order), products: model.algebra.products))
    return try tangent(output, rays)
  }

  /// target ← Jᵀu, u of [n, outputs].
  public func pull(_ u: Matrix, _ inputs: Matrix, into target: Matrix) throws {
    try clear(target)
    let tape = Network.Tape()
    if model.order <= 1 {
      let parameters = ParameterJet(center: center)
      let algebra = JetAlgebra(backend, order: 0)
      let output = try network.pushforward(inputs, parameters, algebra: algebra, tape: tape)
      let cotangent = try model.cotangent(for: output)
      try backend.run(.linearCombination(LinearCombination(cotangent.matrix, 1, u)))
      try network.pullback(
        cotangent, tape, parameters, algebra: algebra, into: target, isTrainable: isTrainable)
      return
    }
    guard let displacement = model.ray.displacement else { return }
    let s = CurvatureNodes.power(
      centerSquares, over: displacementSquares, limit: 96 / model.order)
    let direction = try backend.matrix(1, network.parameterCount, type)
    try backend.run(.linearCombination(LinearCombination(direction, s, displacement)))
    let parameters = ParameterJet(center: center, displacement: direction)
    let output = try compact(
      network.pushforward(inputs, parameters, algebra: model.algebra, tape: tape))
    let cotangent = try spread(u.reshaped(rows: 1, columns: u.count), over: output) { _, i in
      [isSeen(i) ? Self.power(s, 1 - i) : 0]
    }
    try network.pullback(
      cotangent, tape, parameters, algebra: model.algebra, into: target, isTrainable: isTrainable)
  }

  /// target ← Jᵀu + D²f[v, ·]ᵀ ḡ, where `cotangents` makes the rows u and ḡ, [2, n·outputs], of J v,
  /// [n, outputs]. Waits.
  ///
  /// - Parameter bends: false leaves the second term out; then ḡ is not needed.
  public func pullAfterPush(
    _ v: Matrix, _ inputs: Matrix, into target: Matrix, bends: Bool,
    _ cotangents: (Matrix) throws -> Matrix
  ) throws {
    if model.order >= 2, !bends {
      let u = try cotangents(push(v, inputs)).rows(0..<1)
      return try pull(
        u.reshaped(rows: inputs.rows, columns: network.outputCount), inputs, into: target)
    }
    let v = try masked(v)
    let rays = try Rays(self, v, withPoint: true)
    let algebra = JetAlgebra(
      backend, order: model.order >= 2 ? model.order : bends && model.order == 0 ? 2 : 1,
      products: model.algebra.products)
    let parameters = ParameterJet(center: center, displacement: rays.displacement)
    let tape = Network.Tape()
    let output = try compact(
      network.pushforward(inputs, parameters, algebra: algebra, tape: tape))
    let rows = try cotangents(tangent(output, rays))
    let cotangent = try spread(rows, over: output) { direction, i in
      let (u, bar) = isSeen(i) ? rays.cotangent(direction, i) : (0, 0)
      return rows.rows == 1 ? [u] : [u, bar]
    }
    let count = rays.displacement.rows
    let gradient = count == 1 ? target : try backend.matrix(count, network.parameterCount, type)
    try clear(gradient)
    try network.pullback(
      cotangent, tape, parameters, algebra: algebra, into: gradient, isTrainable: isTrainable)
    if count > 1 { try backend.run(.columnSums(ColumnSums(of: gradient, into: target))) }
  }

  // MARK: Directions

  /// The directions of one product, and what their coefficients are multiplied by.
  private struct Rays {
    /// [V, P]: Δ (with the point), v, then pairs Δ ± εv; for orders 0 and 1 only v.
    let displacement: Matrix
    private let first: Int
    private let nodes: CurvatureNodes?
    private let s: Double
    private let c: Double
    private let isNetwork: Bool

    init(_ owner: ModelDerivatives, _ v: Matrix, withPoint: Bool) throws {
      let model = owner.model
      let (backend, width) = (model.backend, model.network.parameterCount)
      let squares = try owner.squares(v)
      isNetwork = model.order == 0
      guard model.order >= 2, let point = model.ray.displacement else {
        c = 1
        nodes = nil
        first = 0
        s = CurvatureNodes.power(owner.centerSquares, over: squares, limit: 48)
        displacement = try backend.matrix(1, width, model.type)
        try backend.run(.linearCombination(LinearCombination(displacement, s, v)))
        return
      }
      let nodes = CurvatureNodes(degree: model.order)
      c = CurvatureNodes.power(owner.displacementSquares, over: squares, limit: 96)
      s = CurvatureNodes.power(
        owner.centerSquares, over: c * c * squares, limit: 96 / model.order)
      first = withPoint ? 1 : 0
      self.nodes = nodes
      displacement = try backend.matrix(first + 1 + 2 * nodes.nodes.count, width, model.type)
      func row(_ index: Int, _ a: Double, _ b: Double) throws {
        let target = displacement.rows(index..<(index + 1))
        try backend.run(
          .linearCombination(
            a == 0
              ? LinearCombination(target, b, v)
              : LinearCombination(target, a, point, b, b == 0 ? nil : v)))
      }
      if withPoint { try row(0, s, 0) }
      try row(first, 0, s * c)
      for (j, node) in nodes.nodes.enumerated() {
        try row(first + 1 + 2 * j, s, s * c * node)
        try row(first + 2 + 2 * j, s, -(s * c * node))
      }
    }

    /// ±w_j/c of the nodes' directions, 0 of the others.
    private func weight(_ direction: Int) -> Double {
      guard let nodes, direction > first else { return 0 }
      let (pair, sign) = (direction - first - 1).quotientAndRemainder(dividingBy: 2)
      return (sign == 0 ? nodes.weights[pair] : -nodes.weights[pair]) / c
    }

    /// What y_i of a direction contributes to J v.
    func tangent(_ direction: Int, _ i: Int) -> Double {
      let power = ModelDerivatives.power(s, -i)
      if i == 1 { return direction == first ? power / c : 0 }
      return weight(direction) * power
    }

    /// What u and ḡ contribute to ȳ_i of a direction.
    func cotangent(_ direction: Int, _ i: Int) -> (u: Double, bar: Double) {
      let power = ModelDerivatives.power(s, 1 - i)
      if nodes == nil { return (i == 1 ? 1 : 0, i == 2 && isNetwork ? power : 0) }
      return (direction < first ? power : 0, i == 1 ? 0 : weight(direction) * power)
    }
  }

  /// s^n for a power of two.
  private static func power(_ s: Double, _ n: Int) -> Double {
    Double(sign: .plus, exponent: Int(s.exponent) * n, significand: 1)
  }

  // MARK: Coefficients

  /// Whether coefficient i is part of the model.
  private func isSeen(_ i: Int) -> Bool { i == model.coefficient ?? i }

  /// The same jet with no room for coefficients that it does not have.
  private func compact(_ jet: Jet) throws -> Jet {
    jet.capacity == jet.degree ? jet : try JetAlgebra(backend, order: 0).scaled(1, jet)
  }

  /// Σ of the coefficients from 1 on, as `rays` weighs them: [n, outputs].
  private func tangent(_ output: Jet, _ rays: Rays) throws -> Matrix {
    let output = try compact(output)
    let weights = (0..<output.directions).flatMap { direction in
      (1...output.degree).map { isSeen($0) ? rays.tangent(direction, $0) : 0 }
    }
    let (block, columns) = (output.block, output.columns)
    let rows = output.matrix.rows(block..<(block * (1 + weights.count)))
      .reshaped(rows: weights.count, columns: block * columns)
    let sum = try backend.matrix(block, columns, type)
    try backend.run(
      .contraction(
        Contraction(
          try backend.matrix(1, weights.count, type, weights), rows,
          into: sum.reshaped(rows: 1, columns: block * columns))))
    return sum
  }

  /// The cotangent of a jet whose ȳ_i⁽ᵛ⁾ are combinations of `rows`, [r, n·outputs].
  private func spread(
    _ rows: Matrix, over output: Jet, _ weights: (Int, Int) -> [Double]
  ) throws -> Jet {
    let degree = max(1, output.degree)
    let matrix = try backend.matrix(
      output.block * output.directions * degree, output.columns, type)
    let factors = (0..<output.directions).flatMap { direction in
      (1...degree).flatMap { weights(direction, $0) }
    }
    let count = output.directions * degree
    try backend.run(
      .contraction(
        Contraction(
          try backend.matrix(count, rows.rows, type, factors), rows,
          into: matrix.reshaped(rows: count, columns: rows.columns))))
    return Jet(
      matrix, block: output.block, degree: degree, capacity: degree,
      directions: output.directions, hasZero: false)
  }

  // MARK: Frozen tensors

  /// Zeros where parameters are frozen.
  func restrict(_ v: Matrix) throws {
    guard !isWhole else { return }
    var next = 0
    for segment in segments + [network.parameterCount..<network.parameterCount] {
      if segment.lowerBound > next {
        let part = v.slice(at: next, rows: 1, columns: segment.lowerBound - next)
        try backend.run(.fill(Fill(part, value: 0)))
      }
      next = segment.upperBound
    }
  }

  private func masked(_ v: Matrix) throws -> Matrix {
    guard !isWhole else { return v }
    let copy = try backend.matrix(1, v.columns, type)
    try backend.run(.linearCombination(LinearCombination(copy, 1, v)))
    try restrict(copy)
    return copy
  }

  /// A pullback leaves alone what is frozen.
  private func clear(_ gradient: Matrix) throws {
    if !isWhole { try backend.run(.fill(Fill(gradient, value: 0))) }
  }
}
