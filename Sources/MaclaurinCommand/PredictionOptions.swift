import ArgumentParser
import Maclaurin

/// What predictions are of.
enum PredictionInference: String, CaseIterable, ExpressibleByArgument {
  /// The distribution over initialisations.
  case ensemble
  /// The posterior of a Gaussian process with the kernel as covariance.
  case gp
  /// One network's outputs from its own start.
  case network
}

/// How a differential equation is used.
enum PredictionSolver: String, CaseIterable, ExpressibleByArgument {
  /// Where there is no closed form.
  case auto
  /// Always.
  case ode
}

/// How training is predicted, and when.
struct PredictionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "ntk (every layer trained) or nngp (the last layer alone).", valueName: "kernel"))
  var kind = KernelKind.ntk

  @Option(
    help: ArgumentHelp(
      """
      infinite, or finite: the network at --parameters or freshly drawn, from its own outputs.
      """, valueName: "width"))
  var width = KernelWidth.infinite

  @Option(
    help: ArgumentHelp(
      """
      ensemble (default: mean and covariance over starts), gp (a Gaussian process with the kernel \
      as covariance) or network (one network's trajectory; the default with --width finite, \
      --initial-outputs, --momentum and --loss cross_entropy).
      """, valueName: "what"))
  var inference: PredictionInference?

  @Option(
    help: ArgumentHelp(
      "Training time: a number of steps of gradient descent, inf, or an ascending list of them.",
      valueName: "t"))
  var time = "inf"

  @Option(help: ArgumentHelp("Learning rate.", valueName: "η"))
  var learningRate = 1.0

  @Option(
    help: ArgumentHelp(
      "Added to the kernel's diagonal, a share of its mean.", valueName: "ε"))
  var ridge = 0.0

  @Option(help: "mse or cross_entropy.")
  var loss = Loss.Kind.mse

  @Option(help: ArgumentHelp("Momentum of gradient descent, from 0 up to 1.", valueName: "m"))
  var momentum = 0.0

  @Option(
    help: ArgumentHelp(
      "auto (closed forms where there are some) or ode (a differential equation).",
      valueName: "name"))
  var solver = PredictionSolver.auto

  @Option(
    help: ArgumentHelp(
      "Error of a step of the differential equation, relative to outputs.", valueName: "r"))
  var tolerance = 1e-9

  func validate() throws {
    for (name, value, isPositive) in [
      ("--learning-rate", learningRate, true), ("--ridge", ridge, false),
    ] where !(value.isFinite && (isPositive ? value > 0 : value >= 0)) {
      throw ValidationError(
        "\(name) must be \(isPositive ? "positive" : "a number that is not negative"), "
          + "and is \(value)")
    }
    guard momentum >= 0, momentum < 1 else {
      throw ValidationError("--momentum takes 0 up to, but not, 1, and is \(momentum)")
    }
    guard tolerance >= 1e-13, tolerance <= 0.1 else {
      throw ValidationError("--tolerance takes 1e-13 to 0.1, not \(tolerance)")
    }
    let times = try times()
    // The end of training on mse is the same with momentum.
    let hasEnd = loss == .mse && solver == .auto && times == [.infinity]
    guard !needsEquation || hasEnd || !times.contains(.infinity) else {
      throw ValidationError(
        loss == .crossEntropy
          ? "--loss cross_entropy has no end of training; give finite numbers as --time"
          : "a differential equation has no time inf; give finite numbers as --time")
    }
    guard !(inference == .ensemble || inference == .gp) || isLinear else {
      throw ValidationError(
        "--inference \(inference?.rawValue ?? "") goes with mse without momentum; give --inference "
          + "network")
    }
    guard width == .infinite || (inference ?? .network) == .network,
      width == .infinite || kind == .ntk
    else {
      throw ValidationError("--width finite goes with --inference network and --kind ntk")
    }
  }

  /// Ascending.
  func times() throws -> [Double] {
    let times = time.split(separator: ",", omittingEmptySubsequences: false).map { text in
      text == "inf" ? Double.infinity : Double(text) ?? .nan
    }
    guard times.allSatisfy({ $0 >= 0 }), times == times.sorted() else {
      throw ValidationError(
        "--time takes a number that is not negative, inf, or an ascending list, not \"\(time)\"")
    }
    return times
  }

  /// Whether times are a list, so that results have an axis for them.
  var isList: Bool { time.contains(",") }

  /// Whether there is a closed form.
  var isLinear: Bool { loss == .mse && momentum == 0 }

  private var needsEquation: Bool { !isLinear || solver == .ode }

  /// - Throws: `KernelError` where the training set is too large.
  func method(dimension: Int) throws -> KernelSolve {
    try KernelSolve.choose(dimension: dimension, times: times(), isLinear: !needsEquation)
  }
}
