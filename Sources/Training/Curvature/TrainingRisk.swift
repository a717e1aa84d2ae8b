import Compute
import Networks

/// What training minimises, as a function of what is trained: the mean loss on some examples (with
/// random signs its mean over an evaluation's draws, `RandomizedLoss`), and the penalty on the movement.
public struct TrainingRisk: DifferentiableLoss {
  public let loss: any DifferentiableLoss
  /// Nil where there is none.
  public let penalty: PenaltyCurvature?
  private let hessian: any SymmetricOperator

  /// At the model's present state. Waits.
  public init(
    _ model: Model, loss kind: Loss.Kind, examples: ResidentExamples, count: Int,
    isTrainable: [Bool]? = nil, movement: MovementSettings? = nil
  ) throws {
    if model.signs == nil {
      loss = try LossCurvature(
        model, .hessian, loss: kind, examples: examples, count: count, isTrainable: isTrainable)
    } else {
      loss = try RandomizedLoss(
        model, loss: kind, examples: examples, count: count, isTrainable: isTrainable)
    }
    if let movement, movement.movementPenalty > 0 {
      let penalty = try PenaltyCurvature(
        model, factor: movement.movementPenalty, exponent: movement.movementExponent,
        isTrainable: isTrainable)
      self.penalty = penalty
      hessian = try OperatorSum([(1, loss), (1, penalty)])
    } else {
      penalty = nil
      hessian = loss
    }
  }

  public var backend: any Backend { hessian.backend }
  public var type: ScalarType { hessian.type }
  public var dimension: Int { hessian.dimension }

  /// Loss and penalty. Waits.
  public func value() throws -> Double { try loss.value() + (penalty?.value() ?? 0) }

  public func gradient(into target: Matrix) throws {
    try loss.gradient(into: target)
    guard let penalty else { return }
    let part = try backend.matrix(1, dimension, type)
    try penalty.gradient(into: part)
    try backend.run(.linearCombination(LinearCombination(target, 1, part, 1, target)))
  }

  public func apply(_ v: Matrix, into target: Matrix) throws { try hessian.apply(v, into: target) }

  public func restrict(_ v: Matrix) throws { try hessian.restrict(v) }
}
