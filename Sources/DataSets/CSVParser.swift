/// Splits comma-separated text into rows of cells (RFC 4180 and its common variants).
///
/// Cells may be quoted, with `""` for a quote inside; rows end with LF, CRLF or CR; blank rows are
/// skipped; a byte-order mark is ignored.
package struct CSVParser {
  /// One row.
  package struct Row {
    /// Where the row starts, counted from 1.
    package let line: Int
    package let cells: [String]
  }

  private let bytes: [UInt8]
  private let path: String
  private let separator: UInt8
  private var position: Int
  private var line = 1

  package init(_ bytes: [UInt8], path: String) {
    self.bytes = bytes
    self.path = path
    position = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    separator = Self.separator(of: bytes)
  }

  /// The separator that is most frequent in the first row outside quotes: a tab, `;` or `,`.
  private static func separator(of bytes: [UInt8]) -> UInt8 {
    let candidates = [UInt8(ascii: "\t"), UInt8(ascii: ";"), UInt8(ascii: ",")]
    var counts = [0, 0, 0]
    var isQuoted = false
    var isBlank = true
    for byte in bytes {
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() }
      if !isQuoted, byte == 0x0a || byte == 0x0d {
        if isBlank { continue }
        break
      }
      isBlank = false
      if !isQuoted, let index = candidates.firstIndex(of: byte) { counts[index] += 1 }
    }
    // Among equals the earlier one, because a decimal comma is common beside a semicolon.
    let best = counts.max() ?? 0
    return best == 0 ? UInt8(ascii: ",") : candidates[counts.firstIndex(of: best) ?? 2]
  }

  /// The next row that is not blank; nil at the end.
  package mutating func next() throws -> Row? {
    while position < bytes.count {
      let start = line
      var cells: [String] = []
      repeat { cells.append(try cell()) } while endsWithSeparator()
      endRow()
      if cells.count > 1 || !cells[0].isEmpty { return Row(line: start, cells: cells) }
    }
    return nil
  }

  /// Reads one cell up to, not including, what ends it.
  private mutating func cell() throws -> String {
    skipBlanks()
    if position < bytes.count, bytes[position] == UInt8(ascii: "\"") { return try quotedCell() }
    let start = position
    while position < bytes.count, !endsCell(bytes[position]) { position += 1 }
    var end = position
    while end > start, Self.isBlank(bytes[end - 1]) { end -= 1 }
    return String(decoding: bytes[start..<end], as: UTF8.self)
  }

  private mutating func quotedCell() throws -> String {
    let start = line
    var content: [UInt8] = []
    position += 1
    while position < bytes.count {
      let byte = bytes[position]
      position += 1
      if byte == UInt8(ascii: "\"") {
        if position < bytes.count, bytes[position] == byte {
          position += 1
        } else {
          skipBlanks()
          guard position == bytes.count || endsCell(bytes[position]) else {
            throw FileError(
              path: path, field: "line \(line)", problem: "has text behind a closing quote",
              advice: "write \"\" for a quote inside a quoted cell")
          }
          return String(decoding: content, as: UTF8.self)
        }
      } else if byte == 0x0a
        || (byte == 0x0d && !(position < bytes.count && bytes[position] == 0x0a))
      {
        line += 1
      }
      content.append(byte)
    }
    throw FileError(
      path: path, field: "line \(start)", problem: "has a quote that is never closed",
      advice: "close it")
  }

  private mutating func endsWithSeparator() -> Bool {
    guard position < bytes.count, bytes[position] == separator else { return false }
    position += 1
    return true
  }

  private mutating func endRow() {
    if position < bytes.count, bytes[position] == 0x0d { position += 1 }
    if position < bytes.count, bytes[position] == 0x0a { position += 1 }
    line += 1
  }

  private mutating func skipBlanks() {
    while position < bytes.count, Self.isBlank(bytes[position]), bytes[position] != separator {
      position += 1
    }
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  private func endsCell(_ byte: UInt8) -> Bool {
    byte == separator || byte == 0x0a || byte == 0x0d
  }
}
