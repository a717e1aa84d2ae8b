import ArgumentParser
import FoundationEssentials
import Maclaurin

extension SavedPosterior.Likelihood: ExpressibleByArgument {}

struct AdaptCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "adapt",
    abstract: "Adapt a trained network to new data, with uncertainty and without training it.",
    discussion: """
      The network is expanded to first order around its parameters and conditioned on the training \
      part of the new data: a Gaussian process with its Jacobian's kernel, or for classes Laplace's \
      approximation with a softmax. The test part is predicted and scored. Where --parameters names \
      a run's folder, inputs and targets are scaled as the run scaled its own; else by the new \
      training part, arrays not at all. Numbers are reported in the data's own units. With \
      --posterior an earlier result learns new examples.
      """)

  @OptionGroup(title: "Trained network") var process: GaussianProcessOptions

  @Option(
    help: ArgumentHelp(
      "An --out folder of adapt, to learn new examples besides its own.", valueName: "folder"))
  var posterior: String?

  @OptionGroup(title: "New data") var examples: PredictionExamples

  @Option(
    help: ArgumentHelp("softmax (default for classes) or gaussian.", valueName: "what"))
  var likelihood: SavedPosterior.Likelihood?

  @Option(
    help: ArgumentHelp(
      "Compare with last-layer (its posterior alone), diagonal or kronecker (cheaper covariances), "
        + "fine-tune (adam for the same work), fine-tune:STEPS.", valueName: "methods"))
  var compare: String?

  @Option(help: ArgumentHelp("Seed of freshly drawn outputs and of fine-tuning.", valueName: "n"))
  var seed: UInt64 = 0

  @Option(
    help: ArgumentHelp(
      "Folder for the network, the posterior (see evaluate --posterior) and report.html.",
      valueName: "folder"))
  var out: String?

  @OptionGroup(title: "Where to compute") var backend: BackendOptions
  @OptionGroup(title: "What to print") var report: OutputOptions

  /// What --compare names.
  enum Comparison: Equatable {
    case lastLayer
    /// The same mean with a cheaper covariance.
    case structure(CurvatureStructure)
    /// For as much work as the posterior takes, or for some steps.
    case fineTune(steps: Int?)
  }

  func validate() throws {
    for case .structure(let structure) in try comparisons() where process.noiseStd == 0 {
      throw ValidationError(
        "--compare \(structure.rawValue) needs a noise above 0; give a positive --noise-std, or leave it "
          + "out")
    }
    if likelihood == .softmax, let misuse = process.misuseOfClasses {
      throw ValidationError(misuse)
    }
    guard posterior != nil else {
      guard process.parameters != nil else {
        throw ValidationError("give --parameters (and --network), or --posterior")
      }
      return
    }
    guard process.isDefault, likelihood == nil, compare == nil else {
      throw ValidationError(
        "--posterior brings its network, prior and likelihood; leave out --network, --parameters, "
          + "--layers, --prior-std, --noise-std, --prior-mean, --per-layer-prior, --starts, --solver "
          + "and its options, --likelihood and --compare")
    }
    guard !examples.noStandardize else {
      throw ValidationError("--posterior scales new data as its own; leave out --no-standardize")
    }
  }

  func comparisons() throws -> [Comparison] {
    guard let compare else { return [] }
    return try compare.split(separator: ",", omittingEmptySubsequences: false).map { name in
      if name == "last-layer" { return .lastLayer }
      if let structure = CurvatureStructure(rawValue: String(name)) { return .structure(structure) }
      if name == "fine-tune" { return .fineTune(steps: nil) }
      if name.hasPrefix("fine-tune:"), let steps = Int(name.dropFirst("fine-tune:".count)),
        (1...FineTuning.mostSteps).contains(steps)
      {
        return .fineTune(steps: steps)
      }
      throw ValidationError(
        "--compare takes last-layer, diagonal, kronecker, fine-tune and fine-tune:STEPS with commas "
          + "between them, not "
          + "\"\(name)\"")
    }
  }

  func run() throws {
    if let out {
      try OutputFile.checkFolder(out, option: "--out")
      for record in RunRecord.Kind.allCases
      where FileManager.default.fileExists(atPath: "\(out)/\(record.file)") {
        throw FileError(
          path: out, problem: "holds a \(record.rawValue), some of whose files would be replaced",
          advice: "give --out another folder")
      }
      for file in [
        "network.json", "parameters.safetensors", SavedPosterior.name, "result.json",
      ] where FileManager.default.fileExists(atPath: "\(out)/\(file)") {
        try OutputFile.check(
          "\(out)/\(file)", option: "--out", inputs: process.files + self.examples.files)
      }
    }
    if let posterior { return try update(PosteriorFolder(posterior)) }
    let parameters = process.parameters ?? ""
    let isRun = FileManager.default.fileExists(atPath: parameters + "/run.json")
    guard process.network != nil || isRun else {
      throw Misuse("give --network, the network of --parameters, which is no run's folder")
    }
    let network = try NetworkOptions.read(process.networkFile)
    let values = try process.start(network)
    var examples = try examples.adaptation(
      input: network.description.input, outputs: network.outputCount, keepsOutputs: false,
      scaling: isRun && !examples.noStandardize ? DataScaling(ofRun: parameters) : nil,
      from: "the run in \(parameters)")
    let likelihood = likelihood ?? (examples.classCount == nil ? .gaussian : .softmax)
    if likelihood == .softmax {
      if let misuse = process.misuseOfClasses { throw Misuse(misuse) }
      guard self.examples.data == nil || self.examples.targets != "centred" else {
        throw Misuse(
          "--targets centred are no probabilities and go with --likelihood gaussian; give it, or leave "
            + "--targets out")
      }
      try examples.findLabels()
    }
    try examples.check(network)
    try checkReport(examples)
    var backend = backend
    backend.givenType = backend.givenType ?? ScalarType.float64.rawValue
    let type = try backend.scalarType()
    let algebra = try LAPACK(threads: backend.threads)
    try backend.compute(report) { device in
      let adapted = try AdaptedNetwork(
        network, values, outputs: examples.outputs, seed: seed, type, on: device)
      if let remark = adapted.remark { report.note(remark) }
      let result = try AdaptationResult(
        self, adapted, examples, likelihood, by: algebra, on: device)
      try finish(result, examples, adapted.network, adapted.values, Trace(device, backend))
    }
  }

  /// Refuses an --out whose report would be that of another result.
  private func checkReport(_ examples: AdaptExamples) throws {
    guard let out, examples.test == nil,
      FileManager.default.fileExists(atPath: out + "/report.html")
    else { return }
    throw FileError(
      path: out,
      problem: "holds the report of another result, and without a test part there is none",
      advice: "give --out another folder, or test data")
  }

  private func update(_ folder: PosteriorFolder) throws {
    var examples = try examples.adaptation(
      input: folder.network.description.input, outputs: folder.saved.outputs,
      keepsOutputs: true, scaling: folder.scaling, from: folder.path)
    try folder.check(examples)
    try checkReport(examples)
    if folder.saved.likelihood == .softmax { try examples.findLabels() }
    let algebra = try LAPACK(threads: backend.threads)
    var backend = backend
    backend.givenType = folder.saved.type.rawValue
    try backend.compute(report) { device in
      let result = try AdaptationResult(updating: folder, examples, by: algebra, on: device)
      try finish(result, examples, folder.network, folder.values, Trace(device, backend))
    }
  }
}
