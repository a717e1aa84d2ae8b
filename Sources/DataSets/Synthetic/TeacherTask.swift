/// `teacher`: standard normal inputs x and the values of a random network, h_0 = x,
/// h_l = a·φ(W_l h_{l−1}/√fan-in) for `depth` hidden layers of `width` units, and
/// y = W h_depth/√fan-in with `outputs` rows; no biases, all entries standard normal.
///
/// φ is `activation`. a is 1, but √2 for `relu`, so that values keep their size at any depth. The
/// weights of layer l (0 … depth), row by row, [units, fan-in], are the normal numbers of the stream
/// (seed, task, l).
struct TeacherTask: SyntheticMaker {
  private let keys: SyntheticKeys
  private let sizes: [Int]
  private let weights: [[Double]]

  init(_ keys: SyntheticKeys) throws {
    self.keys = keys
    let hidden = [Int](repeating: keys.integer("width"), count: keys.integer("depth"))
    let sizes = [keys.integer("dimension")] + hidden + [keys.integer("outputs")]
    var weightCount = 0
    for (a, b) in zip(sizes, sizes.dropFirst()) {
      guard a * b <= 1 << 28 else {
        throw keys.failure("width", "gives a layer of \(a) · \(b) weights, which is too much")
      }
      weightCount += a * b
    }
    try keys.checkMemory("width", weightCount)
    self.sizes = sizes
    weights = (0..<sizes.count - 1).map { layer in
      RandomStream(keys.seed, .task, tensor: layer).normals(sizes[layer] * sizes[layer + 1])
    }
  }

  var inputShape: [Int] { [sizes[0]] }

  func examples(_ count: Int, _ part: RandomStream.Purpose) -> Examples {
    let activation = keys.word("activation")
    let gain = activation == "relu" ? 2.0.squareRoot() : 1
    return keys.regression(count, part, dimension: sizes[0], outputs: sizes[sizes.count - 1]) {
      let x = RandomStream(keys.seed, part, tensor: $0).normals(sizes[0])
      var h = x
      for (layer, weights) in weights.enumerated() {
        let (fanIn, units) = (sizes[layer], sizes[layer + 1])
        let scale = Double(fanIn).squareRoot()
        h = (0..<units).map { unit in
          var sum = 0.0
          for i in 0..<fanIn { sum += weights[unit * fanIn + i] * h[i] }
          let z = sum / scale
          return layer == self.weights.count - 1
            ? z : gain * PortableMath.function(activation, z)
        }
      }
      return (x, h)
    }
  }
}
