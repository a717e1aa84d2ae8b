import Compute

/// The symmetric start: neurons of the last hidden dense layer in pairs (2r, 2r + 1) with equal
/// incoming weights and biases and opposite outgoing weights, output biases 0.
///
/// So f(x; θ0) = 0 but for rounding: of each pair there remains at most the rounding error of one
/// product. Outgoing weights that are ±1 in memory (`outputSigns` with the ntk parameterization)
/// make products exact, pairs lie side by side in every sum, and f(x; θ0) is 0 exactly.
/// Source: Chizat, Oyallon and Bach, arXiv 1812.07956; Bai and Lee, arXiv 1910.01619.
extension Network {
  /// The tensors of the last hidden dense layer and of the dense layer behind it.
  struct OutputPair {
    var hidden: [ParameterTensor]
    var output: [ParameterTensor]
  }

  /// Nil where the network does not end in two dense layers with activations between them.
  var outputPair: OutputPair? {
    var dense: [LayerSummary] = []
    for (summary, layer) in zip(layers, description.layers).reversed() where dense.count < 2 {
      switch layer {
      case .dense: dense.append(summary)
      case .activation, .dropout: continue
      default: return nil
      }
    }
    return dense.count == 2 ? OutputPair(hidden: dense[1].tensors, output: dense[0].tensors) : nil
  }

  func checkSymmetry() throws {
    guard description.isSymmetric else { return }
    guard let pair = outputPair else {
      throw NetworkError(
        "a symmetric start pairs the neurons of a dense layer that only activations part from a dense "
          + "output layer, and the network does not end so; leave symmetric out")
    }
    let width = pair.hidden[0].shape[0]
    guard width % 2 == 0 else {
      throw NetworkError(
        "a symmetric start pairs the neurons of \(pair.hidden[0].name), of which there are \(width); "
          + "make their number even")
    }
  }

  /// Makes freshly drawn parameters symmetric.
  func symmetrize(_ vector: Matrix, on backend: any Backend) throws {
    guard description.isSymmetric, let pair = outputPair else { return }
    func change(_ tensor: ParameterTensor, _ body: (inout [Double]) -> Void) throws {
      let part = vector.slice(at: tensor.offset, rows: 1, columns: tensor.count)
      var values = try backend.download(part)
      body(&values)
      try backend.upload(values, to: part)
    }
    let neurons = pair.hidden[0].shape[0]
    for tensor in pair.hidden {
      let columns = tensor.count / neurons
      try change(tensor) { values in
        for r in stride(from: 0, to: neurons, by: 2) {
          let row = values[(r * columns)..<((r + 1) * columns)]
          values.replaceSubrange(((r + 1) * columns)..<((r + 2) * columns), with: row)
        }
      }
    }
    for tensor in pair.output {
      try change(tensor) { values in
        if tensor.shape.count == 1 {
          values = values.map { _ in 0 }
        } else {
          for at in stride(from: 0, to: values.count, by: 2) { values[at + 1] = -values[at] }
        }
      }
    }
  }
}
