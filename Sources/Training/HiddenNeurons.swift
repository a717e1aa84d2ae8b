import Compute
import Networks

/// The neurons of a network's hidden dense layers, all dense layers but the last, numbered through.
///
/// Neuron r's incoming weights w_r are row r of its layer's weight and the r-th element of its bias.
struct HiddenNeurons {
  struct Layer {
    /// [rows, columns]
    var weight: ParameterTensor
    var bias: ParameterTensor?
    /// The numbers of its neurons.
    var neurons: Range<Int>
  }

  let layers: [Layer]
  let count: Int
  /// Weight of the last dense layer.
  let output: ParameterTensor?

  init(_ network: Network) {
    let tensors = network.parameters
    // Of all weights only those of dense layers have two extents.
    let dense = tensors.indices.filter { tensors[$0].shape.count == 2 }
    var layers: [Layer] = []
    var count = 0
    for index in dense.dropLast() {
      let weight = tensors[index]
      let bias = index + 1 < tensors.count ? tensors[index + 1] : nil
      let isOwn = bias.map { $0.name == weight.name.dropLast(6) + "bias" } ?? false
      layers.append(
        Layer(
          weight: weight, bias: isOwn ? bias : nil, neurons: count..<(count + weight.shape[0])))
      count += weight.shape[0]
    }
    self.layers = layers
    self.count = count
    output = dense.last.map { tensors[$0] }
  }

  /// A tensor whose row r belongs to a neuron.
  struct Part {
    var tensor: ParameterTensor
    var neurons: Range<Int>

    /// The tensor in a flat vector, a row for each neuron.
    func rows(of vector: Matrix) -> Matrix {
      vector.slice(
        at: tensor.offset, rows: neurons.count, columns: tensor.count / neurons.count)
    }

    /// What belongs to its neurons among one number for each neuron.
    func factors(of vector: Matrix) -> Matrix {
      vector.slice(at: neurons.lowerBound, rows: 1, columns: neurons.count)
    }
  }

  /// Weights and biases, in network order.
  var parts: [Part] {
    layers.flatMap { layer in
      ([layer.weight] + (layer.bias.map { [$0] } ?? [])).map {
        Part(tensor: $0, neurons: layer.neurons)
      }
    }
  }
}
