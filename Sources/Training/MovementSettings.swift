import Networks

/// What is done with the movement θ − θ0 on purpose: randomized networks, a single Taylor
/// coefficient, a penalty, noise. Source: Bai and Lee, arXiv 1910.01619.
public struct MovementSettings: Sendable, Codable, Equatable {
  public enum Randomization: String, Sendable, Codable, CaseIterable {
    /// The movement of every hidden neuron is multiplied by a sign, drawn afresh every step.
    case signs
  }

  public var randomize: Randomization?
  /// 2: plain signs. k ≥ 3: products of k signs (see `SignedMovement`). Nil: the expansion's order
  /// from 3 on, else 2.
  public var signOrder: Int?
  /// Draws of the signs that an evaluation averages the outputs over.
  public var evaluationDraws: Int
  /// k: the model is the k-th Taylor coefficient alone, D^k f(x; θ0)[Δ,…,Δ]/k!.
  public var coefficient: Int?
  /// Standard deviation of the movement that training starts from.
  public var movementStd: Double
  /// λ of the penalty λ‖W‖_{2,4}^p on the movement of the hidden neurons; 0: none.
  public var movementPenalty: Double
  /// p
  public var movementExponent: Int
  /// Standard deviation of normal noise on the gradient; 0: none.
  public var noise: Double

  public init(
    randomize: Randomization? = nil, signOrder: Int? = nil, evaluationDraws: Int = 16,
    coefficient: Int? = nil, movementStd: Double = 0, movementPenalty: Double = 0,
    movementExponent: Int = 8, noise: Double = 0
  ) {
    self.randomize = randomize
    self.signOrder = signOrder
    self.evaluationDraws = evaluationDraws
    self.coefficient = coefficient
    self.movementStd = movementStd
    self.movementPenalty = movementPenalty
    self.movementExponent = movementExponent
    self.noise = noise
  }

  /// The order of the signs for a model of this order; nil without signs.
  public func signOrder(ofOrder order: Int) -> Int? {
    randomize == nil ? nil : signOrder ?? max(2, order)
  }

  /// Whether even the network itself is kept as θ0 and a displacement.
  public var keepsDisplacement: Bool {
    randomize != nil || movementStd > 0 || movementPenalty > 0
  }

  /// Whether a re-expansion, which makes the movement zero, would make it meaningless.
  public var fixesCenter: Bool { keepsDisplacement || coefficient != nil }

  /// - Throws: `TrainingError` with what does not go together.
  public func check(_ network: Network, order: Int, frozen: [String]) throws {
    let mostDraws = 4096
    guard (1...mostDraws).contains(evaluationDraws) else {
      throw TrainingError("--evaluation-draws takes 1 to \(mostDraws), not \(evaluationDraws)")
    }
    guard (1...64).contains(movementExponent) else {
      throw TrainingError("--movement-exponent takes 1 to 64, not \(movementExponent)")
    }
    for (name, value) in [
      ("--movement-std", movementStd), ("--movement-penalty", movementPenalty), ("--noise", noise),
    ] where !(value >= 0 && value <= Double(Float.greatestFiniteMagnitude)) {
      throw TrainingError("\(name) must be a number that is not negative, and is \(value)")
    }
    if let coefficient {
      guard coefficient == order, order >= 1 else {
        throw TrainingError(
          "--coefficient \(coefficient) is part of the expansion of order \(coefficient), not of "
            + "order \(order == 0 ? "full" : String(order)); leave --order out")
      }
    }
    guard randomize != nil || signOrder == nil else {
      throw TrainingError("--sign-order goes with --randomize signs")
    }
    if randomize != nil || movementPenalty > 0 {
      let option = randomize == nil ? "--movement-penalty" : "--randomize"
      guard HiddenNeurons(network).count > 0 else {
        throw TrainingError(
          "\(option) is about the neurons of hidden dense layers, and the network has none; choose "
            + "another --model")
      }
    }
    guard let order = signOrder(ofOrder: order) else { return }
    guard (2...8).contains(order) else {
      throw TrainingError("--sign-order takes 2 to 8, not \(order)")
    }
    if order > 2 { try checkTwoLayers(network, frozen: frozen, order: order) }
  }

  private func checkTwoLayers(_ network: Network, frozen: [String], order: Int) throws {
    let affine = network.description.layers.filter { layer in
      switch layer {
      case .activation, .flatten, .dropout: false
      default: true
      }
    }
    let isDense = affine.allSatisfy { if case .dense = $0 { true } else { false } }
    guard affine.count == 2, isDense else {
      throw TrainingError(
        "products of \(order) signs need a network of one hidden dense layer and a dense layer "
          + "behind it; take such a one, or --sign-order 2")
    }
    let trainable = try FreezePattern.trainable(network.parameters, frozen: frozen)
    let output = network.parameters.last { $0.shape.count == 2 }?.offset ?? 0
    for (tensor, isTrained) in zip(network.parameters, trainable)
    where isTrained && tensor.offset >= output {
      throw TrainingError(
        "products of \(order) signs change the outgoing weights, which must be fixed, and "
          + "\(tensor.name) is trained; give --freeze "
          + "\(tensor.name.split(separator: ".").dropLast().joined(separator: "."))")
    }
  }
}
