/// The header of a .npy file: a Python dictionary literal with three entries.
struct NumpyHeader: Equatable {
  var elementType: ElementType
  var isBigEndian: Bool
  var isFortranOrder: Bool
  var shape: [Int]

  /// Parses `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, keys in any order.
  init(parsing text: [UInt8], path: String) throws {
    var parser = Parser(bytes: text, path: path)
    var description: String?
    var order: Bool?
    var shape: [Int]?
    try parser.expect("{")
    while !parser.accepts("}") {
      let key = try parser.string()
      try parser.expect(":")
      switch key {
      case "descr" where description == nil: description = try parser.elementDescription()
      case "fortran_order" where order == nil: order = try parser.boolean()
      case "shape" where shape == nil: shape = try parser.tuple()
      default: throw parser.failure("has the unexpected key \(FileError.quote(key))")
      }
      if !parser.accepts(",") {
        try parser.expect("}")
        break
      }
    }
    try parser.expectEnd()
    guard let description, let order, let shape else {
      throw parser.failure("lacks 'descr', 'fortran_order' or 'shape'")
    }
    (elementType, isBigEndian) = try Self.elementType(description, path: path)
    isFortranOrder = order
    self.shape = shape
  }

  private static func elementType(
    _ description: String, path: String
  ) throws -> (ElementType, isBigEndian: Bool) {
    let order = description.first
    let code = description.dropFirst()
    let type = ElementType.allCases.first { $0.numpyCode.map { $0 == code } ?? false }
    guard let type, let order, "<>|=".contains(order) else {
      throw FileError(
        path: path, field: "descr",
        problem: "the element type \(FileError.quote(description)) is not supported",
        advice: "save integers, booleans or floating-point numbers of 16, 32 or 64 bits")
    }
    return (type, order == ">")
  }

  /// Reads the few Python literals that occur.
  private struct Parser {
    let bytes: [UInt8]
    let path: String
    var position = 0

    func failure(_ problem: String) -> FileError {
      FileError(
        path: path, field: "header", problem: problem,
        advice: "the file is corrupt or no .npy file: write it again")
    }

    mutating func skipSpace() {
      while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) {
        position += 1
      }
    }

    mutating func accepts(_ character: Character) -> Bool {
      skipSpace()
      guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
      position += 1
      return true
    }

    mutating func expect(_ character: Character) throws {
      guard accepts(character) else {
        throw failure("lacks '\(character)' at character \(position)")
      }
    }

    mutating func expectEnd() throws {
      skipSpace()
      guard position == bytes.count else { throw failure("goes on after its closing brace") }
    }

    mutating func string() throws -> String {
      skipSpace()
      guard position < bytes.count, bytes[position] == 0x27 || bytes[position] == 0x22 else {
        throw failure("lacks a quoted string at character \(position)")
      }
      let quote = bytes[position]
      let start = position + 1
      guard let end = bytes[start...].firstIndex(of: quote) else {
        throw failure("has a string without an end at character \(position)")
      }
      position = end + 1
      return String(decoding: bytes[start..<end], as: UTF8.self)
    }

    mutating func elementDescription() throws -> String {
      skipSpace()
      if position < bytes.count, bytes[position] == UInt8(ascii: "[") {
        throw FileError(
          path: path, field: "descr", problem: "records with fields are not supported",
          advice: "save each field as an array of its own")
      }
      return try string()
    }

    mutating func boolean() throws -> Bool {
      skipSpace()
      for (word, value) in [("True", true), ("False", false)]
      where bytes[position...].starts(with: word.utf8) {
        position += word.utf8.count
        return value
      }
      throw failure("lacks True or False at character \(position)")
    }

    mutating func tuple() throws -> [Int] {
      try expect("(")
      var sizes: [Int] = []
      while !accepts(")") {
        sizes.append(try size())
        guard sizes.count <= 64 else { throw failure("has more than 64 axes") }
        if !accepts(",") {
          try expect(")")
          break
        }
      }
      return sizes
    }

    mutating func size() throws -> Int {
      skipSpace()
      let start = position
      var value = 0
      while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
        let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
        let (sum, carry) = tens.addingReportingOverflow(Int(bytes[position] - 0x30))
        guard !overflow, !carry else { throw failure("has a size beyond 64 bits") }
        value = sum
        position += 1
      }
      guard position > start else { throw failure("lacks a size at character \(start)") }
      // Python 2 wrote long integers as 3L.
      if position < bytes.count, bytes[position] == UInt8(ascii: "L") { position += 1 }
      return value
    }
  }
}
