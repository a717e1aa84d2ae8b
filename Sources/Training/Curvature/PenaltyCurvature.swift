import Compute
import Networks

/// The penalty λ‖W‖_{2,4}^p of `MovementPenalty` at a model's movement, with its Hessian: with
/// n_r = ‖w_r‖², S = Σ_r n_r² and T = Σ_r n_r (w_r·v_r) row r of the product with v is
///
///     pλ [S^{p/4−1} (2(w_r·v_r) w_r + n_r v_r) + 4(p/4 − 1) S^{p/4−2} T n_r w_r].
///
/// At W = 0 it is taken as 0, which is the limit for p > 2. Frozen tensors count as constants.
public final class PenaltyCurvature: DifferentiableLoss {
  private let model: Model
  private let penalty: MovementPenalty
  /// W in no frame, 1×P.
  private let movement: Matrix
  /// S
  private let total: Double
  /// w_r·v_r, then their part of the product's factor on w_r, 1×neurons.
  private let products: Matrix
  private let rows: Matrix

  public var backend: any Backend { model.backend }
  public var type: ScalarType { model.type }
  public var dimension: Int { model.network.parameterCount }

  /// At the model's present movement. Waits.
  public init(_ model: Model, factor: Double, exponent: Int, isTrainable: [Bool]? = nil) throws {
    self.model = model
    penalty = try MovementPenalty(
      model, factor: factor, exponent: exponent,
      isTrainable: isTrainable ?? model.network.isTrained)
    let (backend, count) = (model.backend, model.network.parameterCount)
    rows = try backend.matrix(1, count, model.type)
    let spare = try backend.matrix(1, count, model.type)
    let own = try model.movement(spare: spare)
    // The state may go over to another frame.
    if own.buffer !== spare.buffer {
      try backend.run(.linearCombination(LinearCombination(spare, 1, own)))
    }
    movement = spare
    try penalty.measure()
    // A back end that only counts has no numbers.
    total = backend is NullBackend ? 1 : try backend.download(penalty.total)[0]
    products = try backend.matrix(1, penalty.neurons.count, model.type)
  }

  public func value() throws -> Double {
    RowPenalty.value(total: total, factor: penalty.factor, exponent: penalty.exponent)
  }

  public func gradient(into target: Matrix) throws {
    try backend.run(.fill(Fill(target, value: 0)))
    try penalty.add(to: target, of: movement)
  }

  /// Waits.
  public func apply(_ v: Matrix, into target: Matrix) throws {
    try backend.run(.fill(Fill(target, value: 0)))
    guard total != 0 else { return }
    try multiply(v)
    let p = Double(penalty.exponent)
    // S^{p/4−1}, as S^{p/4}/S.
    let factor =
      p * RowPenalty.value(total: total, factor: penalty.factor, exponent: penalty.exponent) / total
    let inner = try DeviceVectors(backend).product(penalty.squares, products)
    try backend.run(
      .linearCombination(
        LinearCombination(
          products, (p - 4) * inner / total, penalty.squares, 2, products)))
    for part in penalty.trainedParts {
      let (x, result, scaled) = (
        part.rows(of: movement), part.rows(of: target), part.rows(of: rows)
      )
      try backend.run(
        .rowScaling(
          RowScaling(result, part.rows(of: v), by: part.factors(of: penalty.squares), alpha: factor)
        ))
      try backend.run(
        .rowScaling(RowScaling(scaled, x, by: part.factors(of: products), alpha: factor)))
      try backend.run(.linearCombination(LinearCombination(result, 1, scaled, 1, result)))
    }
  }

  /// products ← w_r·v_r over trained tensors.
  private func multiply(_ v: Matrix) throws {
    try backend.run(.fill(Fill(products, value: 0)))
    for part in penalty.trainedParts {
      let (x, y) = (part.rows(of: movement), part.rows(of: v))
      try backend.run(
        .contraction(
          Contraction(
            x.rows(0..<1), y.rows(0..<1), into: part.factors(of: products).element(0),
            transposeB: true, beta: 1, batch: x.rows, strideA: x.columns, strideB: x.columns,
            strideC: 1)))
    }
  }
}
