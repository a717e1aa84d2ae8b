/// Checks that a text is well-formed: one root, tags that nest, quoted attributes that occur once,
/// known entities. Written from the XML recommendation, without what the pages do not use
/// (comments, processing instructions, CDATA).
struct XMLChecker {
  struct Malformed: Error, CustomStringConvertible { var description: String }

  /// Names of all elements in document order.
  private(set) var elements: [String] = []
  /// Attributes of all elements in document order.
  private(set) var attributes: [[String: String]] = []
  /// Character data, entities resolved.
  private(set) var text = ""

  private var rest: Substring
  private var open: [String] = []

  init(_ document: String) throws {
    rest = document[...]
    if rest.hasPrefix("<!DOCTYPE html>") { rest = rest.dropFirst(15) }
    while let character = rest.first {
      if character != "<" {
        try readText()
      } else if rest.hasPrefix("</") {
        try readEnd()
      } else {
        try readStart()
      }
    }
    guard open.isEmpty else { throw Malformed(description: "\(open) not closed") }
    guard !elements.isEmpty else { throw Malformed(description: "no element") }
  }

  private mutating func readText() throws {
    let piece = rest.prefix { $0 != "<" }
    rest = rest[piece.endIndex...]
    let blank = piece.allSatisfy { $0.isWhitespace }
    guard !open.isEmpty || blank else { throw Malformed(description: "text outside the root") }
    text += try resolve(piece)
  }

  private func resolve(_ piece: Substring) throws -> String {
    var result = ""
    var rest = piece
    while let character = rest.first {
      guard character == "&" else {
        result.append(character)
        rest = rest.dropFirst()
        continue
      }
      let known = ["&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": "\"", "&#39;": "'"]
      guard let (entity, value) = known.first(where: { rest.hasPrefix($0.key) }) else {
        throw Malformed(description: "bare & in \(piece)")
      }
      result += value
      rest = rest.dropFirst(entity.count)
    }
    return result
  }

  private mutating func readEnd() throws {
    rest = rest.dropFirst(2)
    let name = readName()
    guard rest.first == ">", open.popLast() == name else {
      throw Malformed(description: "</\(name)> does not close what is open")
    }
    rest = rest.dropFirst()
  }

  private mutating func readStart() throws {
    guard !open.isEmpty || elements.isEmpty else {
      throw Malformed(description: "a second root")
    }
    rest = rest.dropFirst()
    let name = readName()
    guard !name.isEmpty else { throw Malformed(description: "a bare <") }
    var members: [String: String] = [:]
    while true {
      let spaces = rest.prefix { $0.isWhitespace }
      rest = rest[spaces.endIndex...]
      if rest.hasPrefix("/>") {
        rest = rest.dropFirst(2)
        break
      }
      if rest.first == ">" {
        rest = rest.dropFirst()
        open.append(name)
        break
      }
      guard !spaces.isEmpty else { throw Malformed(description: "no space in <\(name)") }
      let (key, value) = try readAttribute(name)
      guard members.updateValue(value, forKey: key) == nil else {
        throw Malformed(description: "\(key) twice in <\(name)")
      }
    }
    elements.append(name)
    attributes.append(members)
  }

  private mutating func readAttribute(_ element: String) throws -> (String, String) {
    let key = readName()
    guard !key.isEmpty, rest.hasPrefix("=\"") else {
      throw Malformed(description: "a bad attribute in <\(element)")
    }
    rest = rest.dropFirst(2)
    let value = rest.prefix { $0 != "\"" }
    guard value.endIndex < rest.endIndex, !value.contains("<") else {
      throw Malformed(description: "a bad value of \(key) in <\(element)")
    }
    rest = rest[value.endIndex...].dropFirst()
    return (key, try resolve(value))
  }

  private mutating func readName() -> String {
    let name = rest.prefix { $0.isLetter || $0.isNumber || "-_:".contains($0) }
    rest = rest[name.endIndex...]
    return String(name)
  }
}
