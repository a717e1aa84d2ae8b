import Compute
import Jets
import Networks

/// A network together with its parameters on a backend, expanded to an order.
///
/// Order 0 is the network itself at θ. Order k ≥ 1 is the Taylorized model
/// f_k(x; θ) = Σ_{j=0..k} D^j f(x; θ0)[Δ,…,Δ]/j!, Δ = θ − θ0 (Bai et al., arXiv 2002.04010);
/// what is trained is Δ. Jets run along sΔ, s a power of two (see `DirectionScale`).
public final class Model {
  public let network: Network
  public let backend: any Backend
  public private(set) var algebra: JetAlgebra
  /// 0 for the network itself.
  public var order: Int { algebra.order }
  public let type: ScalarType
  /// θ0, 1×P; for order 0 it is θ.
  public private(set) var center: Matrix
  /// Δ, 1×P, for order ≥ 1.
  public let displacement: Matrix?
  /// α of the centred model α(f(x; θ) − f(x; θ_s)), θ_s the run's start; nil for the plain one.
  public let outputScale: Double?
  /// θ_s, which nobody writes to, where it is not `center` throughout.
  private var start: Matrix?
  /// s, ‖θ0‖², ‖Δ‖².
  private let scalars: Matrix

  /// Takes over `center`. Δ starts at zero.
  ///
  /// - Parameters:
  ///   - outputScale: α, for a centred model.
  ///   - start: θ_s in memory that is shared; by default, and where it is needed, a copy of `center`.
  public init(
    _ network: Network, center: Matrix, order: Int, on backend: any Backend,
    outputScale: Double? = nil, start: Matrix? = nil
  ) throws {
    self.network = network
    self.backend = backend
    self.center = center
    self.outputScale = outputScale
    self.start = start
    type = center.type
    algebra = JetAlgebra(backend, order: order)
    scalars = try backend.matrix(1, 3, type)
    if order >= 1 {
      let displacement = try backend.matrix(1, network.parameterCount, type)
      try backend.run(.fill(Fill(displacement, value: 0)))
      self.displacement = displacement
    } else {
      displacement = nil
    }
    try centerChanged()
    if order == 0, outputScale != nil { _ = try keptStart() }
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
    guard let displacement else { return }
    try backend.run(
      .reduction(Reduction(.sumOfSquares, of: displacement, into: scalars.element(2))))
    try backend.run(
      .directionScale(
        DirectionScale(
          scalars.element(0), centerSquares: scalars.element(1),
          displacementSquares: scalars.element(2), order: order)))
  }

  /// The parameters as a jet along sΔ.
  public var ray: ParameterJet {
    ParameterJet(
      center: center, displacement: displacement,
      scale: displacement == nil ? nil : scalars.element(0))
  }

  /// s, for order ≥ 1.
  public var scale: Matrix? { displacement == nil ? nil : scalars.element(0) }

  /// θ = fl(θ0 + Δ), into `target`, 1×P.
  public func parameters(into target: Matrix) throws {
    try backend.run(
      .linearCombination(LinearCombination(target, 1, center, 1, displacement)))
  }

  /// Goes on with an expansion of another order, from 1, around the same center; what is trained
  /// stays. Call `updateScale` before the next pushforward.
  func changeOrder(to order: Int) {
    precondition(displacement != nil && order >= 1, "the network itself has no other order")
    algebra = JetAlgebra(backend, order: order)
  }

  /// Re-expands around θ: θ0 ← fl(θ0 + Δ), Δ ← 0. `spare`, 1×P, is exchanged for the old θ0.
  public func relinearize(spare: inout Matrix) throws {
    guard let displacement else { return }
    try parameters(into: spare)
    swap(&center, &spare)
    try backend.run(.fill(Fill(displacement, value: 0)))
    try centerChanged()
  }

  /// The coefficients f_0…f_k along sΔ at `inputs`; call `updateScale` when Δ has changed.
  public func pushforward(
    _ inputs: Matrix, tape: Network.Tape? = nil, dropout: Network.DropoutKey? = nil
  ) throws -> Jet {
    let output = try network.pushforward(
      inputs, ray, algebra: algebra, tape: tape, dropout: dropout)
    guard let outputScale else { return output }
    return try centered(output, outputScale, inputs)
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
    _ cotangent: Jet, _ tape: Network.Tape, into gradient: Matrix, isTrainable: [Bool]? = nil
  ) throws {
    var cotangent = cotangent
    if let outputScale {
      let scaled = try backend.matrix(cotangent.matrix.rows, cotangent.columns, type)
      try backend.run(
        .linearCombination(LinearCombination(scaled, 1 / outputScale, cotangent.matrix)))
      cotangent.matrix = scaled
    }
    try network.pullback(
      cotangent, tape, ray, algebra: algebra, into: gradient, isTrainable: isTrainable)
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
  /// Replaces center and, for order ≥ 1, displacement.
  func load(center values: [Double], displacement: [Double]?) throws {
    try backend.upload(values, to: center)
    if let target = self.displacement, let displacement {
      try backend.upload(displacement, to: target)
    }
    try centerChanged()
  }
}
