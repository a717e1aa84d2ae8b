import ArgumentParser
import FoundationEssentials
import Glibc
import Maclaurin

struct EvaluateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "evaluate",
    abstract: "A network's outputs at inputs, or its loss and accuracy on a data set.")

  @Option(
    name: .customLong("run"), help: "A run's folder: its network, its parameters and its data.")
  var folder: String?

  @Option(help: "Network file (JSON).")
  var network: String?

  @Option(help: "Parameters: file.safetensors[:prefix.].")
  var parameters: String?

  @Option(help: "Inputs, [batch, features].")
  var inputs: String?

  @Option(help: "File for the outputs, [batch, outputs].")
  var output: String?

  @Option(help: "Data set: \(DataSetSpecification.forms).")
  var data: String?

  @Flag(help: "Write softmax probabilities instead of outputs.")
  var probabilities = false

  @Flag(help: "Write the index of the largest output instead of outputs.")
  var classes = false

  @Option(help: "mse or cross_entropy, for --data.")
  var loss: Loss.Kind?

  @Option(help: "Examples per batch; changes no bit.")
  var batchSize = 512

  @OptionGroup var backend: BackendOptions
  @OptionGroup var report: OutputOptions

  func validate() throws {
    guard batchSize >= 1 else { throw ValidationError("--batch-size takes a positive number") }
    guard !(probabilities && classes) else {
      throw ValidationError("--probabilities and --classes exclude each other")
    }
    guard folder != nil || (network != nil && parameters != nil) else {
      throw ValidationError("give --run, or --network and --parameters")
    }
    guard inputs != nil || data != nil || folder != nil else {
      throw ValidationError("give --inputs or --data")
    }
    guard inputs == nil || output != nil else {
      throw ValidationError("--inputs needs --output, the file to write")
    }
  }

  func run() throws {
    let type = try backend.scalarType()
    let network = try NetworkOptions.read(network ?? folder.map { $0 + "/network.json" } ?? "")
    let device = try backend.makeBackend()
    let set = try ParameterSet(parsing: parameters ?? runParameters())
    let model = try Model(
      network, center: set.matrix(network, type, on: device), order: 0, on: device)
    if let inputs, let output {
      try writeOutputs(model, inputs, output, type, device)
    } else {
      try evaluate(model, type, device)
    }
  }

  private func runParameters() throws -> String {
    let folder = folder ?? ""
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
    var values: [Double] = []
    for first in stride(from: 0, to: x.rows, by: batchSize) {
      let jet = try model.pushforward(x.rows(first..<min(x.rows, first + batchSize)))
      values += try device.download(jet[0])
    }
    var shape = [x.rows, width]
    if probabilities {
      values = (0..<x.rows).flatMap { Self.softmax(values[($0 * width)..<(($0 + 1) * width)]) }
    }
    if classes {
      shape = [x.rows]
      let labels = (0..<x.rows).map { row in
        let outputs = values[(row * width)..<((row + 1) * width)]
        return Int32((outputs.indices.max { outputs[$0] < outputs[$1] } ?? 0) - row * width)
      }
      try ArrayArgument(parsing: output).write(NumericArray(labels, shape: shape))
    } else {
      try ArrayFiles.write(values, shape: shape, type, to: output)
    }
    if report.json {
      Console.json([
        "output": .string(output), "shape": .array(shape.map { .number(Double($0)) }),
      ])
    } else {
      print("outputs \(shape) in \(output)")
    }
  }

  private static func softmax(_ outputs: ArraySlice<Double>) -> [Double] {
    let largest = outputs.max() ?? 0
    let powers = outputs.map { exp($0 - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
  }

  private func evaluate(_ model: Model, _ type: ScalarType, _ device: any Backend) throws {
    let source = try data ?? runData()
    let set = try DataSetSpecification(parsing: source).load()
    try TrainCommand.check(model.network, against: set)
    let kind = loss ?? (set.classCount == nil ? .mse : .crossEntropy)
    let evaluator = Evaluator(Objective(kind), batchSize: batchSize)
    var members: [String: JSONValue] = ["data": .string(source), "loss": .string(kind.rawValue)]
    for (name, examples) in [("train", set.train), ("test", set.test)] where examples.count > 0 {
      let resident = try ResidentExamples(examples, type: type, on: device)
      let evaluation = try evaluator.evaluate(model, on: resident).0
      members["\(name)_loss"] = RunFiles.number(evaluation.loss)
      members["\(name)_accuracy"] = evaluation.accuracy.map { RunFiles.number($0) } ?? .null
    }
    if report.json { return Console.json(members) }
    print(
      table(
        members.sorted { $0.key < $1.key }.map { name, value in
          if case .number(let number) = value { return [name, fixed(number, 6)] }
          if case .string(let text) = value { return [name, text] }
          return [name, ""]
        }))
  }

  private func runData() throws -> String {
    let path = (folder ?? "") + "/run.json"
    guard let bytes = FileManager.default.contents(atPath: path),
      case .object(let members) = try JSONValue(text: [UInt8](bytes), named: path),
      case .string(let data)? = members["data"]
    else { throw TrainingError("\(path) does not say the run's data; give --data") }
    return data
  }
}
