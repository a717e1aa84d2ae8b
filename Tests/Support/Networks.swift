import Compute
import Networks

/// A dense network with an activation after each hidden layer.
public func denseNetwork(
  _ widths: [Int], _ activations: [Activation], _ parameterization: Parameterization = .standard,
  biasStd: Double = 0.1
) throws -> Network {
  precondition(activations.count == widths.count - 2)
  var layers: [LayerDescription] = []
  for (index, width) in widths.dropFirst().enumerated() {
    layers.append(.dense(.init(units: width, weightStd: 1.2, biasStd: biasStd)))
    if index < activations.count { layers.append(.activation(activations[index])) }
  }
  return try Network(
    NetworkDescription(input: [widths[0]], parameterization: parameterization, layers: layers))
}

extension Network {
  /// Parameters of the sizes that initialisation gives, from `sample`.
  public func sampleParameters(seed: UInt64, scale: Double = 1) -> [Double] {
    let values = sample(parameterCount, seed: seed)
    return parameters.flatMap { tensor in
      // Uniform on (−1, 1) has standard deviation 1/√3.
      values[tensor.range].map {
        tensor.statistic == .variance
          ? 1 + 0.7 * $0 : $0 * 1.7 * scale * (tensor.initialStd == 0 ? 0.1 : tensor.initialStd)
      }
    }
  }

  /// The same without statistics, which do not move.
  public func sampleDirection(seed: UInt64, scale: Double = 1) -> [Double] {
    let values = sampleParameters(seed: seed, scale: scale)
    return parameters.flatMap { tensor in
      tensor.statistic == nil
        ? Array(values[tensor.range]) : [Double](repeating: 0, count: tensor.count)
    }
  }
}
