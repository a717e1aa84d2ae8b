import Compute

extension LayerDescription {
  /// Residual blocks in residual blocks, at most.
  static let mostNested = 64

  /// Reads one layer.
  ///
  /// - Parameters:
  ///   - path: which one, as in "2" or "2.main.0".
  ///   - file: the document, for errors.
  init(_ value: JSONValue, path: String, in file: String, depth: Int = 0) throws {
    let place = "layer \(path) of \(file)"
    switch value {
    case .string(let name):
      try self.init(named: name, .object([:]), path, file, depth: depth, isBare: true)
    case .object(let members):
      guard members.count == 1, let (name, content) = members.first else {
        throw NetworkError("\(place) must be one name or one object with one name in it")
      }
      try self.init(named: name, content, path, file, depth: depth, isBare: false)
    default:
      throw NetworkError("\(place) must be a name or an object, not \(value.typeName)")
    }
  }

  /// - Parameter isBare: the layer stood there as a name alone.
  private init(
    named name: String, _ content: JSONValue, _ path: String, _ file: String, depth: Int,
    isBare: Bool
  ) throws {
    let place = "layer \(path) of \(file)"
    let own = "\(place) (\(name))"
    func needs(_ what: String, _ example: String) throws {
      if isBare { throw NetworkError("\(own) needs its \(what): \(example)") }
    }
    func nothing() throws {
      var members = try JSONMembers(content, place: own)
      _ = members.value("")
      try members.finish(known: "none")
    }
    switch name {
    case "dense":
      try needs("units", "{\"dense\": {\"units\": 512}}")
      self = .dense(try Dense(content, place: own))
    case "conv":
      try needs("channels and kernel", "{\"conv\": {\"channels\": 64, \"kernel\": 3}}")
      self = .conv(try Convolution(content, place: own))
    case "avg_pool", "max_pool":
      try needs("window", "{\"\(name)\": {\"window\": 2}}")
      let pool = try Pool(content, place: own, isPadded: name == "max_pool")
      self = name == "avg_pool" ? .avgPool(pool) : .maxPool(pool)
    case "layer_norm":
      let norm = try Norm(content, place: own, isAffine: false)
      self = .layerNorm(
        LayerNorm(epsilon: norm.epsilon, isAffine: norm.isAffine, scales: norm.scales))
    case "batch_norm":
      let norm = try Norm(content, place: own, isAffine: true)
      self = .batchNorm(
        BatchNorm(epsilon: norm.epsilon, isAffine: norm.isAffine, scales: norm.scales))
    case "residual":
      try needs("main branch", "{\"residual\": {\"main\": [\"relu\", …]}}")
      guard depth < Self.mostNested else {
        throw NetworkError(
          "\(file) has a residual block in \(depth) others; nest at most \(Self.mostNested)")
      }
      self = .residual(try Residual(content, path, in: file, depth: depth + 1))
    case "dropout":
      try needs("rate", "{\"dropout\": {\"rate\": 0.1}}")
      var members = try JSONMembers(content, place: own)
      let rate = try members.number("rate")
      guard rate >= 0, rate < 1 else {
        throw NetworkError("\"rate\" of \(own) must be at least 0 and below 1, and is \(rate)")
      }
      try members.finish(known: "rate")
      self = .dropout(rate: rate)
    case "global_avg_pool":
      try nothing()
      self = .globalAvgPool
    case "flatten":
      try nothing()
      self = .flatten
    default:
      guard let activation = Activation(named: name) else {
        throw NetworkError(
          "\(place) is of an unknown kind \"\(name)\"; known layers are \(Self.known)")
      }
      try nothing()
      self = .activation(activation)
    }
  }

  /// The layer as it stands in a network file.
  var json: JSONValue {
    func object(_ members: [String: JSONValue]) -> JSONValue { .object([name: .object(members)]) }
    func pair(_ extent: Extent) -> JSONValue {
      .array([.number(Double(extent.height)), .number(Double(extent.width))])
    }
    switch self {
    case .activation, .flatten, .globalAvgPool: return .string(name)
    case .dense(let dense):
      var members: [String: JSONValue] = [
        "units": .number(Double(dense.units)), "weight_std": .number(dense.weightStd),
        "bias_std": .number(dense.biasStd),
      ]
      members.merge(dense.scales.json) { $1 }
      if !dense.hasBias { members["bias"] = .bool(false) }
      return object(members)
    case .conv(let conv):
      var members: [String: JSONValue] = [
        "channels": .number(Double(conv.channels)), "kernel": pair(conv.kernel),
        "stride": pair(conv.stride), "weight_std": .number(conv.weightStd),
        "bias_std": .number(conv.biasStd),
      ]
      members.merge(conv.scales.json) { $1 }
      members["padding"] = conv.padding.json
      if conv.groups != 1 { members["groups"] = .number(Double(conv.groups)) }
      if !conv.hasBias { members["bias"] = .bool(false) }
      return object(members)
    case .avgPool(let pool), .maxPool(let pool):
      var members = ["window": pair(pool.window), "stride": pair(pool.stride)]
      if pool.padding != .valid { members["padding"] = pool.padding.json }
      return object(members)
    case .layerNorm(let norm):
      return object(
        norm.scales.json.merging(
          ["epsilon": .number(norm.epsilon), "affine": .bool(norm.isAffine)]) { $1 })
    case .batchNorm(let norm):
      return object(
        norm.scales.json.merging(
          ["epsilon": .number(norm.epsilon), "affine": .bool(norm.isAffine)]) { $1 })
    case .residual(let residual):
      var members: [String: JSONValue] = ["main": .array(residual.main.map(\.json))]
      if !residual.shortcut.isEmpty {
        members["shortcut"] = .array(residual.shortcut.map(\.json))
      }
      if residual.scale != 1 { members["scale"] = .number(residual.scale) }
      return object(members)
    case .dropout(let rate): return object(["rate": .number(rate)])
    }
  }
}

