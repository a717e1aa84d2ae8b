import Testing

/// A table of a study, read again.
struct CSVText {
  var columns: [String]
  var rows: [[String: String]]

  init(_ text: String) {
    let lines = text.split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
    }
    columns = lines.first ?? []
    rows = lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(lines[0], $0)) }
    #expect(lines.allSatisfy { $0.count == columns.count }, "as many cells as columns")
  }

  /// The rows in which every named column has its value.
  func rows(_ wanted: [String: String]) -> [[String: String]] {
    rows.filter { row in wanted.allSatisfy { row[$0.key] == $0.value } }
  }
}

extension [String: String] {
  func number(_ column: String) -> Double? { self[column].flatMap { Double($0) } }
}
