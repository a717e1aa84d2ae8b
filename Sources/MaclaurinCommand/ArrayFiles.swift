import Maclaurin

/// Arrays between files and a backend.
enum ArrayFiles {
  /// Reads inputs of a network as [rows, features].
  static func inputs(
    _ argument: String, for network: Network, _ type: ScalarType, on backend: any Backend
  ) throws -> Matrix {
    let array = try finite(argument)
    let rows = try rows(array, argument, for: network)
    return try backend.matrix(rows, network.inputCount, type, array.doubles())
  }

  /// The number of inputs of a network in an array.
  static func rows(_ array: NumericArray, _ argument: String, for network: Network) throws -> Int {
    let rows = array.shape.first ?? 0
    guard array.shape.count >= 1, rows > 0, array.count == rows * network.inputCount else {
      throw NetworkError(
        "the inputs in \(argument) have shape \(array.shape), but the network's input is "
          + "\(network.description.input): give [examples, \(network.inputCount)]")
    }
    return rows
  }

  /// Reads an array, refusing NaN and infinities.
  static func finite(_ argument: String) throws -> NumericArray {
    let array = try ArrayArgument(parsing: argument).read()
    if let bad = array.doubles().firstIndex(where: { !$0.isFinite }) {
      throw FileError(
        path: argument, field: "element \(bad)", problem: "is not a finite number",
        advice: "remove or replace it")
    }
    return array
  }

  /// - Throws: `GaussianProcessError` for results that are not finite.
  static func checkFinite(_ values: [Double], _ option: String) throws {
    guard values.allSatisfy(\.isFinite) else {
      throw GaussianProcessError(
        "\(option) would hold numbers that are not finite; scale the inputs or the weights down")
    }
  }

  /// Writes values in the run's scalar type.
  static func write(
    _ values: [Double], shape: [Int], _ type: ScalarType, to argument: String
  ) throws {
    let array =
      type == .float64
      ? NumericArray(values, shape: shape) : NumericArray(values.map { Float($0) }, shape: shape)
    try ArrayArgument(parsing: argument).write(array)
  }
}
