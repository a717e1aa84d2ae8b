/// `parity`: inputs x ∈ {−1, 1}^dimension, each sign with probability ½, and χ = x_1·…·x_degree,
/// the product of the first `degree` coordinates. With `target=classes` (the default) class 1 where
/// an odd number of them is −1 (χ = −1), else class 0; with `target=values` the value χ. A `noise`
/// of p flips χ with probability p.
struct ParityTask: SyntheticMaker {
  private let keys: SyntheticKeys
  private let dimension: Int
  private let degree: Int

  init(_ keys: SyntheticKeys) throws {
    self.keys = keys
    (dimension, degree) = try keys.cube()
  }

  var inputShape: [Int] { [dimension] }

  func examples(_ count: Int, _ part: RandomStream.Purpose) -> Examples {
    let flips = RandomStream(keys.seed, .taskNoise)
    let noise = part == .trainExample ? keys.real("noise") : 0
    var inputs: [Double] = []
    inputs.reserveCapacity(count * dimension)
    var values: [Double] = []
    for example in 0..<count {
      let x = RandomStream(keys.seed, part, tensor: example).signs(dimension)
      let product = x.prefix(degree).reduce(1, *)
      values.append(noise > 0 && flips.uniform(example) < noise ? -product : product)
      inputs += x
    }
    let targets: Targets =
      keys.word("target") == "values"
      ? .values(values, outputs: 1)
      : .classes(labels: values.map { $0 < 0 ? 1 : 0 }, count: 2)
    return Examples(inputs, inputSize: dimension, targets: targets)
  }
}

/// `staircase`: inputs x ∈ {−1, 1}^dimension, each sign with probability ½, and the value
/// x_1 + x_1·x_2 + … + x_1·…·x_degree.
struct StaircaseTask: SyntheticMaker {
  private let keys: SyntheticKeys
  private let dimension: Int
  private let degree: Int

  init(_ keys: SyntheticKeys) throws {
    self.keys = keys
    (dimension, degree) = try keys.cube()
  }

  var inputShape: [Int] { [dimension] }

  func examples(_ count: Int, _ part: RandomStream.Purpose) -> Examples {
    keys.regression(count, part, dimension: dimension) { example in
      let x = RandomStream(keys.seed, part, tensor: example).signs(dimension)
      var (sum, product) = (0.0, 1.0)
      for sign in x.prefix(degree) {
        product *= sign
        sum += product
      }
      return (x, [sum])
    }
  }
}

extension SyntheticKeys {
  /// Dimension and degree of a task on the cube.
  fileprivate func cube() throws -> (dimension: Int, degree: Int) {
    let (dimension, degree) = (integer("dimension"), integer("degree"))
    guard degree <= dimension else {
      throw failure(
        "degree", "is \(degree), more than the dimension \(dimension)",
        "lower degree or raise dimension")
    }
    return (dimension, degree)
  }

  /// Examples with values, normal noise of standard deviation `noise` on those for training.
  func regression(
    _ count: Int, _ part: RandomStream.Purpose, dimension: Int, outputs: Int = 1,
    _ example: (Int) -> (x: [Double], y: [Double])
  ) -> Examples {
    let noise = part == .trainExample ? real("noise") : 0
    var inputs: [Double] = []
    inputs.reserveCapacity(count * dimension)
    var values: [Double] = []
    for index in 0..<count {
      let (x, y) = example(index)
      inputs += x
      guard noise > 0 else {
        values += y
        continue
      }
      let normals = RandomStream(seed, .taskNoise, tensor: index).normals(outputs)
      values += zip(y, normals).map { $0 + noise * $1 }
    }
    return Examples(inputs, inputSize: dimension, targets: .values(values, outputs: outputs))
  }
}
