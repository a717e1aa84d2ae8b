import DataSets

/// Named columns of numbers, and of words where that is said, read from comma-separated text.
///
/// The first row names the columns. An empty cell, an infinity or NaN is a number that is not
/// there. A last row without its line end is still being written, and is left out.
struct NumberTable: Equatable {
  struct Row: Equatable {
    var line: Int
    var texts: [String]
    var numbers: [Double?]
  }

  let path: String
  let columns: [String]
  let rows: [Row]
  private let indices: [String: Int]

  /// - Parameter words: columns that hold text, not numbers.
  /// - Throws: `FileError` with the line of the first row, or cell, that cannot be used.
  init(_ path: String, words: Set<String> = []) throws {
    try self.init(FileContents.read(path), path: path, words: words)
  }

  init(_ bytes: [UInt8], path: String, words: Set<String> = []) throws {
    let end = bytes.lastIndex { $0 == 0x0a || $0 == 0x0d }
    var parser = CSVParser(Array(bytes[..<(end.map { $0 + 1 } ?? 0)]), path: path)
    let columns = try parser.next()?.cells ?? []
    var indices: [String: Int] = [:]
    for (index, name) in columns.enumerated() {
      guard !name.isEmpty, indices.updateValue(index, forKey: name) == nil else {
        throw FileError(
          path: path, field: "line 1",
          problem: name.isEmpty
            ? "has a column without a name" : "names two columns \(FileError.quote(name))",
          advice: "restore the file")
      }
    }
    var rows: [Row] = []
    while let row = try parser.next() {
      guard row.cells.count == columns.count else {
        throw FileError(
          path: path, field: "line \(row.line)",
          problem: "has \(row.cells.count) cells, where the first row has \(columns.count)",
          advice: "the file is damaged; restore it")
      }
      let numbers = try zip(columns, row.cells).map { name, cell -> Double? in
        if cell.isEmpty || words.contains(name) { return nil }
        guard let value = CSVTable.number(cell) else {
          throw FileError(
            path: path, field: "line \(row.line), column \(name)",
            problem: "\(FileError.quote(cell)) is not a number",
            advice: "the file is damaged; restore it")
        }
        return value.isFinite ? value : nil
      }
      rows.append(Row(line: row.line, texts: row.cells, numbers: numbers))
    }
    (self.path, self.columns, self.rows, self.indices) = (path, columns, rows, indices)
  }

  func contains(_ column: String) -> Bool { indices[column] != nil }

  /// Nil where there is no such column, or no number.
  func number(_ row: Int, _ column: String) -> Double? {
    indices[column].flatMap { rows[row].numbers[$0] }
  }

  /// Empty where there is no such column.
  func text(_ row: Int, _ column: String) -> String {
    indices[column].map { rows[row].texts[$0] } ?? ""
  }

  /// An error about a cell.
  func error(_ row: Int, _ column: String, _ problem: String) -> FileError {
    FileError(
      path: path, field: "line \(rows[row].line), column \(column)", problem: problem,
      advice: "the file is damaged; restore it")
  }
}