extension LayerDescription.Padding {
  fileprivate var json: JSONValue {
    switch self {
    case .valid: .string("valid")
    case .same: .string("same")
    case .explicit(let top, let left, let bottom, let right):
      .array([top, bottom, left, right].map { .number(Double($0)) })
    }
  }
}

extension LayerDescription.Dense {
  init(_ value: JSONValue, place: String) throws {
    var members = try JSONMembers(value, place: place)
    units = try members.positiveInteger("units")
    weightStd = try members.nonNegative("weight_std", default: 1)
    biasStd = try members.nonNegative("bias_std", default: 0)
    hasBias = try members.bool("bias", default: true)
    scales = LayerScales()
    try members.multipliers(&scales)
    try members.learningRates(&scales)
    try members.finish(known: "units, weight_std, bias_std, bias, \(LayerScales.known)")
  }
}

extension LayerDescription.Convolution {
  init(_ value: JSONValue, place: String) throws {
    var members = try JSONMembers(value, place: place)
    channels = try members.positiveInteger("channels")
    kernel = try members.extent("kernel")
    stride = try members.extent("stride", default: .init(1, 1))
    padding = try members.padding("padding")
    groups = try members.positiveInteger("groups", default: 1)
    weightStd = try members.nonNegative("weight_std", default: 1)
    biasStd = try members.nonNegative("bias_std", default: 0)
    hasBias = try members.bool("bias", default: true)
    scales = LayerScales()
    try members.multipliers(&scales)
    try members.learningRates(&scales)
    try members.finish(
      known: "channels, kernel, stride, padding, groups, weight_std, bias_std, bias, "
        + LayerScales.known)
  }
}

extension LayerDescription.Pool {
  init(_ value: JSONValue, place: String, isPadded: Bool) throws {
    var members = try JSONMembers(value, place: place)
    window = try members.extent("window")
    stride = try members.extent("stride", default: window)
    padding = isPadded ? try members.padding("padding") : .valid
    try members.finish(known: isPadded ? "window, stride and padding" : "window and stride")
  }
}

/// The members that normalizations share.
private struct Norm {
  var epsilon: Double
  var isAffine: Bool
  var scales = LayerScales()

  init(_ value: JSONValue, place: String, isAffine standard: Bool) throws {
    var members = try JSONMembers(value, place: place)
    epsilon = try members.nonNegative("epsilon", default: 1e-5)
    isAffine = try members.bool("affine", default: standard)
    try members.learningRates(&scales)
    try members.finish(known: "epsilon, affine, learning_rate and bias_learning_rate")
  }
}

extension LayerDescription.Residual {
  init(_ value: JSONValue, _ path: String, in file: String, depth: Int) throws {
    let place = "layer \(path) of \(file) (residual)"
    var members = try JSONMembers(value, place: place)
    func branch(_ name: String) throws -> [LayerDescription] {
      guard let value = members.value(name) else { return [] }
      guard case .array(let layers) = value else {
        throw NetworkError(
          "\"\(name)\" of \(place) must be a list of layers, not \(value.typeName)")
      }
      return try layers.enumerated().map { index, layer in
        try LayerDescription(layer, path: "\(path).\(name).\(index)", in: file, depth: depth)
      }
    }
    main = try branch("main")
    guard !main.isEmpty else {
      throw NetworkError("\(place) has no \"main\"; give it a list with at least one layer")
    }
    shortcut = try branch("shortcut")
    scale = try members.number("scale", default: 1)
    try members.finish(known: "main, shortcut and scale")
  }
}

extension JSONMembers {
  /// A positive integer, or a pair of them: height, width.
  mutating func extent(
    _ name: String, default standard: LayerDescription.Extent? = nil
  ) throws -> LayerDescription.Extent {
    guard let value = value(name) else {
      if let standard { return standard }
      throw NetworkError("\(place) has no \"\(name)\"; give it an integer or [height, width]")
    }
    if let integers = value.integers, integers.allSatisfy({ (1...(1 << 15)).contains($0) }) {
      if integers.count == 1 { return .init(integers[0], integers[0]) }
      if integers.count == 2 { return .init(integers[0], integers[1]) }
    }
    throw NetworkError(
      "\"\(name)\" of \(place) must be a positive integer or a pair of them, [height, width], and "
        + "is \(value.line)")
  }

  mutating func padding(_ name: String) throws -> LayerDescription.Padding {
    guard let value = value(name) else { return .valid }
    if value == .string("valid") { return .valid }
    if value == .string("same") { return .same }
    if let integers = value.integers, integers.allSatisfy({ (0...(1 << 15)).contains($0) }) {
      if integers.count == 1 {
        let n = integers[0]
        return .explicit(top: n, left: n, bottom: n, right: n)
      }
      if integers.count == 4 {
        return .explicit(
          top: integers[0], left: integers[2], bottom: integers[1], right: integers[3])
      }
    }
    throw NetworkError(
      "\"\(name)\" of \(place) must be \"same\", \"valid\", an integer or "
        + "[top, bottom, left, right], and is \(value.line)")
  }
}

extension JSONValue {
  /// A number or a list of numbers that are integers.
  fileprivate var integers: [Int]? {
    switch self {
    case .number(let number): Int(exactly: number).map { [$0] }
    case .array(let values):
      values.reduce(into: [Int]?([])) { result, value in
        guard case .number(let number) = value, let integer = Int(exactly: number) else {
          result = nil
          return
        }
        result?.append(integer)
      }
    default: nil
    }
  }
}
