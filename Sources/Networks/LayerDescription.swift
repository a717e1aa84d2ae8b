import Compute

/// One entry of a network file's "layers".
public enum LayerDescription: Sendable, Equatable {
  case dense(Dense)
  case activation(Activation)
  case flatten

  /// {"dense": {units, weight_std, bias_std, bias}}
  public struct Dense: Sendable, Equatable {
    /// The base width N.
    public var units: Int
    public var weightStd: Double
    public var biasStd: Double
    public var hasBias: Bool

    public init(units: Int, weightStd: Double = 1, biasStd: Double = 0, hasBias: Bool = true) {
      self.units = units
      self.weightStd = weightStd
      self.biasStd = biasStd
      self.hasBias = hasBias
    }
  }

  /// The layer's name in network files and messages.
  public var name: String {
    switch self {
    case .dense: "dense"
    case .activation(let activation): activation.rawValue
    case .flatten: "flatten"
    }
  }

  static let known =
    "dense, flatten, " + Activation.allCases.map(\.rawValue).joined(separator: ", ")
}

extension LayerDescription {
  /// Reads one layer; `place` names it in errors.
  init(_ value: JSONValue, place: String) throws {
    switch value {
    case .string(let name):
      if let activation = Activation(rawValue: name) {
        self = .activation(activation)
      } else if name == "flatten" {
        self = .flatten
      } else if name == "dense" {
        throw NetworkError("\(place), \"dense\", needs its units: {\"dense\": {\"units\": 512}}")
      } else {
        throw Self.unknown(name, place)
      }
    case .object(let members):
      guard members.count == 1, let (name, content) = members.first else {
        throw NetworkError("\(place) must be one name or one object with one name in it")
      }
      guard name == "dense" else {
        if case .object(let settings) = content, settings.isEmpty {
          self = try LayerDescription(.string(name), place: place)
          return
        }
        throw Self.unknown(name, place)
      }
      self = .dense(try Dense(content, place: place))
    default:
      throw NetworkError("\(place) must be a name or an object, not \(value.typeName)")
    }
  }

  private static func unknown(_ name: String, _ place: String) -> NetworkError {
    NetworkError("\(place) is of an unknown kind \"\(name)\"; known layers are \(known)")
  }

  /// The layer as it stands in a network file.
  var json: JSONValue {
    switch self {
    case .activation(let activation): return .string(activation.rawValue)
    case .flatten: return .string("flatten")
    case .dense(let dense):
      var members: [String: JSONValue] = [
        "units": .number(Double(dense.units)), "weight_std": .number(dense.weightStd),
        "bias_std": .number(dense.biasStd),
      ]
      if !dense.hasBias { members["bias"] = .bool(false) }
      return .object(["dense": .object(members)])
    }
  }
}

extension LayerDescription.Dense {
  init(_ value: JSONValue, place: String) throws {
    var members = try JSONMembers(value, place: "\(place) (dense)")
    units = try members.positiveInteger("units")
    weightStd = try members.nonNegative("weight_std", default: 1)
    biasStd = try members.nonNegative("bias_std", default: 0)
    hasBias = try members.bool("bias", default: true)
    try members.finish(known: "units, weight_std, bias_std and bias")
  }
}
