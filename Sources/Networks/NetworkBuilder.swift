import Compute
import Jets

/// Resolves the shapes of a description's layers, one after the other.
struct NetworkBuilder {
  let description: NetworkDescription
  private(set) var tensors: [ParameterTensor] = []
  /// Elements of `tensors`.
  private(set) var offset = 0
  /// Multiply-adds so far, for one example.
  private var products = 0
  /// Number of the last dense layer or convolution, whose width is not scaled, among all.
  private let lastAffine: Int
  private var affineCount = 0
  private var dropouts = 0

  /// Far above any machine, and low enough that no count of bytes or flops overflows.
  private static let mostParameters = 1 << 48
  private static let mostFeatures = 1 << 32
  private static let mostProducts = 1 << 60

  /// What is known where the next layer begins.
  private struct State {
    /// [features] or [channels, height, width].
    var shape: [Int]
    /// Whether an image has a row for every position.
    var isImage = false
    /// The width of the hidden layer that the input is, of images its channels; nil for the
    /// network's input and behind its last layer.
    var width: Int?

    var features: Int { shape.reduce(1, *) }
    var extent: ConvolutionGeometry.Extent { .init(shape[1], shape[2]) }
  }

  init(_ description: NetworkDescription) {
    self.description = description
    lastAffine = Self.affineCount(description.layers) - 1
  }

  private static func affineCount(_ layers: [LayerDescription]) -> Int {
    layers.reduce(0) { count, layer in
      switch layer {
      case .dense, .conv: count + 1
      case .residual(let residual):
        count + affineCount(residual.main) + affineCount(residual.shortcut)
      default: count
      }
    }
  }

  mutating func build() throws -> (LayerSequence, [Network.LayerSummary]) {
    var state = State(shape: description.input)
    var layers: [any Layer] = []
    var summaries: [Network.LayerSummary] = []
    for (index, layer) in description.layers.enumerated() {
      let (first, before) = (tensors.count, products)
      try add(
        layer, "layers.\(index)", "layer \(index)", &state, to: &layers,
        isFollowed: Self.affineCount(Array(description.layers[(index + 1)...])) > 0)
      summaries.append(
        Network.LayerSummary(
          index: index, name: layer.name, outputShape: state.shape,
          tensors: Array(tensors[first...]), products: products - before))
    }
    if state.isImage { flatten(&state, to: &layers) }
    return (LayerSequence(layers: layers, tensors: 0..<tensors.count), summaries)
  }

  /// - Parameters:
  ///   - path: where its tensors' names begin.
  ///   - place: what errors call it.
  ///   - isFollowed: whether a dense layer or a convolution comes behind it.
  private mutating func add(
    _ layer: LayerDescription, _ path: String, _ place: String, _ state: inout State,
    to layers: inout [any Layer], isFollowed: Bool
  ) throws {
    let place = "\(place) (\(layer.name))"
    let none = tensors.count..<tensors.count
    switch layer {
    case .dense(let dense):
      flatten(&state, to: &layers)
      let outputs = try width(dense.units, place)
      layers.append(
        try affine(
          path, place, outputs: outputs, inputs: [state.features], geometry: nil,
          ends: .init(input: state.width, output: isFollowed ? outputs : nil),
          weightStd: dense.weightStd, biasStd: dense.biasStd, hasBias: dense.hasBias,
          scales: dense.scales))
      state = State(shape: [outputs], width: isFollowed ? outputs : nil)
    case .conv(let conv):
      try toImage(&state, place, to: &layers)
      let outputs = try width(conv.channels, place)
      var built = conv
      built.channels = outputs
      let geometry = try built.geometry(of: state.extent, channels: state.shape[0], place)
      let shape = [outputs, geometry.output.height, geometry.output.width]
      try Self.checkFeatures(shape, place)
      layers.append(
        try affine(
          path, place, outputs: outputs,
          inputs: [geometry.channels, conv.kernel.height, conv.kernel.width], geometry: geometry,
          ends: .init(input: state.width, output: isFollowed ? outputs : nil),
          weightStd: conv.weightStd, biasStd: conv.biasStd, hasBias: conv.hasBias,
          scales: conv.scales))
      state.shape = shape
      state.width = isFollowed ? outputs : nil
    case .activation(let activation):
      if var last = layers.last as? AffineLayer, last.activation == .identity {
        last.activation = activation
        layers[layers.count - 1] = last
      } else if activation != .identity {
        layers.append(ActivationLayer(activation: activation, tensors: none))
      }
    case .flatten: flatten(&state, to: &layers)
    case .residual(let residual):
      if state.shape.count == 3 { try toImage(&state, place, to: &layers) }
      try add(residual, path, place, &state, to: &layers, isFollowed: isFollowed)
    case .avgPool(let pool):
      try add(pool, .average, place, &state, to: &layers)
    case .maxPool(let pool):
      try add(pool, .max, place, &state, to: &layers)
    case .globalAvgPool:
      try toImage(&state, place, to: &layers)
      try add(.init(window: state.extent), .average, place, &state, to: &layers)
      state = State(shape: [state.shape[0]], width: state.width)
    case .layerNorm(let norm):
      if state.shape.count == 3 { try toImage(&state, place, to: &layers) }
      let first = tensors.count
      let (factor, rate) = description.parameterization.vector(width: state.width)
      if norm.isAffine {
        append(
          "\(path).weight", [state.shape[0]], 0, mean: 1 / factor, multiplier: factor,
          rate: norm.scales.learningRate * rate)
        append(
          "\(path).bias", [state.shape[0]], 0, multiplier: factor,
          rate: norm.scales.biasLearningRate * rate)
      }
      layers.append(
        NormalizationLayer(
          epsilon: norm.epsilon, factor: factor, tensors: first..<tensors.count))
    case .batchNorm(let norm):
      if state.shape.count == 3 { try toImage(&state, place, to: &layers) }
      layers.append(batchNorm(norm, path, features: state.shape[0], width: state.width))
    case .dropout(let rate):
      layers.append(DropoutLayer(probability: rate, number: dropouts, tensors: none))
      dropouts += 1
    }
    try Self.checkFeatures(state.shape, place)
  }

