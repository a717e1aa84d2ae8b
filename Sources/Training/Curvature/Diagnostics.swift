import Compute
import Networks

/// What `--diagnostics` measures at every evaluation, on the first examples of the training set.
///
/// With n probes, O outputs, L the mean loss on the probes, J as in `ModelDerivatives`, Θ = JJᵀ:
///
/// - `sharpness`, `hessian_min`: the largest and the smallest eigenvalue of L's Hessian by Lanczos's
///   method; `hessian_residual` the larger of their two bounds.
/// - `ntk_max`, `ntk_eigenvalue_2` … `ntk_eigenvalue_5`: the largest eigenvalues of Θ/(nO) for mse, of
///   Θ/n for cross-entropy, with multiplicities. For mse they are those of the Gauss–Newton matrix, and
///   full-batch gradient descent on the probes is stable while ηλ < 2.
/// - `stability_limit`: 2/η, with momentum 2(1 + μ)/η; only for these two optimizers.
/// - `target_alignment`: yᵀΘy/(‖Θ‖_F‖y‖²), y the targets less their mean over the probes.
/// - `effective_rank`: tr(Θ)²/‖Θ‖_F², between 1 and nO.
///
/// L is what training minimises (`TrainingRisk`): with random signs the mean over an evaluation's draws,
/// and with a penalty on the movement its Hessian is L's too. Random signs have another kernel at every
/// draw, and so none of the measures from `ntk_max` on.
public struct Diagnostics: Sendable, Codable, Equatable {
  public var diagnosticProbes: Int
  /// The most products with the Hessian.
  public var diagnosticProducts: Int

  public init(probes: Int = 64, products: Int = 60) {
    diagnosticProbes = probes
    diagnosticProducts = products
  }

  /// Eigenvalues of Θ.
  static let eigenvalues = 5
  /// Of Lanczos's bounds, relative to the largest eigenvalue.
  static let tolerance = 1e-3
  /// Rows of Θ that fit.
  static let largestKernel = 8192

  static func measures(
    _ optimizer: TrainingSettings.Optimizer, isRandomized: Bool = false
  ) -> [String] {
    let curvature =
      ["sharpness", "hessian_min", "hessian_residual"]
      + (optimizer == .sgd || optimizer == .momentum ? ["stability_limit"] : [])
    guard !isRandomized else { return curvature }
    return curvature + ["ntk_max"]
      + (2...eigenvalues).map { "ntk_eigenvalue_\($0)" } + ["target_alignment", "effective_rank"]
  }
}

/// The probes of a run.
struct DiagnosticProbe {
  private let settings: TrainingSettings
  private let diagnostics: Diagnostics
  private let examples: ResidentExamples
  private let count: Int
  private let isTrainable: [Bool]

  init(
    _ diagnostics: Diagnostics, _ settings: TrainingSettings, _ network: Network,
    train: ResidentExamples
  ) throws {
    self.settings = settings
    self.diagnostics = diagnostics
    examples = train
    count = min(diagnostics.diagnosticProbes, train.count)
    isTrainable = try FreezePattern.trainable(network.parameters, frozen: settings.frozen)
    let hasKernel = settings.movement?.randomize == nil
    guard !hasKernel || count * network.outputCount <= Diagnostics.largestKernel else {
      throw TrainingError(
        "the tangent kernel of \(count) probes with \(network.outputCount) outputs each has more "
          + "than \(Diagnostics.largestKernel) rows; lower --diagnostic-probes")
    }
  }

  /// Everything, at the model's present state. Waits.
  func measure(_ model: Model, rate: Double) throws -> [(name: String, value: Double)] {
    let risk = try TrainingRisk(
      model, loss: settings.loss, examples: examples, count: count, isTrainable: isTrainable,
      movement: settings.movement)
    let ends = try Lanczos(
      tolerance: Diagnostics.tolerance, limit: diagnostics.diagnosticProducts,
      seed: settings.seed
    ).extremes(risk)
    var values: [(name: String, value: Double)] = [
      ("sharpness", ends.largest.value), ("hessian_min", ends.smallest.value),
      ("hessian_residual", max(ends.largest.residual, ends.smallest.residual)),
    ]
    switch settings.optimizer {
    case .sgd: values.append(("stability_limit", 2 / rate))
    case .momentum: values.append(("stability_limit", 2 * (1 + settings.momentum) / rate))
    case .adam, .adamw, .gaussNewton: break
    }
    // One draw's loss has no derivatives of the model as a whole.
    guard let derivatives = (risk.loss as? LossCurvature)?.derivatives else { return values }
    return try values + kernelMeasures(derivatives)
  }

  private func kernelMeasures(
    _ derivatives: ModelDerivatives
  ) throws -> [(name: String, value: Double)] {
    let model = derivatives.model
    let backend = model.backend
    let inputs = try examples.evaluationInputs(0..<count, on: backend)
    let kernel = try derivatives.tangentKernel(inputs)
    let factor = Objective(settings.loss).factor(
      examples: count, outputs: model.network.outputCount)
    // Products with a matrix in memory cost next to nothing.
    let eigenvalues = try Lanczos(
      tolerance: 1e-6, limit: min(200, kernel.rows), seed: settings.seed
    ).largest(Diagnostics.eigenvalues, of: DenseOperator(kernel, on: backend))
    var values = eigenvalues.enumerated().map { index, pair in
      (
        name: index == 0 ? "ntk_max" : "ntk_eigenvalue_\(index + 1)",
        value: factor * pair.value
      )
    }
    // A back end that only counts has no numbers.
    if backend is NullBackend { return values }
    let statistics = KernelStatistics(
      try backend.download(kernel),
      targets: try backend.download(examples.targets.rows(0..<count)), examples: count)
    values.append(("target_alignment", statistics.alignment))
    values.append(("effective_rank", statistics.effectiveRank))
    return values
  }
}

/// Numbers of a kernel on the host, by sums in Double in one order.
struct KernelStatistics {
  let alignment: Double
  let effectiveRank: Double

  /// - Parameters:
  ///   - kernel: [n·O, n·O].
  ///   - targets: [n, O].
  init(_ kernel: [Double], targets: [Double], examples n: Int) {
    let size = targets.count
    let width = size / n
    var centered = targets
    for output in 0..<width {
      let mean = (0..<n).reduce(0.0) { $0 + targets[$1 * width + output] } / Double(n)
      for example in 0..<n { centered[example * width + output] -= mean }
    }
    var (trace, squares, form) = (0.0, 0.0, 0.0)
    kernel.withUnsafeBufferPointer { kernel in
      centered.withUnsafeBufferPointer { y in
        for i in 0..<size {
          var sum = 0.0
          for j in 0..<size {
            let element = kernel[i * size + j]
            squares += element * element
            sum += element * y[j]
          }
          trace += kernel[i * size + i]
          form += y[i] * sum
        }
      }
    }
    let length = centered.reduce(0.0) { $0 + $1 * $1 }
    alignment = form / (squares.squareRoot() * length)
    effectiveRank = trace * trace / squares
  }
}
