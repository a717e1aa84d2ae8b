import Maclaurin

/// New examples for a trained network, scaled as it takes them.
struct AdaptExamples {
  struct Part {
    var count: Int
    /// [count, features]
    var inputs: [Double]
    /// [count, outputs]: values, or a row for each class.
    var targets: [Double]
    /// Of classes.
    var labels: [Int]?
  }

  var name: String
  var inputShape: [Int]
  var outputs: Int
  /// Nil for values.
  var classCount: Int?
  var train: Part
  /// Nil where there is none, or its targets are not known.
  var test: Part?
  var scaling: DataScaling

  /// - Parameters:
  ///   - set: a data set as it is, without scaling, where `scaling` is given; else scaled by itself.
  ///   - knowsTest: whether the targets of its test part are known.
  init(_ set: DataSet, scaling: DataScaling?, knowsTest: Bool = true, from source: String) throws {
    (name, inputShape, outputs) = (set.name, set.inputShape, set.outputs)
    classCount = set.classCount
    let (features, outputs) = (set.inputShape.reduce(1, *), set.outputs)
    try scaling?.check(inputs: features, targets: outputs, of: source)
    // What is already done is not done again, but for images, which are normalised on their way.
    let own = DataScaling(of: set)
    let inputScaling = scaling ?? DataScaling(inputs: set.images == nil ? nil : own.inputs)
    self.scaling = scaling ?? own
    if set.classCount != nil { self.scaling.targets = nil }
    let targetScaling = DataScaling(targets: scaling == nil ? nil : self.scaling.targets)
    func part(_ examples: Examples) -> Part {
      var labels: [Int]?
      if case .classes(let values, _) = examples.targets {
        labels = []
        for value in values { labels?.append(Int(value)) }
      }
      return Part(
        count: examples.count,
        inputs: inputScaling.scaled(inputs: examples.doubles(), columns: features),
        targets: targetScaling.scaled(targets: examples.targetDoubles(), columns: outputs),
        labels: labels)
    }
    train = part(set.train)
    test = set.test.count > 0 && knowsTest ? part(set.test) : nil
  }

  /// - Throws: `NetworkError` where a network takes other inputs.
  func check(_ network: Network) throws {
    let shape = network.description.input
    let areImages = shape.count == 3 && inputShape.count == 3
    guard areImages ? shape != inputShape : network.inputCount != inputShape.reduce(1, *)
    else { return }
    throw NetworkError(
      "the network takes inputs of shape \(shape), but the examples of \(name) have shape "
        + "\(inputShape); give data with its features")
  }

  /// Labels of rows with a single 1, for a softmax of targets that came as numbers.
  mutating func findLabels() throws {
    guard classCount == nil else { return }
    func labels(_ part: Part) throws -> [Int] {
      var result: [Int] = []
      for first in stride(from: 0, to: part.targets.count, by: outputs) {
        let row = part.targets[first..<first + outputs]
        guard outputs > 1, let one = row.firstIndex(of: 1),
          row.allSatisfy({ $0 == 0 || $0 == 1 }), row.reduce(0, +) == 1
        else {
          throw Misuse(
            "--likelihood softmax needs classes, and the targets of \(name) are numbers (training "
              + "example \(result.count)); give --likelihood gaussian, or labels")
        }
        result.append(one - first)
      }
      return result
    }
    let (first, second) = (try labels(train), try test.map(labels))
    train.labels = first
    test?.labels = second
    classCount = outputs
  }
}

extension PredictionExamples {
  /// The examples for a network of some input shape and outputs.
  ///
  /// - Parameters:
  ///   - outputs: of the network: labels are its classes, or more.
  ///   - keepsOutputs: whether there cannot be more.
  ///   - scaling: what the network was trained with; nil where that is not known.
  ///   - source: where the scaling is from, for messages.
  func adaptation(
    input: [Int], outputs: Int, keepsOutputs: Bool, scaling: DataScaling?, from source: String
  ) throws -> AdaptExamples {
    guard let data else {
      let set = try arrays(
        input: input, outputs: columns(outputs, keepsOutputs: keepsOutputs))
      return try AdaptExamples(
        set, scaling: scaling ?? DataScaling(), knowsTest: testTargets != nil, from: source)
    }
    var options = try dataSetOptions()
    var scaling = scaling
    if noStandardize { scaling = DataScaling() }
    if scaling != nil { options.standardize = false }
    let set = try DataSetSpecification(parsing: data).load(options)
    return try AdaptExamples(set, scaling: scaling, from: source)
  }

  /// Columns of targets from an array: its own, or for labels as many as the network has, or the
  /// largest label asks for.
  private func columns(_ outputs: Int, keepsOutputs: Bool) throws -> Int {
    let array = try ArrayArgument(parsing: targets ?? "").read()
    if keepsOutputs { return outputs }
    if array.shape.count == 1 {
      if outputs == 1 { return 1 }
      return max(outputs, try Self.classes(array.integers(), targets ?? ""))
    }
    return array.shape.count == 2 && array.shape[1] > 0 ? array.shape[1] : outputs
  }
}
