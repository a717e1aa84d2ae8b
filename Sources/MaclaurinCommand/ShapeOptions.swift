import ArgumentParser
import Maclaurin

/// The shapes that a preset takes from a data set, or from the command line.
struct ShapeOptions: ParsableArguments {
  @Option(help: "Data set whose shapes a preset takes: \(DataSetSpecification.forms).")
  var data = "digits"

  @Option(
    help: ArgumentHelp(
      "Input of a preset instead of a data set's: features, or channels, height and width, as in "
        + "3x32x32.", valueName: "n or CxHxW"))
  var inputs: InputShape?

  @Option(help: "Outputs of a preset, instead of a data set's.")
  var outputs: Int?

  func network(_ options: NetworkOptions) throws -> Network {
    if let outputs, outputs < 1 {
      throw Misuse("--outputs takes a positive number, not \(outputs)")
    }
    if let inputs, let outputs {
      return try options.network(input: inputs.extents, outputs: outputs)
    }
    if try NetworkPreset(parsing: options.model) == nil {
      return try options.network(input: [], outputs: 0)
    }
    let set = try DataSetSpecification(parsing: data).load()
    return try options.network(
      input: inputs?.extents ?? set.inputShape, outputs: outputs ?? set.outputs)
  }
}
