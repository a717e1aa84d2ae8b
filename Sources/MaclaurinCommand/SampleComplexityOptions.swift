import ArgumentParser
import Maclaurin

/// The tasks of a study of sample sizes.
struct PowerTaskOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Degree p of the polynomial Σ_j (β_jᵀx)^p.", valueName: "p"))
  var degree = 2

  @Option(help: ArgumentHelp("Directions β_j.", valueName: "r"))
  var rank = 1

  @Option(
    help: ArgumentHelp(
      "sphere (of radius √d) or cube ({±1}^d).", valueName: "where"))
  var inputs = "sphere"

  @Option(help: ArgumentHelp("orthonormal, or random of length 1.", valueName: "how"))
  var directions = "orthonormal"

  @Flag(help: "Only the part of degree p, which is orthogonal to all lower degrees.")
  var pure = false

  @Option(
    help: ArgumentHelp("Standard deviation of noise on training targets.", valueName: "σ"))
  var noise = 0.0

  @Option(
    help: ArgumentHelp("Examples of the validation set, which chooses.", valueName: "n"))
  var validation = 500

  @Option(help: ArgumentHelp("Examples of the test set.", valueName: "n"))
  var test = 2000

  /// The task's specification, `examples` training and then `validation` validation examples.
  func specification(dimension: Int, examples: Int, seed: UInt64) -> String {
    "synthetic:power:degree=\(degree),rank=\(rank),inputs=\(inputs),directions=\(directions),"
      + "form=\(pure ? "pure" : "power"),noise=\(noise),dimension=\(dimension),"
      + "n=\(examples + validation),test=\(test),seed=\(seed)"
  }

  func check() throws {
    guard (1...30).contains(degree) else { throw Misuse("--degree takes 1 to 30, not \(degree)") }
    guard rank >= 1 else { throw Misuse("--rank takes a positive number, not \(rank)") }
    guard ["sphere", "cube"].contains(inputs) else {
      throw Misuse("--inputs takes sphere or cube, not \"\(inputs)\"")
    }
    guard ["orthonormal", "random"].contains(directions) else {
      throw Misuse("--directions takes orthonormal or random, not \"\(directions)\"")
    }
    guard noise >= 0, noise.isFinite else {
      throw Misuse("--noise must be a number that is not negative, and is \(noise)")
    }
    for (name, count) in [("--validation", validation), ("--test", test)] where count < 2 {
      throw Misuse("\(name) takes 2 examples or more, not \(count)")
    }
  }

  var choices: [String: JSONValue] {
    [
      "degree": .number(Double(degree)), "rank": .number(Double(rank)),
      "inputs": .string(inputs), "directions": .string(directions), "pure": .bool(pure),
      "noise": .number(noise), "validation": .number(Double(validation)),
      "test": .number(Double(test)),
    ]
  }
}