  private static func checkFeatures(_ shape: [Int], _ place: String) throws {
    guard shape.reduce(1.0, { $0 * Double($1) }) <= Double(mostFeatures) else {
      throw NetworkError("\(place) would have \(shape) outputs, which is too many; make it smaller")
    }
  }

  private mutating func add(
    _ residual: LayerDescription.Residual, _ path: String, _ place: String, _ state: inout State,
    to layers: inout [any Layer], isFollowed: Bool
  ) throws {
    let first = tensors.count
    func outer(_ branch: String, _ index: Int) -> (String, String) {
      ("\(path).\(branch).\(index)", "layer \(path.dropFirst(7)).\(branch).\(index)")
    }
    var (main, shortcut) = (state, state)
    let branches = [
      try branch(residual.main, &main, isFollowed) { outer("main", $0) },
      try branch(residual.shortcut, &shortcut, isFollowed) { outer("shortcut", $0) },
    ]
    guard main.shape == shortcut.shape else {
      throw NetworkError(
        "the branches of \(place) end with different shapes, \(main.shape) and \(shortcut.shape); "
          + "give the shortcut layers that make them equal")
    }
    layers.append(
      ResidualLayer(
        main: branches[0], shortcut: branches[1], scale: residual.scale,
        tensors: first..<tensors.count))
    main.width = main.width ?? shortcut.width
    state = main
  }

  private mutating func branch(
    _ descriptions: [LayerDescription], _ state: inout State, _ isFollowed: Bool,
    _ names: (Int) -> (String, String)
  ) throws -> LayerSequence {
    let first = tensors.count
    var layers: [any Layer] = []
    for (index, layer) in descriptions.enumerated() {
      let (path, place) = names(index)
      try add(
        layer, path, place, &state, to: &layers,
        isFollowed: isFollowed || Self.affineCount(Array(descriptions[(index + 1)...])) > 0)
    }
    return LayerSequence(layers: layers, tensors: first..<tensors.count)
  }

  private func add(
    _ pool: LayerDescription.Pool, _ kind: Pooling.Kind, _ place: String, _ state: inout State,
    to layers: inout [any Layer]
  ) throws {
    try toImage(&state, place, to: &layers)
    let window = try pool.windows(over: state.extent, place)
    guard kind == .average || pool.window.count <= 1 << 24 else {
      throw NetworkError(
        "\(place) has a window of \(pool.window), and its choice is kept as a number up to "
          + "\(1 << 24); make the window smaller")
    }
    layers.append(
      PoolingLayer(kind: kind, window: window, tensors: tensors.count..<tensors.count))
    state.shape = [state.shape[0], window.pooled.height, window.pooled.width]
  }

  // MARK: Layout

  private func toImage(
    _ state: inout State, _ place: String, to layers: inout [any Layer]
  ) throws {
    guard state.shape.count == 3 else {
      throw NetworkError(
        "\(place) needs an image, [channels, height, width], and its input has the shape "
          + "\(state.shape); give it images, or use dense layers")
    }
    guard !state.isImage else { return }
    layers.append(
      LayoutLayer(
        positions: state.extent.count, channels: state.shape[0], toImage: true,
        tensors: tensors.count..<tensors.count))
    state.isImage = true
  }

