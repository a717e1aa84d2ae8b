import ArgumentParser
import Maclaurin

struct PredictCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "predict",
    abstract: "Predict the outputs of trained networks in closed form, by their kernels.",
    discussion: """
      Networks in the linear regime, trained by gradient descent with a small learning rate on the \
      whole training set. With Θ the kernel, R = Θ + ε·(tr Θ/dim)·I and n the numbers in y, an \
      ensemble's mean at time t is Θ* R⁻¹(I − e^{−ηRt/n}) y; time inf is the end of training. One \
      network goes from its start f0 to f0 + (I − e^{−ηRt/n})(y − f0). Other losses and momentum are \
      differential equations of the outputs. The losses printed are those of the mean.
      """)

  @Option(help: "Network file (JSON); or give --model.")
  var network: String?

  @OptionGroup(title: "Network") var model: NetworkOptions
  @OptionGroup(title: "Examples") var examples: PredictionExamples
  @OptionGroup(title: "Training") var training: PredictionOptions

  @OptionGroup var series: InfiniteKernelOptions

  @Option(help: "Parameters of --width finite: file.safetensors[:prefix.] or a run's folder.")
  var parameters: String?

  @Option(help: ArgumentHelp("Seed of parameters of --width finite.", valueName: "n"))
  var seed: UInt64?

  @Option(help: "One network's outputs at the training inputs at the start, [n, outputs].")
  var initialOutputs: String?

  @Option(help: "The same at the test inputs, [m, outputs].")
  var initialTestOutputs: String?

  @Option(
    help: "File for the mean, or one network's outputs: [m, outputs], of a list [T, m, outputs].")
  var mean: String?

  @Option(help: "File for the covariance, shared by the outputs: [m, m], of a list [T, m, m].")
  var covariance: String?

  @Option(help: "File for the standard deviations: [m], of a list [T, m].")
  var deviation: String?

  @Option(
    name: .customLong("report"),
    help: ArgumentHelp(
      "Folder for report.html: the mean ± 2σ of the outputs, and predictions.csv.",
      valueName: "folder"))
  var page: String?

  @Option(
    name: .customLong("run"),
    help: ArgumentHelp(
      "A run's folder, whose test losses are drawn beside the predicted ones in --report.",
      valueName: "folder"))
  var folder: String?

  @Flag(help: "Predict memory and work; compute nothing.")
  var plan = false

  @OptionGroup(title: "Where to compute") var backend: BackendOptions
  @OptionGroup(title: "What to print") var report: OutputOptions

  func validate() throws {
    guard network == nil || model.model == NetworkOptions.standardModel else {
      throw ValidationError("give --network or --model, not both")
    }
    guard (initialOutputs == nil) == (initialTestOutputs == nil) else {
      throw ValidationError("--initial-outputs and --initial-test-outputs go together")
    }
    guard initialOutputs == nil || inference == .network else {
      throw ValidationError("--initial-outputs are one network's: give --inference network")
    }
    guard training.width == .finite || parameters == nil && seed == nil else {
      throw ValidationError("--parameters and --seed go with --width finite")
    }
    guard parameters == nil || seed == nil else {
      throw ValidationError("--parameters and --seed exclude each other")
    }
    guard covariance == nil && deviation == nil || inference != .network else {
      throw ValidationError(
        "one network has no covariance; --covariance and --deviation go with --inference ensemble "
          + "and gp")
    }
  }

  var inference: PredictionInference {
    if let inference = training.inference { return inference }
    return training.width == .finite || initialOutputs != nil || !training.isLinear
      || training.solver == .ode ? .network : .ensemble
  }

  var needsCovariance: Bool {
    covariance != nil || deviation != nil || page != nil && inference != .network
  }

  func run() throws {
    let start = ContinuousClock.now
    try checkOutputs()
    try checkPage()
    let loaded = try examples.load(network: network, model)
    try TrainCommand.check(loaded.network, against: loaded.set, loss: training.loss)
    try check(loaded.network)
    let columns = training.width == .finite ? 1 : loaded.outputs
    let method = try training.method(dimension: loaded.train * loaded.outputs / columns)
    if plan { return try showPlan(loaded, method) }
    try checkMemory(loaded, method)
    let algebra = try LAPACK(threads: backend.threads)
    let loss = OutputLoss(
      training.loss, targets: loaded.set.train.targetDoubles(), outputs: loaded.outputs)
    let (kernels, initial) = try inputs(loaded)
    let bar = ProgressBar(quiet: report.quiet)
    let prediction = try Prediction(
      kernels, training, loss: loss, initial: initial,
      inference: inference == .network ? nil : inference, by: algebra,
      progress: { bar.show(Int(1000 * $0), of: 1000, "of the time") })
    bar.clear()
    try write(prediction, loaded)
    let lines = try page.map { try writePage(prediction, loaded, loss, to: $0) } ?? []
    try show(prediction, loaded, loss, lines, seconds: (ContinuousClock.now - start) / .seconds(1))
  }

  private func check(_ network: Network) throws {
    if network.description.isSymmetric, inference == .ensemble {
      throw Misuse(
        "a symmetric start makes all outputs 0, so there is no ensemble; give --inference network")
    }
    guard let tensor = network.parameters.first(where: { $0.learningRate.sgd != 1 }) else { return }
    throw NetworkError(
      "\(tensor.name) has a learning rate of its own (\(tensor.learningRate.sgd) times the common one), "
        + "which predictions do not know; take the learning rates out of the network file")
  }

  private func checkOutputs() throws {
    var inputs =
      examples.files + [
        ("--network", network), ("--model", model.model), ("--parameters", parameters),
        ("--parameters", parameters.map { $0 + "/final.safetensors" }),
        ("--initial-outputs", initialOutputs), ("--initial-test-outputs", initialTestOutputs),
      ]
    let outputs = [
      ("--mean", mean), ("--covariance", covariance), ("--deviation", deviation),
    ]
    for (option, output) in outputs {
      guard let output else { continue }
      try OutputFile.checkArray(output, option: option, inputs: inputs)
      inputs.append((option, output))
    }
  }

  /// Kernels, and the outputs of one network at the start; in float64 unless something else is asked
  /// for.
  private func inputs(
    _ loaded: PredictionExamples.Loaded
  ) throws -> (PredictionKernels, OutputDynamics.State?) {
    let network = loaded.network
    let (x1, x2) = (loaded.inputs(loaded.set.train), loaded.inputs(loaded.set.test))
    let given = try initialState(loaded)
    var backend = backend
    backend.givenType = backend.givenType ?? ScalarType.float64.rawValue
    let type = try backend.scalarType()
    return try backend.compute(report) { device in
      guard training.width == .finite else {
        let kernels = try PredictionKernels.infinite(
          network, training.kind, x1, x2, covariance: needsCovariance ? inference : nil,
          series: series, type: type, on: device, note: { report.note($0) })
        return (kernels, given)
      }
      let vector: Matrix
      if let parameters {
        vector = try device.matrix(
          1, network.parameterCount, type, ParameterSet.start(parameters, network))
      } else {
        vector = try device.matrix(1, network.parameterCount, type)
        try network.initialize(vector, seed: seed ?? 0, on: device)
      }
      let (kernels, own) = try PredictionKernels.finite(network, at: vector, x1, x2, on: device)
      return (kernels, given ?? own)
    }
  }

  private func initialState(
    _ loaded: PredictionExamples.Loaded
  ) throws -> OutputDynamics.State? {
    guard let initialOutputs, let initialTestOutputs else { return nil }
    func values(_ argument: String, _ rows: Int) throws -> [Double] {
      let array = try ArrayFiles.finite(argument)
      guard array.shape == [rows, loaded.outputs] || array.shape == [rows] && loaded.outputs == 1
      else {
        throw FileError(
          path: argument, problem: "has shape \(array.shape)",
          advice: "give [\(rows), \(loaded.outputs)], one row per example")
      }
      return array.doubles()
    }
    return OutputDynamics.State(
      train: try values(initialOutputs, loaded.train),
      test: try values(initialTestOutputs, loaded.test))
  }

  private func write(_ prediction: Prediction, _ loaded: PredictionExamples.Loaded) throws {
    let m = loaded.test
    let results = [
      ("--mean", mean, prediction.test, [m, loaded.outputs]),
      ("--covariance", covariance, prediction.covariance, [m, m]),
      ("--deviation", deviation, prediction.deviations, [m]),
    ]
    for (option, file, values, shape) in results {
      guard let file else { continue }
      let all = values.flatMap { $0 }
      guard all.allSatisfy(\.isFinite) else {
        throw KernelError(
          "\(option) would hold numbers that are not finite; scale the targets, or lower the "
            + "learning rate or the time")
      }
      let lead = training.isList ? [values.count] : []
      try ArrayArgument(parsing: file).write(NumericArray(all, shape: lead + shape))
    }
  }
}