/// The learners of a study of sample sizes, and what each may spend.
struct LearnerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What learns: \(SampleComplexityLearner.names).", valueName: "list"))
  var learners = SampleComplexityLearner.standard.map(\.rawValue).joined(separator: ",")

  @Option(help: ArgumentHelp("Hidden units.", valueName: "n"))
  var width = 256

  @Option(
    help: ArgumentHelp(
      "Activation; all but tanh, sigmoid, softplus, swish and gelu_tanh have a kernel in closed form.",
      valueName: "name"))
  var activation = Activation.gelu

  @Option(
    help: ArgumentHelp(
      "Of networks and kernel: standard, ntk or mup:BASE_WIDTH, whose tangent kernel is that of "
        + "standard at the base width.", valueName: "name"))
  var parameterization = "mup:16"

  @Option(
    help: ArgumentHelp("Standard deviation σw of weights.", valueName: "σ"))
  var weightStd = 1.0

  @Option(
    help: ArgumentHelp("Standard deviation σb of biases.", valueName: "σ"))
  var biasStd = 0.0

  @Option(
    help: ArgumentHelp(
      "Standard deviation of the movement that the quadratic models start from.", valueName: "σ"))
  var movementStd = 0.01

  @Option(help: ArgumentHelp("Optimizer of networks.", valueName: "name"))
  var optimizer = TrainingSettings.Optimizer.adam

  @Option(
    help: ArgumentHelp("Learning rates, of which validation chooses one.", valueName: "list"))
  var lr = "0.003,0.03"

  @Option(help: ArgumentHelp("Steps at each learning rate.", valueName: "n"))
  var steps = 1000

  @Option(help: ArgumentHelp("Examples per step, at most.", valueName: "n"))
  var batchSize = 128

  @Option(
    help: ArgumentHelp(
      "Steps between evaluations, of which validation chooses one.", valueName: "n"))
  var evaluateEvery = 50

  @Option(
    help: ArgumentHelp(
      "Ridges of the regression, shares of the kernel's mean diagonal, of which validation chooses "
        + "one.", valueName: "list"))
  var ridge = "1e-6,1e-4,0.01,1"

  func check() throws {
    let counts = [
      ("--width", width), ("--steps", steps), ("--batch-size", batchSize),
      ("--evaluate-every", evaluateEvery),
    ]
    for (name, count) in counts where count < 1 {
      throw Misuse("\(name) takes a positive number, not \(count)")
    }
    for (name, value) in [
      ("--weight-std", weightStd), ("--bias-std", biasStd), ("--movement-std", movementStd),
    ]
    where !(value >= 0 && value.isFinite) {
      throw Misuse("\(name) must not be negative, and is \(value)")
    }
    _ = try (parsedLearners(), rates(), ridges(), parsedParameterization())
  }

  func parsedLearners() throws -> [SampleComplexityLearner] {
    let items = try StudyLists.items(learners, "--learners", "such as ntk,full")
    try StudyLists.requireDistinct(items, "--learners")
    return try items.map { item in
      guard let learner = SampleComplexityLearner(rawValue: item) else {
        throw Misuse("--learners knows \(SampleComplexityLearner.names), not \"\(item)\"")
      }
      return learner
    }
  }

  func parsedParameterization() throws -> Parameterization {
    switch parameterization {
    case "standard": return .standard
    case "ntk": return .ntk
    default:
      let parts = parameterization.split(separator: ":", omittingEmptySubsequences: false)
      if parts.count == 2, parts[0] == "mup", let base = Int(parts[1]), base > 0 {
        return .mup(baseWidth: base)
      }
      throw Misuse(
        "--parameterization takes standard, ntk or mup:BASE_WIDTH here, not "
          + "\"\(parameterization)\"")
    }
  }

  func rates() throws -> [Double] {
    try Self.reals(lr, "--lr", "such as 0.003,0.03") { $0 > 0 }
  }

  func ridges() throws -> [Double] {
    try Self.reals(ridge, "--ridge", "such as 1e-6,1e-3") { $0 >= 0 }
  }

  private static func reals(
    _ text: String, _ option: String, _ advice: String, _ isIn: (Double) -> Bool
  ) throws -> [Double] {
    let items = try StudyLists.items(text, option, advice)
    let values = try items.map { item -> Double in
      guard let value = Double(item), value.isFinite, isIn(value) else {
        throw Misuse("\(option) takes numbers, \(advice), not \"\(item)\"")
      }
      return value
    }
    try StudyLists.requireDistinct(values.map { String($0) }, option)
    return values
  }

  /// The two-layer network on inputs of `dimension` numbers.
  func description(dimension: Int) throws -> NetworkDescription {
    description(dimension, width, try parsedParameterization())
  }

  /// The network whose tangent kernel at infinite width the regression takes. That of mup is the one
  /// of standard with the base width B: r·(1/r) at the weights of the first layer, n·(1/r) = B at
  /// those of the second.
  func kernel(dimension: Int) throws -> InfiniteWidthKernel {
    let parameterization = try parsedParameterization()
    if case .mup(let base) = parameterization {
      return try InfiniteWidthKernel(description(dimension, base, .standard))
    }
    return try InfiniteWidthKernel(description(dimension, width, parameterization))
  }

  private func description(
    _ dimension: Int, _ width: Int, _ parameterization: Parameterization
  ) -> NetworkDescription {
    NetworkDescription(
      input: [dimension], parameterization: parameterization,
      layers: [
        .dense(.init(units: width, weightStd: weightStd, biasStd: biasStd)),
        .activation(activation),
        .dense(.init(units: 1, weightStd: weightStd, biasStd: biasStd)),
      ])
  }

  var choices: [String: JSONValue] {
    [
      "learners": .string(learners), "width": .number(Double(width)),
      "activation": .string(activation.rawValue), "parameterization": .string(parameterization),
      "weight-std": .number(weightStd), "bias-std": .number(biasStd),
      "movement-std": .number(movementStd), "optimizer": .string(optimizer.rawValue),
      "lr": .string(lr),
      "steps": .number(Double(steps)), "batch-size": .number(Double(batchSize)),
      "evaluate-every": .number(Double(evaluateEvery)), "ridge": .string(ridge),
    ]
  }
}
