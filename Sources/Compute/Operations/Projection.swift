import Kernels

/// y ← Xv and q_i ← Σ_j X_ij², in double precision whatever X's type, for one or several matrices.
///
/// X is [m, n] after the transposition asked for, v has n elements. Sums are in an order of their
/// own, equal on all devices: 32 lanes of a row, or chunks of 32 rows of a column.
///
/// Error: |ŷ_i − y_i| ≤ 2γ_L Σ_j |X_ij v_j| with u = 2⁻⁵³ and L = n/32 + 100, q likewise.
public struct Projection: PortableOperation {
  public var x: Matrix
  public var transpose: Bool
  /// float64, n elements; product b's begin b·`strideVector` elements further on.
  public var vector: Matrix
  /// float64, m elements each; product b's begin b·`strideSums` elements further on.
  public var sums: Matrix
  public var squares: Matrix
  public var batch: Int
  public var strideX: Int
  public var strideVector: Int
  public var strideSums: Int

  public init(
    _ x: Matrix, transpose: Bool = false, times vector: Matrix, into sums: Matrix,
    squares: Matrix, batch: Int = 1, strideX: Int = 0, strideVector: Int = 0, strideSums: Int = 0
  ) {
    let (m, n) = transpose ? (x.columns, x.rows) : (x.rows, x.columns)
    precondition(vector.count == n && sums.count == m && squares.count == m, "shapes")
    precondition(
      vector.type == .float64 && sums.type == .float64 && squares.type == .float64
        && vector.isContiguous && sums.isContiguous && squares.isContiguous && x.type != .int32,
      "double precision")
    self.x = x
    self.transpose = transpose
    self.vector = vector
    self.sums = sums
    self.squares = squares
    self.batch = batch
    self.strideX = strideX
    self.strideVector = strideVector
    self.strideSums = strideSums
  }

  public var name: String { "projection" }
  public var cost: Cost {
    Cost(
      flops: 4 * Double(batch * x.count), bytes: Double(batch * x.count * x.type.byteCount))
  }

  /// How many roundings an element's partial sum takes part in, at most.
  public static func length(_ n: Int) -> Int { n / Int(PROJECTION_CHUNK) + 100 }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try body(&x, Access(.read, x, copies: batch, step: strideX))
    try body(&vector, Access(.read, vector, copies: batch, step: strideVector))
    try body(&sums, Access(.write, sums, copies: batch, step: strideSums))
    try body(&squares, Access(.write, squares, copies: batch, step: strideSums))
  }

  public func define() {
    // In units of x's roundoff, which bounds are counted in.
    let unit = ScalarType.float64.unitRoundoff / sums.type.unitRoundoff
    for b in 0..<batch {
      let (x, vector) = (self.x.moved(by: b * strideX), self.vector.moved(by: b * strideVector))
      let (sums, squares) = (
        self.sums.moved(by: b * strideSums), self.squares.moved(by: b * strideSums)
      )
      for i in 0..<sums.count {
        var (sum, magnitude, square) = (0.0, 0.0, 0.0)
        for j in 0..<vector.count {
          let element = transpose ? x[j, i].value : x[i, j].value
          let product = element * vector.flat[0, j].value
          sum += product
          magnitude += abs(product)
          square += element * element
        }
        // The definition rounds as often as there are elements.
        let roundings = Double(Self.length(vector.count) + vector.count) * unit
        sums.flat[0, i] = Bounded(sum, error: 2 * roundings * magnitude)
        squares.flat[0, i] = Bounded(square, error: 2 * roundings * square)
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) throws -> [Launch] {
    guard sums.count > 0, batch > 0 else { return [] }
    let (chunk, group) = (Int(PROJECTION_CHUNK), Int(PROJECTION_WIDTH))
    let (parts, groups) = ((x.rows + chunk - 1) / chunk, (x.columns + group - 1) / group)
    let plane = batch * parts * groups * group
    let parameters = ProjectionParameters(
      rows: x.rows, columns: x.columns, stride: x.stride, batchStride: strideX,
      vectorStride: strideVector, parts: parts, width: groups * group, plane: plane,
      sumsStride: strideSums)
    func launch(
      _ name: String, _ extent: Launch.Extent, work: Int, _ arguments: [Matrix]
    ) -> Launch {
      Launch(
        name, source: "projection", type: x.type, extent, arguments, parameters, work: work)
    }
    guard transpose else {
      return [
        launch(
          "projection_rows", .items(batch * x.rows), work: batch * x.count,
          [sums, squares, x, vector])
      ]
    }
    let partial = Matrix(try workspace(2 * max(1, plane), .float64), rows: 1, columns: 2 * plane)
    return [
      launch(
        "projection_chunks", .grid(rows: batch * parts, columns: groups), work: batch * x.count,
        [partial, x, vector]),
      launch(
        "projection_fold_chunks", .grid(rows: batch, columns: groups), work: plane,
        [sums, squares, partial]),
    ]
  }
}
