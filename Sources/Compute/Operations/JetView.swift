/// A jet's coefficients in one matrix, stacked by rows.
///
/// Rows: coefficient 0 first (`block` rows, shared by all directions), then for each direction v
/// room for `capacity` coefficients of `block` rows each: coefficient i ≥ 1 of direction v begins
/// at row block·(1 + v·capacity + i − 1). Only coefficients up to `degree` are stored; the others
/// are zero. A cotangent (`hasZero` false) has no coefficient 0: its rows begin with ȳ_1.
public struct JetView {
  public var matrix: Matrix
  /// Rows of one coefficient: the batch.
  public var block: Int
  public var degree: Int
  public var capacity: Int
  public var directions: Int
  public var hasZero: Bool

  public init(
    _ matrix: Matrix, block: Int, degree: Int, capacity: Int, directions: Int = 1,
    hasZero: Bool = true
  ) {
    precondition(matrix.isContiguous, "a jet is contiguous")
    precondition(degree <= capacity, "degree beyond the capacity")
    precondition(
      matrix.rows >= block * ((hasZero ? 1 : 0) + directions * capacity), "too few rows for the jet"
    )
    self.matrix = matrix
    self.block = block
    self.degree = degree
    self.capacity = capacity
    self.directions = directions
    self.hasZero = hasZero
  }

  public var columns: Int { matrix.columns }
  public var type: ScalarType { matrix.type }
  /// Elements from one direction's coefficients to the next's.
  public var directionStride: Int { capacity * block * columns }

  private func row(_ coefficient: Int, _ direction: Int) -> Int {
    precondition(coefficient >= (hasZero ? 0 : 1) && coefficient <= capacity)
    if coefficient == 0 { return 0 }
    return block * ((hasZero ? 1 : 0) + direction * capacity + coefficient - 1)
  }

  /// One coefficient, [block, columns].
  public subscript(coefficient: Int, direction direction: Int = 0) -> Matrix {
    let first = row(coefficient, direction)
    return matrix.rows(first..<(first + block))
  }

  /// Coefficients of one direction (0 only together with the first's) as one matrix.
  public func run(_ coefficients: ClosedRange<Int>, _ direction: Int) -> Matrix {
    precondition(coefficients.lowerBound > 0 || coefficients.upperBound == 0 || directions == 1)
    let first = row(coefficients.lowerBound, direction)
    return matrix.rows(first..<(first + block * coefficients.count))
  }

  /// Coefficients of direction 0 (of the only direction, if they begin with 0) as one matrix.
  public subscript(coefficients: ClosedRange<Int>) -> Matrix {
    let first = row(coefficients.lowerBound, 0)
    return matrix.rows(first..<(first + block * coefficients.count))
  }

  /// The same elements with another number of rows per coefficient.
  public func reshaped(block: Int, columns: Int) -> JetView {
    precondition(block * columns == self.block * self.columns, "equal sizes")
    var result = self
    let rows = block * ((hasZero ? 1 : 0) + directions * capacity)
    result.matrix = matrix.reshaped(rows: rows, columns: columns)
    result.block = block
    return result
  }

  /// Directions as further rows of one, where each has one coefficient and nothing lies between them:
  /// what meets the same constant weights then does so in one product. Otherwise the jet as it is.
  public var joined: JetView {
    guard directions > 1, !hasZero, degree == 1, capacity == 1 else { return self }
    return JetView(
      matrix.rows(0..<(block * directions)), block: block * directions, degree: 1, capacity: 1,
      hasZero: false)
  }

  func errors() -> [Double] {
    (0..<matrix.rows).flatMap { row in (0..<columns).map { matrix[row, $0].error } }
  }

  /// Adds `errors` (as `errors()` gave them) to the elements of `target`, rows of this jet.
  func addErrors(_ errors: [Double], where target: Matrix) {
    let first = (target.offset - matrix.offset) / columns
    for row in 0..<target.rows {
      for column in 0..<columns {
        target[row, column].error += errors[(first + row) * columns + column]
      }
    }
  }
}
