import ArgumentParser
import Maclaurin

/// The shapes that a preset takes from a data set, or from the command line.
struct ShapeOptions: ParsableArguments {
  @Option(help: "Data set whose shapes a preset takes: \(DataSetSpecification.forms).")
  var data = "digits"

  @Option(help: "Input features of a preset, instead of a data set's.")
  var inputs: Int?

  @Option(help: "Outputs of a preset, instead of a data set's.")
  var outputs: Int?

  func network(_ options: NetworkOptions) throws -> Network {
    for (name, value) in [("--inputs", inputs), ("--outputs", outputs)] {
      if let value, value < 1 { throw Misuse("\(name) takes a positive number, not \(value)") }
    }
    if let inputs, let outputs { return try options.network(input: [inputs], outputs: outputs) }
    if try NetworkPreset(parsing: options.model) == nil {
      return try options.network(input: [], outputs: 0)
    }
    let set = try DataSetSpecification(parsing: data).load()
    return try options.network(
      input: inputs.map { [$0] } ?? set.inputShape, outputs: outputs ?? set.outputs)
  }
}
