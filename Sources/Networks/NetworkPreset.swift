import Compute

/// `mlp:WIDTHxDEPTH`: DEPTH hidden layers of WIDTH units, an activation after each, and one
/// output layer.
public struct NetworkPreset: Sendable, Equatable {
  public var width: Int
  public var depth: Int

  /// Nil if `text` does not begin like a preset.
  public init?(parsing text: String) throws {
    guard text.hasPrefix("mlp:") else { return nil }
    let parts = text.dropFirst(4).split(separator: "x", omittingEmptySubsequences: false)
    guard parts.count == 2, let width = Int(parts[0]), let depth = Int(parts[1]), width > 0,
      depth >= 0, width <= 1 << 24, depth <= 1000
    else {
      throw NetworkError(
        "\"\(text)\" is not a network preset; write mlp:WIDTHxDEPTH, for example mlp:512x3")
    }
    self.width = width
    self.depth = depth
  }

  public func description(
    input: [Int], outputs: Int, activation: Activation, parameterization: Parameterization,
    weightStd: Double, biasStd: Double
  ) -> NetworkDescription {
    var layers: [LayerDescription] = []
    for _ in 0..<depth {
      layers.append(.dense(.init(units: width, weightStd: weightStd, biasStd: biasStd)))
      layers.append(.activation(activation))
    }
    layers.append(.dense(.init(units: outputs, weightStd: weightStd, biasStd: biasStd)))
    return NetworkDescription(input: input, parameterization: parameterization, layers: layers)
  }
}
