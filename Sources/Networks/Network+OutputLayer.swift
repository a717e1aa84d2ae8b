import Compute
import Jets

/// The dense layer that a network ends with, apart from all that is before it.
extension Network {
  /// Nil where the network ends with something else. Dropout behind it does not count.
  private var outputLayer: (index: Int, layer: AffineLayer)? {
    let layers = layerSequence.layers
    guard let index = layers.lastIndex(where: { !($0 is DropoutLayer) }),
      let layer = layers[index] as? AffineLayer, layer.geometry == nil,
      layer.activation == .identity
    else { return nil }
    return (index, layer)
  }

  /// The variances that initial weights and biases of the output layer give to an output, for an input h
  /// of it: w·‖h‖² + b, w = (c_w·std_w)² and b = (c_b·std_b)². Nil where there is no output layer.
  package var outputVariances: (weight: Double, bias: Double)? {
    guard let (_, layer) = outputLayer else { return nil }
    let weight = layer.factors.weight * layer.factors.weightStd
    let bias = layer.hasBias ? layer.factors.bias * layer.factors.biasStd : 0
    return (weight * weight, bias * bias)
  }

  /// h, the output layer's input: [batch, its features].
  ///
  /// - Precondition: there is an output layer.
  package func features(
    _ inputs: Matrix, at parameters: Matrix, on backend: any Backend
  ) throws -> Matrix {
    guard let (index, _) = outputLayer else {
      preconditionFailure("a network with an output layer")
    }
    let pass = ForwardPass(
      algebra: JetAlgebra(backend, order: 0), parameters: ParameterJet(center: parameters),
      tensors: self.parameters, keepsTape: false, dropout: nil, centerProducts: nil)
    let below = LayerSequence(
      layers: Array(layerSequence.layers[..<index]), tensors: layerSequence.tensors)
    let x = pass.algebra.constant(inputs, directions: 1)
    return try below.push(Signal(jet: x, isOwned: false), pass).0.jet[0]
  }
}
