/// A table of numbers with one target column, read from comma-separated text.
///
/// The first row is a header when the target column is asked for by name, or when no cell of it
/// outside the target column is a number. The separator (comma, semicolon or tab) is recognised.
package struct CSVTable {
  /// The target column as it stands in the file.
  enum Target {
    case numbers([Double])
    case labels([String])
  }

  /// Row-major, without the target column.
  var features: [Double] = []
  var featureCount = 0
  var target: Target

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - column: the target column's name, or its index counted from 0.
  ///   - kind: numbers and text are told apart by the cells themselves under `automatic`.
  /// - Throws: `FileError` with the line and the column of the first cell that cannot be used.
  init(_ path: String, target column: String, kind: TargetKind) throws {
    try self.init(FileContents.read(path), path: path, target: column, kind: kind)
  }

  init(_ bytes: [UInt8], path: String, target column: String, kind: TargetKind) throws {
    var parser = CSVParser(bytes, path: path)
    guard let first = try parser.next() else {
      throw FileError(path: path, problem: "has no rows", advice: "check that it is the right file")
    }
    let layout = try Layout(first, target: column, path: path)
    guard layout.columns > 1 else {
      throw FileError(
        path: path, field: "line \(first.line)", problem: "has one column only",
        advice: "separate features and target by commas, semicolons or tabs")
    }
    var cells: [TargetCell] = []
    var row = layout.hasHeader ? try parser.next() : first
    featureCount = layout.columns - 1
    while let current = row {
      guard current.cells.count == layout.columns else {
        throw FileError(
          path: path, field: "line \(current.line)",
          problem: "has \(current.cells.count) cells, where the first row has \(layout.columns)",
          advice: "give every row the same number of cells")
      }
      for (index, cell) in current.cells.enumerated() {
        if index == layout.target {
          cells.append(TargetCell(line: current.line, text: cell, number: Self.number(cell)))
        } else {
          features.append(try layout.finite(cell, line: current.line, column: index))
        }
      }
      row = try parser.next()
    }
    guard !cells.isEmpty else {
      throw FileError(
        path: path, problem: "has a header but no rows", advice: "check that it is the right file")
    }
    target = try layout.target(cells, kind: kind)
  }

  /// The number that a cell holds: an optional sign, digits, a decimal point, an exponent; and the
  /// names of infinities and NaN, which are refused later with their place.
  package static func number(_ text: String) -> Double? {
    let isPlain = text.utf8.allSatisfy {
      switch $0 {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"),
        UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "E"):
        true
      default: false
      }
    }
    if isPlain { return text.isEmpty ? nil : Double(text) }
    return switch text.lowercased() {
    case "nan", "+nan", "-nan": Double.nan
    case "inf", "+inf", "infinity", "+infinity": Double.infinity
    case "-inf", "-infinity": -Double.infinity
    default: nil
    }
  }

  private struct TargetCell {
    let line: Int
    let text: String
    let number: Double?
  }

  /// What the first row says about the columns.
  private struct Layout {
    let path: String
    let names: [String]?
    let columns: Int
    let target: Int
    var hasHeader: Bool { names != nil }

    init(_ first: Row, target column: String, path: String) throws {
      self.path = path
      columns = first.cells.count
      let index = Int(column)
      if let named = first.cells.firstIndex(of: column), number(column) == nil {
        names = first.cells
        target = named
        return
      }
      let named = first.cells.firstIndex(of: column)
      let others = first.cells.enumerated().filter { $0.offset != (index ?? named) }
      let isHeader = others.allSatisfy { number($0.element) == nil }
      if isHeader, let named {
        target = named
      } else if let index, (0..<columns).contains(index) {
        target = index
      } else {
        throw FileError(
          path: path, field: "line \(first.line)",
          problem: "has no column \(FileError.quote(column))",
          advice: isHeader
            ? "the columns are \(FileError.list(first.cells))"
            : "give an index from 0 to \(columns - 1), or add a header")
      }
      names = isHeader ? first.cells : nil
    }

    func place(_ line: Int, _ column: Int) -> String {
      let name = names.map { " (\(FileError.clean($0[column])))" } ?? ""
      return "line \(line), column \(column)\(name)"
    }

    func finite(_ text: String, line: Int, column: Int) throws -> Double {
      guard let value = number(text) else {
        throw FileError(
          path: path, field: place(line, column),
          problem: text.isEmpty ? "is empty" : "\(FileError.quote(text)) is not a number",
          advice: "remove the row or the column, or encode it as numbers")
      }
      return try finite(value, text, line: line, column: column)
    }

    func finite(_ value: Double, _ text: String, line: Int, column: Int) throws -> Double {
      guard value.isFinite else {
        throw FileError(
          path: path, field: place(line, column),
          problem: "\(FileError.quote(text)) is not a finite number",
          advice: "remove the row or fill in a value")
      }
      return value
    }

    /// Numbers when every cell is one; labels when none is, or when classes are asked for.
    func target(_ cells: [TargetCell], kind: TargetKind) throws -> Target {
      if let empty = cells.first(where: { $0.text.isEmpty }) {
        _ = try finite(empty.text, line: empty.line, column: target)
      }
      let isText =
        switch kind {
        case .automatic: cells.allSatisfy { $0.number == nil }
        case .classes: true
        case .values: false
        }
      if isText {
        for cell in cells {
          if let number = cell.number {
            _ = try finite(number, cell.text, line: cell.line, column: target)
          }
        }
        return .labels(cells.map(\.text))
      }
      return .numbers(
        try cells.map { try finite($0.text, line: $0.line, column: target) })
    }
  }

  private typealias Row = CSVParser.Row
}
