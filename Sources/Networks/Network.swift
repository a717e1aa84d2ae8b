import Compute
import Jets

/// A network with its shapes resolved: what a description becomes once it is built.
public struct Network: Sendable {
  public let description: NetworkDescription
  /// What propagation runs through.
  let layerSequence: LayerSequence
  /// All tensors, in the order of the flat parameter vector.
  public let parameters: [ParameterTensor]
  /// Elements of the flat vector, statistics included.
  public let parameterCount: Int
  public let outputCount: Int
  /// For tables: each layer of the description with its output shape and its tensors.
  public let layers: [LayerSummary]

  public struct LayerSummary: Sendable {
    public let index: Int
    public let name: String
    public let outputShape: [Int]
    public let tensors: [ParameterTensor]
    /// Multiply-adds for one example.
    public let products: Int

    public var parameterCount: Int { tensors.reduce(0) { $0 + $1.count } }
  }

  /// For each tensor whether it can be trained: all but statistics.
  public var isTrained: [Bool] { parameters.map { $0.statistic == nil } }
  /// Elements of the tensors that can be trained.
  public var trainedCount: Int {
    parameters.reduce(0) { $0 + ($1.statistic == nil ? $1.count : 0) }
  }

  public var inputCount: Int { description.input.reduce(1, *) }

  /// - Throws: `NetworkError` that names the layer at fault.
  public init(_ description: NetworkDescription) throws {
    let inputs = description.input.reduce(1.0) { $0 * Double($1) }
    guard inputs <= Double(1 << 32) else {
      throw NetworkError(
        "the network's input \(description.input) has more than \(1 << 32) features; make it smaller"
      )
    }
    self.description = description
    var builder = NetworkBuilder(description)
    (layerSequence, layers) = try builder.build()
    guard builder.tensors.contains(where: { $0.statistic == nil }) else {
      throw NetworkError(
        "the network has no dense or convolutional layer, so there is nothing to train; add one")
    }
    parameters = builder.tensors
    parameterCount = builder.offset
    outputCount = layers.last!.outputShape.reduce(1, *)
    try checkSymmetry()
    guard !description.hasOutputSigns || parameters.contains(where: { $0.shape.count == 2 }) else {
      throw NetworkError(
        "output_signs are those of the last dense layer's weights, and the network has no dense "
          + "layer; leave them out")
    }
  }

  /// Fills `parameters`, a flat vector, with initial values drawn on the backend.
  public func initialize(_ vector: Matrix, seed: UInt64, on backend: any Backend) throws {
    let signed = description.hasOutputSigns ? parameters.lastIndex { $0.shape.count == 2 } : nil
    for (index, tensor) in parameters.enumerated() {
      let part = vector.slice(at: tensor.offset, rows: 1, columns: tensor.count)
      if tensor.initialStd == 0 {
        try backend.run(.fill(Fill(part, value: tensor.initialMean)))
      } else {
        try backend.run(
          .randomFill(
            RandomFill(
              part, index == signed ? .signs : .normal, factor: tensor.initialStd, seed: seed,
              purpose: .parameters,
              tensor: index)))
      }
    }
    try symmetrize(vector, on: backend)
  }
}
