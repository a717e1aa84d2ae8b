import FoundationEssentials

/// A JSON document as a value, so that a reader can say where in it something is wrong.
public enum JSONValue: Codable, Sendable, Equatable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .number(let value):
      if let integer = Int(exactly: value) {
        try container.encode(integer)
      } else if value.isFinite {
        try container.encode(value)
      } else {
        // JSON has no other numbers.
        try container.encodeNil()
      }
    case .string(let value): try container.encode(value)
    case .array(let values): try container.encode(values)
    case .object(let members): try container.encode(members)
    }
  }

  /// Parses a document.
  public init(text: [UInt8], named name: String) throws {
    do {
      self = try JSONDecoder().decode(JSONValue.self, from: Data(text))
    } catch {
      throw NetworkError("\(name) is not valid JSON; check it with a JSON validator")
    }
  }

  var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "a truth value"
    case .number: "a number"
    case .string(let value): "\"\(value)\""
    case .array: "an array"
    case .object: "an object"
    }
  }
}

extension JSONValue {
  /// The value as one line, keys sorted.
  public var line: String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: (try? encoder.encode(self)) ?? Data(), as: UTF8.self)
  }
}

/// The members of one object of a network file, each read at most once; what is left over at the
/// end is an error, so that a misspelt setting is never silently ignored.
struct JSONMembers {
  private var members: [String: JSONValue]
  let place: String

  init(_ value: JSONValue, place: String) throws {
    guard case .object(let members) = value else {
      throw NetworkError("\(place) must be an object, not \(value.typeName)")
    }
    self.members = members
    self.place = place
  }

  mutating func value(_ name: String) -> JSONValue? { members.removeValue(forKey: name) }

  mutating func number(_ name: String, default standard: Double? = nil) throws -> Double {
    guard let value = value(name) else {
      if let standard { return standard }
      throw NetworkError("\(place) has no \"\(name)\"; give it a number")
    }
    guard case .number(let number) = value, number.isFinite else {
      throw NetworkError("\"\(name)\" of \(place) must be a number, not \(value.typeName)")
    }
    return number
  }

  mutating func positiveInteger(_ name: String, default standard: Int? = nil) throws -> Int {
    let number = try number(name, default: standard.map { Double($0) })
    guard let integer = Int(exactly: number), integer > 0, integer <= 1 << 30 else {
      throw NetworkError("\"\(name)\" of \(place) must be a positive integer, not \(number)")
    }
    return integer
  }

  mutating func nonNegative(_ name: String, default standard: Double) throws -> Double {
    let number = try number(name, default: standard)
    guard number >= 0 else {
      throw NetworkError("\"\(name)\" of \(place) must not be negative, and is \(number)")
    }
    return number
  }

  mutating func bool(_ name: String, default standard: Bool) throws -> Bool {
    guard let value = value(name) else { return standard }
    guard case .bool(let bool) = value else {
      throw NetworkError("\"\(name)\" of \(place) must be true or false, not \(value.typeName)")
    }
    return bool
  }

  mutating func string(_ name: String) throws -> String? {
    guard let value = value(name) else { return nil }
    guard case .string(let string) = value else {
      throw NetworkError("\"\(name)\" of \(place) must be a string, not \(value.typeName)")
    }
    return string
  }

  /// Call when everything known has been read.
  func finish(known: String) throws {
    if let name = members.keys.sorted().first {
      throw NetworkError("\(place) has an unknown member \"\(name)\"; known are \(known)")
    }
  }
}
