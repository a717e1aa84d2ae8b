import Networks

/// Learning rates of single tensors, on top of the network's own: `PATTERN=FACTOR`, patterns as
/// those of frozen tensors. Of several that match a tensor the last one holds.
public struct LayerLearningRates: Sendable, Codable, Equatable {
  public var layerLearningRates: [String]

  /// - Throws: `TrainingError` where an entry is not `PATTERN=FACTOR` with a factor that is not
  ///   negative.
  public init(_ entries: [String]) throws {
    layerLearningRates = entries
    for entry in entries { _ = try Self.parse(entry) }
  }

  private static func parse(_ entry: String) throws -> (pattern: String, factor: Double) {
    guard let sign = entry.lastIndex(of: "="), sign > entry.startIndex,
      let factor = Double(entry[entry.index(after: sign)...]), factor >= 0, factor.isFinite
    else {
      throw TrainingError(
        "--layer-lr takes PATTERN=FACTOR with a factor that is not negative, for example "
          + "layers.0=0.1, not \"\(entry)\"")
    }
    return (String(entry[..<sign]), factor)
  }

  /// For each tensor what its learning rate is multiplied by.
  func factors(_ tensors: [ParameterTensor]) throws -> [Double] {
    var factors = tensors.map { _ in 1.0 }
    for entry in layerLearningRates {
      let (pattern, factor) = try Self.parse(entry)
      let matches = tensors.map { FreezePattern.matches(pattern, $0.name) }
      guard matches.contains(true) else {
        throw TrainingError(
          "--layer-lr \(entry) matches no tensor; there are "
            + tensors.map(\.name).joined(separator: ", "))
      }
      for (index, isMatch) in matches.enumerated() where isMatch { factors[index] = factor }
    }
    return factors
  }
}
