extension NetworkDescription {
  /// The same network with another number of outputs: of the dense layer that it ends with. A symmetric
  /// start is left out, because the new layer is not one of a pair.
  ///
  /// - Throws: `NetworkError` where the network ends with something else; dropout behind the layer does
  ///   not count.
  public func replacing(outputs: Int) throws -> NetworkDescription {
    let last = layers.lastIndex { layer in
      if case .dropout = layer { false } else { true }
    }
    guard let last, case .dense(var dense) = layers[last] else {
      throw NetworkError(
        "the network ends with \(last.map { layers[$0].name } ?? "nothing") and not with a dense layer, "
          + "so it cannot be given \(outputs) outputs; let it end with a dense layer")
    }
    dense.units = outputs
    var result = self
    result.layers[last] = .dense(dense)
    result.isSymmetric = false
    return result
  }
}
