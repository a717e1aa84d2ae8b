import Compute
import DataSets

extension Network {
  /// Reads a flat parameter vector from tensors named `prefix` + "layers.0.weight" and so on.
  public func readParameters(_ file: SafetensorsFile, prefix: String = "") throws -> [Double] {
    var vector: [Double] = []
    vector.reserveCapacity(parameterCount)
    try readParameters(file, prefix: prefix) { vector.append(contentsOf: $1) }
    return vector
  }

  /// The same, a tensor at a time, in network order.
  public func readParameters(
    _ file: SafetensorsFile, prefix: String = "",
    _ body: (ParameterTensor, [Double]) throws -> Void
  ) throws {
    for tensor in parameters {
      let name = prefix + tensor.name
      guard file.names.contains(name) else {
        throw NetworkError(
          "\(file.path) has no tensor \"\(name)\", which the network needs; it has "
            + file.names.prefix(6).joined(separator: ", ") + (file.names.count > 6 ? ", …" : ""))
      }
      let array = try file.tensor(name)
      guard array.shape == tensor.shape else {
        throw NetworkError(
          "\"\(name)\" in \(file.path) has shape \(array.shape), but the network needs "
            + "\(tensor.shape)")
      }
      let values = array.doubles()
      if let bad = values.first(where: { !$0.isFinite }) {
        throw NetworkError(
          "\"\(name)\" in \(file.path) contains \(bad); parameters must be finite")
      }
      if tensor.statistic == .variance, let bad = values.first(where: { $0 < 0 }) {
        throw NetworkError(
          "\"\(name)\" in \(file.path) contains \(bad); a variance must not be negative")
      }
      try body(tensor, values)
    }
  }

  /// Statistics do not move along a ray, so the two ends of one must have the same.
  ///
  /// - Throws: `NetworkError` with the name of a statistic that differs.
  public func checkStatistics(_ start: [Double], _ end: [Double]) throws {
    for tensor in parameters where tensor.statistic != nil {
      guard start[tensor.range] == end[tensor.range] else {
        throw NetworkError(
          "\(tensor.name) is not the same at both ends, and an expansion keeps statistics as they are at "
            + "its center; give both sets of parameters the same")
      }
    }
  }

  /// The named tensors of a flat vector, for writing.
  public func namedTensors(
    _ vector: [Double], type: ScalarType, prefix: String = ""
  ) -> [(name: String, array: NumericArray)] {
    parameters.map { tensor in
      let values = vector[tensor.range]
      let array =
        type == .float64
        ? NumericArray(Array(values), shape: tensor.shape)
        : NumericArray(values.map { Float($0) }, shape: tensor.shape)
      return (prefix + tensor.name, array)
    }
  }
}
