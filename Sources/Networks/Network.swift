import Compute
import Jets

/// A network with its shapes resolved: what a description becomes once it is built.
public struct Network: Sendable {
  public let description: NetworkDescription
  /// An affine layer with the activation behind it, or an activation alone.
  let stages: [Stage]
  /// All trainable tensors, in the order of the flat parameter vector.
  public let parameters: [ParameterTensor]
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

  struct Stage: Sendable {
    var affine: Affine?
    var activation: Activation
  }

  struct Affine: Sendable {
    var inputs: Int
    var outputs: Int
    /// Indices into `parameters`.
    var weight: Int
    var bias: Int?
    var factors: Parameterization.Factors
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
    var builder = Builder(description)
    for (index, layer) in description.layers.enumerated() { try builder.add(layer, at: index) }
    guard !builder.tensors.isEmpty else {
      throw NetworkError("the network has no dense layer, so there is nothing to train; add one")
    }
    stages = builder.stages
    parameters = builder.tensors
    layers = builder.layers
    parameterCount = builder.offset
    outputCount = builder.shape.reduce(1, *)
  }

  private struct Builder {
    let description: NetworkDescription
    var shape: [Int]
    var behindHidden = false
    var offset = 0
    var stages: [Stage] = []
    var tensors: [ParameterTensor] = []
    var layers: [LayerSummary] = []
    let lastAffine: Int

    /// Far above any machine, and low enough that no count of bytes or flops overflows.
    static let mostParameters = 1 << 48

    init(_ description: NetworkDescription) {
      self.description = description
      shape = description.input
      lastAffine =
        description.layers.lastIndex { if case .dense = $0 { true } else { false } } ?? -1
    }

    mutating func add(_ layer: LayerDescription, at index: Int) throws {
      var own: [ParameterTensor] = []
      var products = 0
      switch layer {
      case .flatten: shape = [shape.reduce(1, *)]
      case .activation(let activation):
        if let last = stages.last, last.affine != nil, last.activation == .identity {
          stages[stages.count - 1].activation = activation
        } else if activation != .identity {
          stages.append(Stage(affine: nil, activation: activation))
        }
      case .dense(let dense):
        let inputs = shape.reduce(1, *)
        let scale = index == lastAffine ? 1 : description.parameterization.widthScale
        let (outputs, overflow) = dense.units.multipliedReportingOverflow(by: scale)
        guard !overflow, outputs <= 1 << 30 else {
          throw NetworkError("layer \(index) would be \(dense.units)·\(scale) units wide; too wide")
        }
        // Both factors are bounded, so that nothing overflows before this.
        guard inputs * outputs + outputs <= Self.mostParameters - offset else {
          throw NetworkError(
            "layer \(index) (dense) with weights of shape [\(outputs), \(inputs)] brings the network "
              + "above \(Self.mostParameters) parameters; make it narrower")
        }
        own = affine(dense, index, inputs: inputs, outputs: outputs)
        products = inputs * outputs
        shape = [outputs]
        behindHidden = true
      }
      layers.append(
        LayerSummary(
          index: index, name: layer.name, outputShape: shape, tensors: own, products: products))
    }

    private mutating func affine(
      _ dense: LayerDescription.Dense, _ index: Int, inputs: Int, outputs: Int
    ) -> [ParameterTensor] {
      let factors = description.parameterization.factors(
        fanIn: inputs, behindHidden: behindHidden, weightStd: dense.weightStd,
        biasStd: dense.biasStd)
      let first = tensors.count
      append("layers.\(index).weight", [outputs, inputs], factors.weightStd)
      // ntk with bias_std 0 leaves the bias out: its factor would be 0.
      let hasBias =
        dense.hasBias && !(description.parameterization == .ntk && dense.biasStd == 0)
      if hasBias { append("layers.\(index).bias", [outputs], factors.biasStd) }
      stages.append(
        Stage(
          affine: Affine(
            inputs: inputs, outputs: outputs, weight: first, bias: hasBias ? first + 1 : nil,
            factors: factors),
          activation: .identity))
      return Array(tensors[first...])
    }

    private mutating func append(_ name: String, _ shape: [Int], _ std: Double) {
      let tensor = ParameterTensor(name: name, shape: shape, offset: offset, initialStd: std)
      tensors.append(tensor)
      offset += tensor.count
    }
  }

  /// Fills `parameters`, a flat vector, with initial values drawn on the backend.
  public func initialize(_ vector: Matrix, seed: UInt64, on backend: any Backend) throws {
    for (index, tensor) in parameters.enumerated() {
      let part = vector.slice(at: tensor.offset, rows: 1, columns: tensor.count)
      if tensor.initialStd == 0 {
        try backend.run(.fill(Fill(part, value: 0)))
      } else {
        try backend.run(
          .randomFill(
            RandomFill(
              part, .normal, factor: tensor.initialStd, seed: seed, purpose: .parameters,
              tensor: index)))
      }
    }
  }
}
