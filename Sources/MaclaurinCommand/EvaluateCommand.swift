import ArgumentParser
import FoundationEssentials
import Glibc
import Maclaurin

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "A network's outputs at inputs, or its loss and accuracy on a data set.",
    discussion: """
      With --run and nothing else, what the run trained is evaluated: of an expansion its own \
      model, Taylor series and all. --order full takes the network itself at the run's parameters. \
      With --posterior inputs are as the data have them, and so are means and variances: the \
      posterior scales them itself; of classes they are logits.
      """)

  @Option(
    name: .customLong("run"), help: "A run's folder: its network, its parameters and its data.")
  var folder: String?

  @Option(help: "Network file (JSON).")
  var network: String?

  @Option(help: "Parameters: file.safetensors[:prefix.].")
  var parameters: String?

  @Option(
    help: ArgumentHelp(
      "An --out folder of adapt: its posterior's means or probabilities, in place of a network's.",
      valueName: "folder"))
  var posterior: String?

  @Option(help: "File for the variances of --posterior, without noise, [batch, outputs].")
  var variance: String?

  @Option(help: "full for the network itself at the parameters of --run (default: as trained).")
  var order: String?

  @Option(help: "Inputs, [batch, features].")
  var inputs: String?

  @Option(help: "File for the outputs, [batch, outputs].")
  var output: String?

  @Option(help: "Data set: \(DataSetSpecification.forms).")
  var data: String?

  @Flag(help: "Write softmax probabilities instead of outputs.")
  var probabilities = false

  @Option(
    defaultAsFlag: "", parsing: .next,
    help: ArgumentHelp(
      "Without a value: write the index of the largest output. With --data: classes to keep, 0,1,7.",
      valueName: "classes"))
  var classes: String?

  /// --classes without a value.
  private var writesClasses: Bool { classes == "" }

  @OptionGroup(title: "What is made of --data") var task: TaskOptions

  @Option(help: "mse or cross_entropy, for --data.")
  var loss: Loss.Kind?

  @Option(help: "Examples per batch; changes no bit.")
  var batchSize = 512

  @OptionGroup var backend: BackendOptions
  @OptionGroup var report: OutputOptions

  func validate() throws {
    guard batchSize >= 1 else { throw ValidationError("--batch-size takes a positive number") }
    guard !(probabilities && writesClasses) else {
      throw ValidationError("--probabilities and --classes exclude each other")
    }
    guard posterior == nil else { return try validatePosterior() }
    guard variance == nil else {
      throw ValidationError("--variance goes with --posterior, the --out folder of adapt")
    }
    guard folder != nil || (network != nil && parameters != nil) else {
      throw ValidationError("give --run, or --network and --parameters, or --posterior")
    }
    guard order == nil || (order == "full" && folder != nil) else {
      throw ValidationError("--order takes full, and goes with --run")
    }
    guard inputs != nil || data != nil || folder != nil else {
      throw ValidationError("give --inputs or --data")
    }
    guard (inputs == nil) == (output == nil) else {
      throw ValidationError("--inputs and --output go together: what is read and what is written")
    }
    guard inputs == nil || data == nil else {
      throw ValidationError("--inputs and --data exclude each other")
    }
    guard inputs != nil || !(probabilities || writesClasses) else {
      throw ValidationError("--probabilities and --classes need --inputs and --output")
    }
    guard data != nil || (task.isDefault && (classes == nil || writesClasses)) else {
      throw ValidationError(
        "splits, subsets, noise, scaling and augmentation go with --data; a run's own data are taken "
          + "as the run took them")
    }
  }

  func run() throws {
    if let output {
      try OutputFile.checkArray(
        output,
        inputs: [("--network", network), ("--parameters", parameters), ("--inputs", inputs)])
    }
    if let posterior { return try evaluate(PosteriorFolder(posterior)) }
    let type = try backend.scalarType()
    if let folder, !FileManager.default.fileExists(atPath: folder + "/run.json") {
      throw TrainingError("\(folder) holds no run (no run.json); check --run")
    }
    let network = try NetworkOptions.read(network ?? folder.map { $0 + "/network.json" } ?? "")
    try backend.compute(report) { device in
      let model = try makeModel(network, type, device)
      if let inputs, let output {
        try writeOutputs(model, inputs, output, type, device)
      } else {
        try evaluate(model, type, device)
      }
    }
  }

  /// The network at the parameters, or the expansion that a run has trained.
  private func makeModel(
    _ network: Network, _ type: ScalarType, _ device: any Backend
  ) throws -> Model {
    if let parameters {
      return try Model(
        network, center: ParameterSet(parsing: parameters).matrix(network, type, on: device),
        order: 0, on: device)
    }
    return try Self.trainedModel(
      in: folder ?? "", isFull: order != nil, network, type, device)
  }

  /// What the run in a folder has trained, at its end; or the network itself there.
  static func trainedModel(
    in folder: String, isFull: Bool, _ network: Network, _ type: ScalarType, _ device: any Backend
  ) throws -> Model {
    func vector(_ argument: String) throws -> Matrix {
      try ParameterSet(parsing: argument).matrix(network, type, on: device)
    }
    let final = try finalParameters(in: folder)
    let scale = isFull ? nil : try RunRecord.outputScale(of: folder)
    let start = try scale.map { _ in try vector(folder + "/initial.safetensors") }
    let movement = isFull ? nil : try RunRecord.movement(of: folder)
    let first = isFull ? 0 : try RunRecord.order(of: folder)
    // Signs and a penalty are about the movement.
    let settings = movement?.settings
    guard first > 0 || settings?.randomize != nil || settings?.movementPenalty ?? 0 > 0,
      let checkpoint = RunDirectory.newestCheckpoint(in: folder)
    else {
      return try Model(
        network, center: vector(final), order: 0, on: device, outputScale: scale, start: start)
    }
    // A run that adapts its order may have ended at another one.
    let order = try SafetensorsFile(checkpoint).metadata["order"].flatMap { Int($0) } ?? first
    let center = try ParameterSet(parsing: "\(checkpoint):center.").vector(network)
    let model = try Model(
      network, center: device.matrix(1, network.parameterCount, type),
      order: order, on: device, outputScale: scale, start: start,
      movement: settings, seed: movement?.seed ?? 0, frozen: movement?.frozen ?? [],
      products: RunRecord.products(of: folder))
    try model.load(
      center: center,
      displacement: ParameterSet(parsing: "\(checkpoint):displacement.").vector(network))
    return model
  }

  private static func finalParameters(in folder: String) throws -> String {
    guard FileManager.default.fileExists(atPath: folder + "/final.safetensors") else {
      throw TrainingError(
        "\(folder) has no final.safetensors; finish the run with train --out \(folder) --resume")
    }
    return folder + "/final.safetensors"
  }

  private func writeOutputs(
    _ model: Model, _ inputs: String, _ output: String, _ type: ScalarType,
    _ device: any Backend
  ) throws {
    let x = try ArrayFiles.inputs(inputs, for: model.network, type, on: device)
    let width = model.network.outputCount
    // The sum of the series is what a loss is taken of.
    let evaluator = Evaluator(Objective(.mse), batchSize: batchSize)
    var values = try device.download(evaluator.outputs(model, at: x))
    var shape = [x.rows, width]
    if probabilities {
      values = (0..<x.rows).flatMap { Self.softmax(values[($0 * width)..<(($0 + 1) * width)]) }
    }
    if writesClasses {
      shape = [x.rows]
      let labels = (0..<x.rows).map { row in
        let outputs = values[(row * width)..<((row + 1) * width)]
        return Int32((outputs.indices.max { outputs[$0] < outputs[$1] } ?? 0) - row * width)
      }
      try ArrayArgument(parsing: output).write(NumericArray(labels, shape: shape))
    } else {
      try ArrayFiles.write(values, shape: shape, type, to: output)
    }
    report.result(
      ["output": .string(output), "shape": .array(shape.map { .number(Double($0)) })],
      "outputs \(shape) in \(output)", Trace(device, backend))
  }

  private static func softmax(_ outputs: ArraySlice<Double>) -> [Double] {
    let largest = outputs.max() ?? 0
    let powers = outputs.map { exp($0 - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  private func evaluate(_ model: Model, _ type: ScalarType, _ device: any Backend) throws {
    let options: DataOptions
    var chosen = loss
    if let folder, data == nil {
      options = try RunRecord.data(of: folder)
      chosen = try chosen ?? RunRecord.loss(of: folder)
    } else {
      options = try DataOptions.parsed(data ?? "digits", classes: classes, task)
    }
    let set = try options.load()
    let kind = chosen ?? (set.classCount == nil ? .mse : .crossEntropy)
    try TrainCommand.check(model.network, against: set, loss: kind)
    let evaluator = Evaluator(Objective(kind), batchSize: batchSize)
    var members: [String: JSONValue] = [
      "data": .string(options.data), "loss": .string(kind.rawValue),
    ]
    let sets = [("train", set.train), ("validation", set.validation), ("test", set.test)]
    for (name, examples) in sets {
      guard let examples, examples.count > 0 else { continue }
      let resident = try ResidentExamples(examples, type: type, on: device)
      let evaluation = try evaluator.evaluate(model, on: resident).0
      members["\(name)_loss"] = RunFiles.number(evaluation.loss)
      members["\(name)_accuracy"] = evaluation.accuracy.map { RunFiles.number($0) } ?? .null
    }
    let rows = members.sorted { $0.key < $1.key }.map { name, value in
      switch value {
      case .number(let number): [name, fixed(number, 6)]
      case .string(let text): [name, text]
      default: [name, ""]
      }
    }
    report.result(members, table(rows), Trace(device, backend))
  }
}
