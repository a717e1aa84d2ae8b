import Compute

extension VerificationCase {
  /// optimizer_update, each rule alone and with what else a step does in the same pass.
  static func updates(quick: Bool) -> [VerificationCase] {
    // The last has two blocks of the canonical reduction.
    let counts = quick ? [129] : [1, 63, 128, 129, 1009, 70_001]
    return realTypes.flatMap { type in
      counts.flatMap { count in
        [Oracle.bound, .bits].flatMap { oracle in
          UpdateVariant.all.map { $0.verification(type, count, oracle) }
        }
      }
    }
  }
}

/// A rule and its companions.
private struct UpdateVariant {
  enum Decay { case gradient, state }
  var name: String
  var rule: String
  var step = 1
  var isClipped = false
  var decay: Decay?
  var hasCenter = false
  var hasNoise = false
  var hasParameters = false
  var hasSquares = false

  static let all = [
    UpdateVariant(name: "sgd", rule: "sgd"),
    UpdateVariant(name: "momentum", rule: "momentum"),
    UpdateVariant(name: "adam step 1", rule: "adam"),
    UpdateVariant(name: "adam step 1000", rule: "adam", step: 1000),
    UpdateVariant(name: "sgd clipped", rule: "sgd", isClipped: true, hasCenter: true),
    UpdateVariant(name: "sgd decayed", rule: "sgd", decay: .gradient),
    UpdateVariant(
      name: "momentum clipped and decayed, with center", rule: "momentum", isClipped: true,
      decay: .gradient, hasCenter: true, hasSquares: true),
    UpdateVariant(name: "sgd, state decayed", rule: "sgd", decay: .state, hasSquares: true),
    UpdateVariant(
      name: "adam, state decayed, with center", rule: "adam", step: 7, decay: .state,
      hasCenter: true),
    UpdateVariant(
      name: "adam with everything", rule: "adam", step: 3, isClipped: true, decay: .gradient,
      hasCenter: true, hasNoise: true, hasParameters: true, hasSquares: true),
  ]

  func verification(
    _ type: ScalarType, _ count: Int, _ oracle: VerificationCase.Oracle
  ) -> VerificationCase {
    let isSpecial = oracle == .bits
    let suffix = isSpecial ? " special values" : ""
    return VerificationCase(
      "optimizer_update", "\(name) \(count)\(suffix)", type, oracle: oracle
    ) { bench in
      func vector() throws -> Matrix {
        try bench.matrix(1, count, isSpecial ? .special : .random(2))
      }
      let state = try vector()
      var outputs = [state]
      let rule: OptimizerUpdate.Rule
      switch self.rule {
      case "sgd": rule = .sgd
      case "momentum":
        outputs.append(try vector())
        rule = .momentum(velocity: outputs[1], 0.9)
      default:
        outputs.append(try vector())
        outputs.append(try bench.matrix(1, count, isSpecial ? .special : .positive(1)))
        rule = .adam(
          first: outputs[1], second: outputs[2], beta1: 0.9, beta2: 0.999, epsilon: 1e-8,
          step: step)
      }
      var update = OptimizerUpdate(
        rule, state: state, gradient: try vector(), learningRate: 0.1,
        center: hasCenter ? try vector() : nil, clip: try bench.scalar(isClipped ? 0.3 : nil),
        decay: decay.map { $0 == .gradient ? .gradient(0.01) : .state(rate: -0.003) },
        noise: hasNoise ? try vector() : nil)
      if hasParameters {
        update.parameters = try bench.matrix(1, count, .unset)
        outputs.append(update.parameters!)
      }
      if hasSquares {
        update.squares = try bench.matrix(1, 1, .unset)
        outputs.append(update.squares!)
      }
      return VerificationCase.Prepared(operation: .optimizerUpdate(update), outputs: outputs)
    }
  }
}
