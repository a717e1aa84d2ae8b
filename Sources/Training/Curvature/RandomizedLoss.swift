import Compute
import Networks

/// The mean over draws of random signs of a model's mean loss at one movement Δ,
///
///     R(Δ) = (1/N) Σ_d L(f(·; θ0 + Σ_d Δ)),
///     ∇R = (1/N) Σ_d Σ_d g_d,    ∇²R = (1/N) Σ_d Σ_d H_d Σ_d,
///
/// g_d and H_d gradient and Hessian of L at the draw's parameters (H_d as in `LossCurvature`, for any
/// order and for one coefficient alone). It is the loss that is averaged, as in training, not the
/// output, as in evaluations: for a convex L the former is the larger. For products of signs Σ_d is
/// the factor z, and the draw's outgoing weights are τa/k!.
///
/// Draws are those of an evaluation, the same ones every time (`SignedMovement`). Vectors are of Δ in
/// no frame.
public final class RandomizedLoss: DifferentiableLoss {
  private let model: Model
  private let draws: Range<Int>
  private var losses: [LossCurvature] = []
  /// Σv, and a draw's part of the result, 1×P.
  private let signed: Matrix
  private let part: Matrix

  public var backend: any Backend { model.backend }
  public var type: ScalarType { model.type }
  public var dimension: Int { model.network.parameterCount }

  /// On the first `count` of a set's examples.
  ///
  /// - Parameter draws: some of the model's evaluation draws; by default all.
  public init(
    _ model: Model, _ kind: LossCurvature.Kind = .hessian, loss: Loss.Kind,
    examples: ResidentExamples, count: Int, batchSize: Int = 512, isTrainable: [Bool]? = nil,
    draws: Range<Int>? = nil
  ) throws {
    self.model = model
    self.draws = draws ?? 0..<model.evaluationDraws
    signed = try model.backend.matrix(1, model.network.parameterCount, model.type)
    part = try model.backend.matrix(1, model.network.parameterCount, model.type)
    try model.forEachDraw(self.draws) { _, _ in
      losses.append(
        try LossCurvature(
          model, kind, loss: loss, examples: examples, count: count, batchSize: batchSize,
          isTrainable: isTrainable))
    }
  }

  /// R. Waits.
  public func value() throws -> Double {
    try losses.reduce(0) { $0 + (try $1.meanLoss()) } / Double(losses.count)
  }

  public func gradient(into target: Matrix) throws {
    try mean(into: target) { loss, _ in try loss.gradient(into: part) }
  }

  /// Waits.
  public func apply(_ v: Matrix, into target: Matrix) throws {
    try mean(into: target) { loss, factors in
      try backend.run(.linearCombination(LinearCombination(signed, 1, v)))
      try scale(signed, by: factors)
      try loss.apply(signed, into: part)
    }
  }

  public func restrict(_ v: Matrix) throws { try losses.first?.restrict(v) }

  /// target ← the mean over draws of Σ times what `body` leaves in `part`.
  private func mean(
    into target: Matrix, _ body: (LossCurvature, Matrix?) throws -> Void
  ) throws {
    try model.forEachDraw(draws) { draw, factors in
      try body(losses[draw - draws.lowerBound], factors)
      try scale(part, by: factors)
      try backend.run(
        .linearCombination(
          LinearCombination(
            target, 1 / Double(draws.count), part, 1, draw == draws.lowerBound ? nil : target)))
    }
  }

  /// vector ← Σ vector.
  private func scale(_ vector: Matrix, by factors: Matrix?) throws {
    guard let factors, let neurons = model.signs?.neurons else { return }
    for part in neurons.parts {
      let rows = part.rows(of: vector)
      try backend.run(.rowScaling(RowScaling(rows, rows, by: part.factors(of: factors))))
    }
  }
}
