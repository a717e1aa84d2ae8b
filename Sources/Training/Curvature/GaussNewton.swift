import Compute
import Networks

/// How `--optimizer gauss-newton` finds its direction: (G + λ)d = −g on the step's batch by conjugate
/// gradients, G = Jᵀ H_L J, then θ ← θ + ηd.
///
/// λ is absolute, in units of the mean loss's curvature. With weight decay λ_w the penalised loss
/// L + λ_w‖θ‖²/2 is meant: g + λ_wθ on the right, λ + λ_w on the left.
public struct GaussNewton: Sendable, Codable, Equatable {
  public var damping: Double
  /// The most products in a step.
  public var cgIterations: Int
  /// Of ‖residual‖/‖right side‖.
  public var cgTolerance: Double

  public init(damping: Double = 1e-3, cgIterations: Int = 30, cgTolerance: Double = 1e-4) {
    self.damping = damping
    self.cgIterations = cgIterations
    self.cgTolerance = cgTolerance
  }

  /// Columns of the metrics: of the last step's solve.
  static let measures = ["cg_iterations", "cg_residual"]
}

/// The solves of a run, and the memory for their results.
final class GaussNewtonSolver {
  private let settings: GaussNewton
  private let model: Model
  private let loss: Loss.Kind
  private let isTrainable: [Bool]
  /// −d, 1×P: what takes the gradient's place.
  let direction: Matrix
  /// Of the last step, if there was one.
  var outcome: ConjugateGradients.Outcome?

  init(_ settings: GaussNewton, _ model: Model, loss: Loss.Kind, isTrainable: [Bool]) throws {
    guard model.order > 0 || !model.network.description.hasDropout else {
      throw TrainingError(
        "--optimizer gauss-newton does not go with dropout in training of order full, where every "
          + "product would have to drop the same elements; take the dropout layers out of the network"
      )
    }
    self.settings = settings
    self.model = model
    self.loss = loss
    self.isTrainable = isTrainable
    direction = try model.backend.matrix(1, model.network.parameterCount, model.type)
  }

  /// Solves for the direction of `gradient`, to which weight decay has been added. Waits.
  func solve(_ gradient: Matrix, decay: Double, inputs: Matrix, targets: Matrix) throws {
    let curvature = try LossCurvature(
      model, .gaussNewton, loss: loss, inputs: inputs, targets: targets, isTrainable: isTrainable)
    outcome = try ConjugateGradients(
      tolerance: settings.cgTolerance, limit: settings.cgIterations
    ).solve(curvature, shift: settings.damping + decay, gradient, into: direction)
  }

  /// What goes into a checkpoint, so that a resumed run's metrics are those of an unbroken one.
  var metadata: [String: String] {
    guard let outcome else { return [:] }
    return [
      "cg_iterations": String(outcome.iterations), "cg_residual": String(outcome.residual),
    ]
  }

  func restore(_ metadata: [String: String]) {
    guard let iterations = metadata["cg_iterations"].flatMap({ Int($0) }),
      let residual = metadata["cg_residual"].flatMap({ Double($0) })
    else {
      outcome = nil
      return
    }
    outcome = ConjugateGradients.Outcome(iterations: iterations, residual: residual)
  }

  var measures: [(name: String, value: Double)] {
    guard let outcome else { return [] }
    return [
      ("cg_iterations", Double(outcome.iterations)), ("cg_residual", outcome.residual),
    ]
  }
}

extension NetworkDescription {
  /// Whether a dropout layer is among the layers, at any depth.
  var hasDropout: Bool { Self.hasDropout(layers) }

  private static func hasDropout(_ layers: [LayerDescription]) -> Bool {
    layers.contains { layer in
      switch layer {
      case .dropout: true
      case .residual(let block): hasDropout(block.main) || hasDropout(block.shortcut)
      default: false
      }
    }
  }
}