  private func flatten(_ state: inout State, to layers: inout [any Layer]) {
    if state.isImage {
      layers.append(
        LayoutLayer(
          positions: state.extent.count, channels: state.shape[0], toImage: false,
          tensors: tensors.count..<tensors.count))
      state.isImage = false
    }
    state.shape = [state.features]
  }

  // MARK: Affine layers

  /// The width as built.
  private mutating func width(_ base: Int, _ place: String) throws -> Int {
    let scale = affineCount == lastAffine ? 1 : description.parameterization.widthScale
    affineCount += 1
    let (width, overflow) = base.multipliedReportingOverflow(by: scale)
    guard !overflow, width <= 1 << 30 else {
      throw NetworkError("\(place) would be \(base)·\(scale) units wide; too wide")
    }
    return width
  }

  private mutating func affine(
    _ path: String, _ place: String, outputs: Int, inputs: [Int], geometry: ConvolutionGeometry?,
    ends: Parameterization.Ends, weightStd: Double, biasStd: Double, hasBias: Bool,
    scales: LayerScales
  ) throws -> AffineLayer {
    let kernel = inputs.dropFirst().reduce(1, *)
    let (fanIn, overflow) = inputs[0].multipliedReportingOverflow(by: kernel)
    let (count, tooMany) = fanIn.multipliedReportingOverflow(by: outputs)
    guard !overflow, !tooMany, count <= Self.mostParameters - offset - outputs else {
      throw NetworkError(
        "\(place) with weights of shape \([outputs] + inputs) brings the network above "
          + "\(Self.mostParameters) parameters; make it narrower")
    }
    var factors = description.parameterization.factors(
      fanIn: fanIn, behindHidden: ends.input != nil, ends: ends, weightStd: weightStd,
      biasStd: biasStd)
    factors.weight *= scales.multiplier
    factors.bias *= scales.biasMultiplier
    let stds = description.initialization.stds(
      fanIn: fanIn, fanOut: outputs * kernel, isConvolution: geometry != nil)
    if let stds { (factors.weightStd, factors.biasStd) = stds }
    let weight = tensors.count
    append(
      "\(path).weight", [outputs] + inputs, factors.weightStd, multiplier: factors.weight,
      rate: scales.learningRate * factors.weightRate)
    // ntk with bias_std 0 leaves the bias out: its factor would be 0.
    let hasBias = hasBias && !(description.parameterization == .ntk && biasStd == 0)
    if hasBias {
      append(
        "\(path).bias", [outputs], factors.biasStd, multiplier: factors.bias,
        rate: scales.biasLearningRate * factors.biasRate)
    }
    let (work, isTooMuch) = count.multipliedReportingOverflow(by: geometry?.output.count ?? 1)
    guard !isTooMuch, work <= Self.mostProducts - products else {
      throw NetworkError(
        "\(place) brings the network above \(Self.mostProducts) multiplications for one example; "
          + "make it smaller")
    }
    products += work
    return AffineLayer(weight: weight, hasBias: hasBias, factors: factors, geometry: geometry)
  }

  /// γ, β, mean and variance, as PyTorch orders them.
  private mutating func batchNorm(
    _ norm: LayerDescription.BatchNorm, _ path: String, features: Int, width: Int?
  ) -> BatchNormalizationLayer {
    let first = tensors.count
    let (factor, rate) = description.parameterization.vector(width: width)
    if norm.isAffine {
      append(
        "\(path).weight", [features], 0, mean: 1 / factor, multiplier: factor,
        rate: norm.scales.learningRate * rate)
      append(
        "\(path).bias", [features], 0, multiplier: factor,
        rate: norm.scales.biasLearningRate * rate)
    }
    append("\(path).running_mean", [features], 0, multiplier: 1, statistic: .mean)
    append("\(path).running_var", [features], 0, mean: 1, multiplier: 1, statistic: .variance)
    return BatchNormalizationLayer(
      epsilon: norm.epsilon, factor: factor, isAffine: norm.isAffine,
      tensors: first..<tensors.count)
  }

  private mutating func append(
    _ name: String, _ shape: [Int], _ std: Double, mean: Double = 0, multiplier: Double,
    rate: LearningRateFactor = LearningRateFactor(), statistic: ParameterTensor.Statistic? = nil
  ) {
    let tensor = ParameterTensor(
      name: name, shape: shape, offset: offset, initialStd: std, initialMean: mean,
      multiplier: multiplier, learningRate: rate, statistic: statistic)
    tensors.append(tensor)
    offset += tensor.count
  }
}
