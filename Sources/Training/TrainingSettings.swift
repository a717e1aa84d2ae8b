import Compute
import Jets
import Networks

/// What defines a run besides its network, its data and its start.
public struct TrainingSettings: Sendable, Codable, Equatable {
  public enum Optimizer: String, Sendable, Codable, CaseIterable {
    case sgd, momentum, adam, adamw
    case gaussNewton = "gauss-newton"
  }

  /// 0 for the network itself ("full"), else the order of the Taylorized model.
  public var order: Int
  public var loss: Loss.Kind
  public var optimizer: Optimizer
  public var learningRate: Double
  public var schedule: String
  public var momentum: Double
  public var weightDecay: Double
  /// 0: no clipping.
  public var clipNorm: Double
  public var batchSize: Int
  public var steps: Int
  /// When an expansion is made anew around the present parameters.
  public var relinearization: Relinearization
  public var seed: UInt64
  public var type: ScalarType
  /// In steps; 0: only at the end.
  public var evaluateEvery: Int
  /// Also after 1, 2, 4, 8, … steps, up to `evaluateEvery`.
  public var evaluatesEarly: Bool
  public var checkpointEvery: Int
  public var logEvery: Int
  /// Evaluations without a better validation loss before the run stops; 0: never.
  public var earlyStop: Int
  /// Patterns of tensor names that keep their values.
  public var frozen: [String]
  public var saveLogits: Bool
  /// α of the centred model α(f(x; θ) − f(x; θ0)), with the loss divided by α²; nil for the plain
  /// model.
  public var outputScale: Double?
  /// Training examples on which a run's tangent kernel is compared with the start's; nil: none.
  public var kernelProbes: Int?
  /// Factors on the learning rates of single tensors, besides the network's.
  public var layerRates: LayerLearningRates?
  /// Of the optimizer gauss-newton.
  public var gaussNewton: GaussNewton?
  /// What is measured besides at evaluations; nil: nothing.
  public var diagnostics: Diagnostics?
  /// Randomized networks, one coefficient alone, a penalty on the movement, noise.
  public var movement: MovementSettings?
  /// How dense layers multiply series.
  public var jetProducts: JetProducts

  public static let beta1 = 0.9
  public static let beta2 = 0.999
  public static let epsilon = 1e-8

  public init(
    order: Int, loss: Loss.Kind, optimizer: Optimizer = .sgd, learningRate: Double = 0.1,
    schedule: String = "constant", momentum: Double = 0.9, weightDecay: Double = 0,
    clipNorm: Double = 0, batchSize: Int, steps: Int, relinearization: Relinearization = .never,
    seed: UInt64 = 0,
    type: ScalarType = .float32, evaluateEvery: Int = 0, checkpointEvery: Int = 0,
    logEvery: Int = 10, earlyStop: Int = 0, frozen: [String] = [], saveLogits: Bool = false,
    evaluatesEarly: Bool = false, outputScale: Double? = nil, kernelProbes: Int? = nil,
    movement: MovementSettings? = nil, jetProducts: JetProducts = .auto
  ) {
    self.order = order
    self.loss = loss
    self.optimizer = optimizer
    self.learningRate = learningRate
    self.schedule = schedule
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.clipNorm = clipNorm
    self.batchSize = batchSize
    self.steps = steps
    self.relinearization = relinearization
    self.seed = seed
    self.type = type
    self.evaluateEvery = evaluateEvery
    self.checkpointEvery = checkpointEvery
    self.logEvery = logEvery
    self.earlyStop = earlyStop
    self.frozen = frozen
    self.saveLogits = saveLogits
    self.evaluatesEarly = evaluatesEarly
    self.outputScale = outputScale
    self.kernelProbes = kernelProbes
    self.movement = movement
    self.jetProducts = jetProducts
  }

  /// The products of a run in batches of so many examples, its evaluations included: small batches
  /// do not repay the further passes over the weights.
  public static func products(_ chosen: JetProducts, batchSize: Int) -> JetProducts {
    chosen == .auto && batchSize < JetProductPlan.leastBatch ? .schoolbook : chosen
  }

  public var products: JetProducts { Self.products(jetProducts, batchSize: batchSize) }

  /// Whether the center is elsewhere than at the run's start sooner or later.
  public var movesCenter: Bool {
    order == 0 && movement?.keepsDisplacement != true || relinearization.rule != .never
  }

  /// - Throws: `TrainingError` where the movement cannot be had together with something else.
  public func checkMovement() throws {
    guard optimizer != .gaussNewton || movement?.noise ?? 0 == 0 else {
      throw TrainingError(
        "--noise does not go with gauss-newton, whose step is not the gradient; take sgd, momentum or "
          + "adam")
    }
    guard movement?.fixesCenter == true else { return }
    let what = "--randomize, --coefficient, --movement-std and --movement-penalty"
    guard relinearization.rule == .never else {
      throw TrainingError(
        "re-expansions do not go with \(what), whose movement is that from the start; leave one of "
          + "them out")
    }
    guard movement?.randomize == nil || kernelProbes == nil else {
      throw TrainingError(
        "--kernel-probes does not go with --randomize, whose tangent kernel is another one at every "
          + "draw of the signs; leave --kernel-probes out")
    }
    guard optimizer != .gaussNewton else {
      throw TrainingError(
        "gauss-newton does not go with \(what); take sgd, momentum or adam")
    }
  }

  /// "full", or the order's number.
  public var orderName: String { order == 0 ? "full" : String(order) }

  /// Whether there is an evaluation after `step` steps, besides the one at the end.
  public func isEvaluated(_ step: Int) -> Bool {
    guard evaluateEvery > 0 else { return false }
    return step % evaluateEvery == 0
      || evaluatesEarly && step < evaluateEvery && step & (step - 1) == 0
  }

  /// Whether there is a checkpoint after `step` steps, besides the one at the end.
  public func isCheckpoint(_ step: Int) -> Bool {
    checkpointEvery > 0 && step % checkpointEvery == 0
  }

  /// The first step after `step` with an evaluation or a checkpoint behind it, or the last one.
  public func nextEvent(after step: Int) -> Int {
    var next = step + 1
    while next < steps, !isEvaluated(next), !isCheckpoint(next) { next += 1 }
    return next
  }

  /// Columns of the metrics besides losses, accuracies and movements, in their order.
  public var measures: [String] {
    var names: [String] = []
    if kernelProbes != nil { names += ["kernel_distance", "kernel_alignment"] }
    if kernelProbes != nil || relinearization.rule != .never {
      names += ["parameter_movement", "expansions"]
    }
    if case .adaptiveOrder = relinearization.rule { names += ["order", "predicted_error"] }
    if optimizer == .gaussNewton { names += GaussNewton.measures }
    if diagnostics != nil {
      names += Diagnostics.measures(optimizer, isRandomized: movement?.randomize != nil)
    }
    if let movement, movement.movementPenalty > 0 { names.append("penalty") }
    return names
  }

  /// What the learning rate of each tensor is multiplied by.
  func rateFactors(of tensors: [ParameterTensor]) throws -> [Double] {
    let own = try layerRates?.factors(tensors)
    return tensors.enumerated().map { index, tensor in
      let rate = tensor.learningRate
      let isAdaptive = optimizer == .adam || optimizer == .adamw
      return (isAdaptive ? rate.adam : rate.sgd) * (own?[index] ?? 1)
    }
  }

  /// One buffer per moment the optimizer keeps.
  public var momentCount: Int {
    switch optimizer {
    case .sgd, .gaussNewton: 0
    case .momentum: 1
    case .adam, .adamw: 2
    }
  }
}
