import FoundationEssentials

/// The content of a network file: the same grammar for finite and infinite width.
public struct NetworkDescription: Sendable, Equatable {
  /// [features] or [channels, height, width].
  public var input: [Int]
  public var parameterization: Parameterization
  public var initialization: Initialization
  public var layers: [LayerDescription]
  /// Neurons of the last hidden layer start in pairs, so that the outputs start at 0; see
  /// `Network.symmetrize`.
  public var isSymmetric: Bool
  /// The last dense layer's weights start at ± their standard deviation.
  public var hasOutputSigns: Bool

  public init(
    input: [Int], parameterization: Parameterization = .standard,
    initialization: Initialization = .lecun, layers: [LayerDescription], isSymmetric: Bool = false,
    hasOutputSigns: Bool = false
  ) {
    self.isSymmetric = isSymmetric
    self.hasOutputSigns = hasOutputSigns
    self.input = input
    self.parameterization = parameterization
    self.initialization = initialization
    self.layers = layers
  }

  /// Parses a network file; `name` stands in errors.
  public init(json text: [UInt8], named name: String) throws {
    var members = try JSONMembers(JSONValue(text: text, named: name), place: name)
    guard case .array(let extents)? = members.value("input") else {
      throw NetworkError(
        "\(name) has no \"input\"; give it [features] or [channels, height, width]")
    }
    input = try extents.map { extent in
      guard case .number(let number) = extent, let integer = Int(exactly: number), integer > 0,
        integer <= 1 << 30
      else { throw NetworkError("\"input\" of \(name) must hold positive integers") }
      return integer
    }
    guard input.count == 1 || input.count == 3 else {
      throw NetworkError(
        "\"input\" of \(name) has \(input.count) extents; give it [features] or "
          + "[channels, height, width]")
    }
    parameterization = try Self.parameterization(&members, name)
    initialization = try Self.initialization(&members, parameterization, name)
    isSymmetric = try members.bool("symmetric", default: false)
    hasOutputSigns = try members.bool("output_signs", default: false)
    guard case .array(let values)? = members.value("layers"), !values.isEmpty else {
      throw NetworkError("\(name) has no \"layers\"; give it a list with at least one layer")
    }
    layers = try values.enumerated().map { index, value in
      try LayerDescription(value, path: "\(index)", in: name)
    }
    try members.finish(
      known: "input, parameterization, initialization, width_scale, taylor_order, base_width, "
        + "symmetric, output_signs and layers")
  }

  private static func initialization(
    _ members: inout JSONMembers, _ parameterization: Parameterization, _ name: String
  ) throws -> Initialization {
    let text = try members.string("initialization") ?? Initialization.lecun.rawValue
    guard let initialization = Initialization(rawValue: text) else {
      throw NetworkError(
        "\(name) has an unknown initialization \"\(text)\"; known are "
          + Initialization.allCases.map(\.rawValue).joined(separator: " and "))
    }
    guard initialization == .lecun || parameterization == .standard else {
      throw NetworkError(
        "\(name): initialization \(text) goes with the standard parameterization, not with "
          + parameterization.name)
    }
    return initialization
  }

  private static func parameterization(
    _ members: inout JSONMembers, _ name: String
  ) throws -> Parameterization {
    let kind = try members.string("parameterization") ?? "standard"
    let scale = try members.positiveInteger("width_scale", default: 1)
    switch kind {
    case "standard": return scale == 1 ? .standard : .improvedStandard(widthScale: scale)
    case "improved_standard": return .improvedStandard(widthScale: scale)
    case "ntk":
      guard scale == 1 else {
        throw NetworkError("\(name): width_scale goes with improved_standard, not with ntk")
      }
      return .ntk
    case "taylor":
      return .taylor(order: try members.positiveInteger("taylor_order", default: 1))
    case "mup":
      guard scale == 1 else {
        throw NetworkError("\(name): width_scale goes with improved_standard, not with mup")
      }
      return .mup(
        baseWidth: try members.positiveInteger(
          "base_width", default: Parameterization.defaultBaseWidth))
    default:
      throw NetworkError(
        "\(name) has an unknown parameterization \"\(kind)\"; known are standard, ntk, "
          + "improved_standard, taylor and mup")
    }
  }

  /// The description as a network file's text.
  public var json: [UInt8] {
    var members: [String: JSONValue] = [
      "input": .array(input.map { .number(Double($0)) }),
      "parameterization": .string(parameterization.name),
      "layers": .array(layers.map(\.json)),
    ]
    if initialization != .lecun { members["initialization"] = .string(initialization.rawValue) }
    if isSymmetric { members["symmetric"] = .bool(true) }
    if hasOutputSigns { members["output_signs"] = .bool(true) }
    switch parameterization {
    case .improvedStandard(let scale): members["width_scale"] = .number(Double(scale))
    case .taylor(let order): members["taylor_order"] = .number(Double(order))
    case .mup(let base): members["base_width"] = .number(Double(base))
    default: break
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return [UInt8]((try? encoder.encode(JSONValue.object(members))) ?? Data())
  }
}
