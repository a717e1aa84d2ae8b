/// A matrix as a picture: a cell for each entry or, where there are many, for the mean of a block.
public struct HeatMap: Sendable, Equatable {
  public var title: String
  public var xLabel: String
  public var yLabel: String
  /// Of the matrix.
  public let rows: Int
  public let columns: Int
  /// Of the picture.
  public let cellRows: Int
  public let cellColumns: Int
  /// Means over blocks, row by row. What holds an entry that is not finite is NaN.
  public let cells: [Double]

  /// Cells along an axis, at most.
  public static let mostCells = 256

  /// Cell (p, q) of r×c cells is the mean of rows ⌊pn/r⌋ ≤ i < ⌊(p+1)n/r⌋ and of the columns alike,
  /// summed row by row.
  ///
  /// - Parameter row: row i of the matrix, `columns` numbers; asked for once each, in ascending order.
  public init(
    title: String, xLabel: String = "example", yLabel: String = "example", rows: Int, columns: Int,
    row: (Int) throws -> [Double]
  ) rethrows {
    precondition(rows > 0 && columns > 0, "a matrix with entries")
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.rows = rows
    self.columns = columns
    let (cellRows, cellColumns) = (min(rows, Self.mostCells), min(columns, Self.mostCells))
    (self.cellRows, self.cellColumns) = (cellRows, cellColumns)
    let ends = (0...cellColumns).map { $0 * columns / cellColumns }
    var cells = [Double](repeating: 0, count: cellRows * cellColumns)
    var cell = 0
    for i in 0..<rows {
      // The last row of cell row p is ⌊(p+1)n/r⌋ − 1.
      while i >= (cell + 1) * rows / cellRows { cell += 1 }
      let values = try row(i)
      precondition(values.count == columns, "a row of the matrix")
      values.withUnsafeBufferPointer { values in
        for q in 0..<cellColumns {
          var sum = 0.0
          for j in ends[q]..<ends[q + 1] { sum += values[j] }
          cells[cell * cellColumns + q] += sum
        }
      }
    }
    for p in 0..<cellRows {
      let height = (p + 1) * rows / cellRows - p * rows / cellRows
      for q in 0..<cellColumns {
        let mean = cells[p * cellColumns + q] / Double(height * (ends[q + 1] - ends[q]))
        cells[p * cellColumns + q] = mean.isFinite ? mean : .nan
      }
    }
    self.cells = cells
  }

  /// - Parameter values: [rows, columns].
  public init(title: String, _ values: [Double], rows: Int, columns: Int) {
    precondition(values.count == rows * columns, "a matrix")
    self.init(title: title, rows: rows, columns: columns) { i in
      Array(values[(i * columns)..<((i + 1) * columns)])
    }
  }

  public static func == (a: HeatMap, b: HeatMap) -> Bool {
    (a.title, a.xLabel, a.yLabel, a.rows, a.columns) == (
      b.title, b.xLabel, b.yLabel, b.rows, b.columns
    )
      && a.cells.map(\.bitPattern) == b.cells.map(\.bitPattern)
  }

  /// The least and the greatest cell: the ends of the colours. A constant matrix has the range around
  /// its value.
  var range: (least: Double, most: Double) {
    let finite = cells.filter(\.isFinite)
    guard let least = finite.min(), let most = finite.max() else { return (0, 1) }
    guard most > least else {
      let margin = least == 0 ? 1 : abs(least) / 2
      return (least - margin, least + margin)
    }
    return (least, most)
  }

  /// Whether a cell is the mean of several entries.
  var isReduced: Bool { cellRows < rows || cellColumns < columns }

  /// Said below the picture.
  var note: String? {
    var sentences: [String] = []
    if isReduced {
      sentences.append(
        "The matrix is \(rows)×\(columns); each of the \(cellRows)×\(cellColumns) cells is the mean of a "
          + "block of entries.")
    }
    if cells.contains(where: \.isNaN) {
      sentences.append("Cells without a colour hold an entry that is no finite number.")
    }
    return sentences.isEmpty ? nil : sentences.joined(separator: " ")
  }
}
