import ArgumentParser
import Maclaurin

struct GaussianProcessCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "gp",
    abstract: "Learn new data with a trained network's Jacobian as a Gaussian process.",
    discussion: """
      The network's linear expansion at θ with normally distributed movements of its parameters is a \
      Gaussian process with mean f(x; θ) and covariance σp²·J(x)J(x′)ᵀ. Given examples with noise of \
      standard deviation σ, its posterior is what training the linear expansion would find, with an \
      uncertainty. σp and σ that are not given are those with the largest marginal likelihood. With \
      --likelihood softmax the outputs are logits of classes, and the posterior is Laplace's approximation.
      """)

  @OptionGroup(title: "Process") var process: GaussianProcessOptions
  @OptionGroup(title: "Examples") var examples: PredictionExamples

  @Option(
    help: ArgumentHelp(
      "What targets are: gaussian, numbers with noise, or softmax, classes.", valueName: "name"))
  var likelihood = Likelihood.gaussian

  @Option(
    help: ArgumentHelp(
      "A cheaper covariance in place of the solver's: \(PosteriorApproximation.forms).",
      valueName: "name"))
  var approximation = "none"

  @Option(help: "File for the mean, [m, outputs]; of classes their logits'.")
  var mean: String?

  @Option(help: "File for the covariance, without noise, [m·outputs, m·outputs].")
  var covariance: String?

  @Option(help: "File for the variances, without noise, [m, outputs].")
  var variance: String?

  @Option(help: ArgumentHelp("Outputs to draw at the test inputs.", valueName: "S"))
  var samples: Int?

  @Option(help: "File for them, without noise, [S, m, outputs].")
  var samplesOutput: String?

  @Option(help: "File for the probabilities of classes, [m, outputs].")
  var probabilities: String?

  @Option(
    help: ArgumentHelp(
      "Probabilities from the logits' distribution: samples, probit, or map, without uncertainty.",
      valueName: "how"))
  var probabilityMethod = ClassProbabilities.samples

  @Option(help: ArgumentHelp("Samples of logits for probabilities.", valueName: "n"))
  var probabilitySamples = ClassProbabilities.defaultSamples

  @Option(help: ArgumentHelp("Seed of --samples and of probabilities.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(
    help: "File for each training target as the others predict it: mean, variance, [2, n, outputs]."
  )
  var leaveOneOut: String?

  @Option(
    name: .customLong("report"),
    help: ArgumentHelp(
      "Folder for report.html: the mean ± 2σ of the outputs, and predictions.csv; of classes reliability "
        + "diagrams, and probabilities.csv.",
      valueName: "folder"))
  var page: String?

  @Flag(help: "Predict memory and work; compute nothing.")
  var plan = false

  @OptionGroup(title: "Where to compute") var backend: BackendOptions
  @OptionGroup(title: "What to print") var report: OutputOptions

  func validate() throws {
    do {
      _ = try PosteriorApproximation.parse(approximation)
    } catch {
      throw ValidationError("\(error)")
    }
    guard approximation == "none" || likelihood == .gaussian else {
      throw ValidationError(
        "--approximation goes with --likelihood gaussian; for classes adapt --compare diagonal,kronecker "
          + "shows both")
    }
    guard process.parameters != nil else { throw ValidationError("give --parameters, θ") }
    guard (samples == nil) == (samplesOutput == nil) else {
      throw ValidationError("--samples and --samples-output go together")
    }
    guard (1...1_000_000).contains(samples ?? 1) else {
      throw ValidationError("--samples takes 1 to 1000000, not \(samples ?? 0)")
    }
    try validateLikelihood()
  }

  /// What was found, on the host.
  struct Outcome {
    var fit: GaussianProcessFit
    var outputs: GaussianOutputs
    var approximation: Approximation?
    var samples: (values: [Double], jitter: Double)?
    var leaveOneOut: LeaveOneOut?
    var backend: String
    var trace: Trace?
  }

  func run() throws {
    let start = ContinuousClock.now
    try checkOutputs()
    let network = try NetworkOptions.read(process.networkFile)
    let loaded = try examples.load(network: process.networkFile, NetworkOptions.parse([]))
    try TrainCommand.check(loaded.network, against: loaded.set, loss: .mse)
    var backend = backend
    backend.givenType = backend.givenType ?? ScalarType.float64.rawValue
    let type = try backend.scalarType()
    if plan, likelihood == .gaussian { return try showPlan(loaded, network, type) }
    try checkMemory(loaded)
    if likelihood == .softmax {
      var command = self
      command.backend = backend
      return try command.classify(loaded, network, type, since: start)
    }
    let outcome = try backend.compute(report) { device in
      try infer(loaded, process.model(network, type, on: device))
    }
    try write(outcome, loaded)
    let lines = try page.map { try writePage(outcome, loaded, to: $0) } ?? []
    try show(outcome, loaded, lines, seconds: (ContinuousClock.now - start) / .seconds(1))
  }

  private func checkOutputs() throws {
    var inputs = process.files + examples.files
    let outputs = [
      ("--mean", mean), ("--covariance", covariance), ("--variance", variance),
      ("--samples-output", samplesOutput), ("--leave-one-out", leaveOneOut),
      ("--probabilities", probabilities),
    ]
    for (option, output) in outputs {
      guard let output else { continue }
      try OutputFile.checkArray(output, option: option, inputs: inputs)
      inputs.append((option, output))
    }
    if let page { try OutputFile.checkFolder(page, option: "--report") }
  }

  private func form(_ loaded: PredictionExamples.Loaded) -> CovarianceForm {
    if covariance != nil || samples != nil { return .full }
    return loaded.knowsTest || variance != nil || page != nil ? .blocks : .none
  }

  func settings(_ loaded: PredictionExamples.Loaded) throws -> GaussianProcessFit.Settings {
    var settings = try process.settings(backend)
    (settings.testExamples, settings.form) = (loaded.test, form(loaded))
    return settings
  }

  /// Predictions that could not be held.
  private func checkMemory(_ loaded: PredictionExamples.Loaded) throws {
    let (n, m) = (Double(loaded.train * loaded.outputs), Double(loaded.test * loaded.outputs))
    guard form(loaded) == .full else { return }
    let needed = 8 * (3 * m * n + 3 * m * m)
    let memory = process.iterative.memoryLimit.flatMap(ByteCount.parse) ?? HostMachine.memory
    guard needed > Double(memory) else { return }
    throw GaussianProcessError(
      "a covariance between \(Int(m)) test outputs needs \(bytesText(Int(min(needed, 1e18)))), and "
        + "there are \(bytesText(memory)); ask for --variance, or give fewer test examples")
  }

  /// Examples whose outputs are up to this many are left out one by one without being asked for.
  private static let leaveOneOutSize = 8192

  private func infer(
    _ loaded: PredictionExamples.Loaded, _ model: LinearizedNetwork
  ) throws -> Outcome {
    let (device, width) = (model.backend, model.network.inputCount)
    let algebra = try LAPACK(threads: backend.threads)
    let x = try device.matrix(
      loaded.train, width, model.type, loaded.inputs(loaded.set.train))
    let test = try device.matrix(
      loaded.test, width, model.type, loaded.inputs(loaded.set.test))
    let bar = ProgressBar(quiet: report.quiet)
    let observations = Observations(x, targets: loaded.set.train.targetDoubles())
    let fit = try GaussianProcessFit(
      model, observations, settings(loaded), by: algebra,
      progress: { what, done, total in bar.show(done, of: total, what) })
    let approximation = try approximation(of: fit, observations, at: test, by: algebra)
    var outcome = Outcome(
      fit: fit,
      outputs: try (approximation?.posterior ?? fit.posterior).predict(test, form(loaded)),
      approximation: approximation, backend: device.name, trace: Trace(device, backend))
    if let samples {
      outcome.samples = try outcome.outputs.samples(samples, seed: seed, on: device, by: algebra)
    }
    if let exact = fit.posterior as? ExactPosterior {
      if leaveOneOut != nil || exact.residuals.count <= Self.leaveOneOutSize {
        outcome.leaveOneOut = try exact.leaveOneOut()
      }
    } else if leaveOneOut != nil {
      throw GaussianProcessError(
        "--leave-one-out needs the factorization of the exact solver, and this is the "
          + "\(fit.solver.rawValue) solver; give --solver exact")
    }
    bar.clear()
    return outcome
  }

  private func write(_ outcome: Outcome, _ loaded: PredictionExamples.Loaded) throws {
    let (m, o) = (loaded.test, loaded.outputs)
    let left = outcome.leaveOneOut.map { left in
      zip(loaded.set.train.targetDoubles(), left.residuals).map { $0 - $1 } + left.variances
    }
    try write([
      ("--mean", mean, outcome.outputs.mean, [m, o]),
      ("--covariance", covariance, outcome.outputs.covariance, [m * o, m * o]),
      ("--variance", variance, outcome.outputs.variances, [m, o]),
      ("--samples-output", samplesOutput, outcome.samples?.values, [samples ?? 0, m, o]),
      ("--leave-one-out", leaveOneOut, left, [2, loaded.train, o]),
    ])
  }

  /// Arrays to the files that were asked for.
  func write(
    _ results: [(option: String, file: String?, values: [Double]?, shape: [Int])]
  ) throws {
    for (option, file, values, shape) in results {
      guard let file, let values else { continue }
      try ArrayFiles.checkFinite(values, option)
      try ArrayArgument(parsing: file).write(NumericArray(values, shape: shape))
    }
  }
}
