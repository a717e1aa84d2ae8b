import ArgumentParser
import Maclaurin

/// The examples on which kernels are compared.
struct KernelStudyExamples: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Data set whose first training examples are taken: \(DataSetSpecification.forms).",
      valueName: "data"))
  var data = "digits"

  @Option(
    help: ArgumentHelp(
      "Inputs instead of a data set's, [n, features] or [n, channels, height, width]: file.npy or "
        + "file.safetensors:name. A preset then has one output.", valueName: "file"))
  var inputs: String?

  @Option(help: ArgumentHelp("Examples to take, at most.", valueName: "n"))
  var examples = 32

  /// Inputs as a network takes them.
  struct Loaded {
    /// Of one input.
    var shape: [Int]
    var outputs: Int
    /// [count, features]
    var values: [Double]
    var count: Int
    /// Whether they are in the order of their classes.
    var isSorted = false
  }

  func load(for options: NetworkOptions) throws -> Loaded {
    guard examples >= 2 else { throw Misuse("--examples takes 2 or more, not \(examples)") }
    let loaded = try inputs.map { try Self.array($0, most: examples) } ?? dataSet()
    guard try NetworkPreset(parsing: options.model) == nil else { return loaded }
    let network = try options.network(input: [], outputs: 0)
    guard network.inputCount * loaded.count == loaded.values.count else {
      throw NetworkError(
        "the inputs have shape \(loaded.shape), but \(options.model) takes "
          + "\(network.description.input); choose other --data or --inputs")
    }
    return loaded
  }

  private func dataSet() throws -> Loaded {
    let set = try DataSetSpecification(parsing: data).load()
    let count = min(examples, set.train.count)
    var rows = Array(0..<count)
    var isSorted = false
    if case .classes(let labels, _) = set.trainTargets {
      // No distance depends on the order, and a picture shows the classes as blocks.
      rows.sort { (labels[$0], $0) < (labels[$1], $1) }
      isSorted = true
    }
    return Loaded(
      shape: set.inputShape, outputs: set.outputs,
      values: rows.flatMap { set.train.doubles(rows: $0..<($0 + 1)) }, count: count,
      isSorted: isSorted)
  }

  private static func array(_ argument: String, most: Int) throws -> Loaded {
    let array = try ArrayFiles.finite(argument)
    guard [2, 4].contains(array.shape.count), array.count > 0, array.shape[0] >= 2 else {
      throw NetworkError(
        "the inputs in \(argument) have shape \(array.shape): give [examples, features] or [examples, "
          + "channels, height, width], of 2 examples or more")
    }
    let count = min(most, array.shape[0])
    let values = array.doubles().prefix(count * (array.count / array.shape[0]))
    return Loaded(
      shape: Array(array.shape.dropFirst()), outputs: 1, values: Array(values), count: count)
  }

  var settings: [String: JSONValue] {
    [
      (inputs == nil ? "data" : "inputs"): .string(inputs ?? data),
      "examples": .number(Double(examples)),
    ]
  }
}
