import ArgumentParser
import Maclaurin

extension MovementSettings.Randomization: ExpressibleByArgument {}

/// What is done with the movement θ − θ0.
struct MovementOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "signs: every step the movement of each hidden neuron has a fresh random sign.",
      valueName: "how"))
  var randomize: MovementSettings.Randomization?

  @Option(
    help: ArgumentHelp(
      """
      Signs per neuron: 2 for plain signs, 3 to 8 for products of signs, which leave the k-th order \
      (default: the order from 3 on, else 2).
      """, valueName: "k"))
  var signOrder: Int?

  @Option(
    help: ArgumentHelp(
      "Draws of the signs that an evaluation averages the outputs over (default 16).",
      valueName: "n"))
  var evaluationDraws: Int?

  @Option(
    help: ArgumentHelp(
      "Train the k-th Taylor coefficient alone, 1 to 8, in place of --order.", valueName: "k"))
  var coefficient: Int?

  @Option(
    help: ArgumentHelp(
      "Standard deviation of a random movement to start from; with --coefficient from 2 on none is "
        + "a stationary point.", valueName: "σ"))
  var movementStd = 0.0

  @Option(
    help: ArgumentHelp(
      "λ of the penalty λ‖W‖^p on the movement of hidden neurons, ‖W‖⁴ = Σ ‖w‖⁴ (default 0).",
      valueName: "λ"))
  var movementPenalty = 0.0

  @Option(help: ArgumentHelp("p of --movement-penalty (default 8).", valueName: "p"))
  var movementExponent: Int?

  @Option(
    help: ArgumentHelp(
      "Standard deviation of normal noise on the gradient, fresh every step.", valueName: "σ"))
  var noise = 0.0

  /// What the options say; nil where they say nothing.
  func settings() throws -> MovementSettings? {
    for (name, value) in [
      ("--movement-std", movementStd), ("--movement-penalty", movementPenalty), ("--noise", noise),
    ] where !(value >= 0 && value.isFinite) {
      throw Misuse("\(name) must be a number that is not negative, and is \(value)")
    }
    if let coefficient, !(1...8).contains(coefficient) {
      throw Misuse("--coefficient takes 1 to 8, not \(coefficient)")
    }
    if let coefficient, coefficient > 1, movementStd == 0, noise == 0 {
      throw Misuse(
        "--coefficient \(coefficient) stays at its start, where its gradient is 0; give "
          + "--movement-std, for example 0.05")
    }
    if let signOrder {
      guard randomize != nil else { throw Misuse("--sign-order goes with --randomize signs") }
      guard (2...8).contains(signOrder) else {
        throw Misuse("--sign-order takes 2 to 8, not \(signOrder)")
      }
    }
    if let evaluationDraws {
      guard randomize != nil else {
        throw Misuse("--evaluation-draws goes with --randomize signs")
      }
      guard (1...4096).contains(evaluationDraws) else {
        throw Misuse("--evaluation-draws takes 1 to 4096, not \(evaluationDraws)")
      }
    }
    if let movementExponent {
      guard movementPenalty > 0 else {
        throw Misuse("--movement-exponent goes with --movement-penalty")
      }
      guard (1...64).contains(movementExponent) else {
        throw Misuse("--movement-exponent takes 1 to 64, not \(movementExponent)")
      }
    }
    let settings = MovementSettings(
      randomize: randomize, signOrder: signOrder, evaluationDraws: evaluationDraws ?? 16,
      coefficient: coefficient, movementStd: movementStd, movementPenalty: movementPenalty,
      movementExponent: movementExponent ?? 8, noise: noise)
    return settings == MovementSettings() ? nil : settings
  }

  /// The order that --coefficient implies.
  func order(_ order: Int) throws -> Int {
    guard let coefficient else { return order }
    guard order == 0 || order == coefficient else {
      throw Misuse(
        "--coefficient \(coefficient) is part of the expansion of order \(coefficient), not of order "
          + "\(order); leave --order out")
    }
    return coefficient
  }

  /// A study compares expansions, which these are not.
  func checkStudy() throws {
    guard randomize == nil, coefficient == nil else {
      throw Misuse(
        "--randomize and --coefficient do not go with study, which compares expansions with the "
          + "network; use train")
    }
  }
}
