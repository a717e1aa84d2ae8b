import Kernels

/// result ← Σ_i x_i or Σ_i x_i², one scalar.
///
/// Canonical order: blocks of 65,536; in a block 64 lanes, lane i mod 64 accumulating in ascending
/// order, then the fixed tree 32, 16, …, 1; block sums by the same rule.
///
/// Error: at most (65,536/64 + 7)·(levels) roundings per term.
public struct Reduction: PortableOperation {
  public enum Kind: Sendable { case sum, sumOfSquares }

  public var kind: Kind
  public var x: Matrix
  /// 1×1.
  public var result: Matrix

  public init(_ kind: Kind, of x: Matrix, into result: Matrix) {
    precondition(x.isContiguous && x.count > 0 && result.count == 1, "a flat sum to one scalar")
    self.kind = kind
    self.x = x
    self.result = result
  }

  public var name: String { "reduction" }
  public var cost: Cost {
    Cost(flops: 2 * Double(x.count), bytes: Double(x.count * x.type.byteCount))
  }

  private static let block = Int(MACLAURIN_REDUCTION_BLOCK)
  private static let lanes = Int(MACLAURIN_REDUCTION_LANES)

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&x, .read, body)
    try visit(&result, .write, body)
  }

  public func define() { result[0, 0] = defined { x.flat.exact(0, $0) } }

  /// The sum over terms, or squares, that may have errors of their own.
  func defined(_ element: (Int) -> Bounded) -> Bounded {
    // Summed with compensation, so that float64 can be judged too: in ascending order alone the
    // definition would collect a rounding per term, and the lanes below only one per 64.
    var sum = 0.0
    var compensation = 0.0
    var magnitude = 0.0
    var (error, underflow) = (0.0, 0.0)
    for i in 0..<x.count {
      let (x, value) = (element(i), element(i).value)
      let term = kind == .sum ? value : value * value
      let next = sum + term
      // What the addition lost, exactly (Neumaier), and what the square lost.
      compensation += abs(sum) >= abs(term) ? (sum - next) + term : (term - next) + sum
      if kind == .sumOfSquares { compensation += (-term).addingProduct(value, value) }
      sum = next
      magnitude += abs(term)
      let slope = kind == .sum ? 1 : 2 * abs(value)
      if x.error != 0 { error += slope * x.error }
      if x.underflow != 0 { underflow += slope * x.underflow }
    }
    sum += compensation
    var roundings = 0
    var count = x.count
    repeat {
      roundings += min(count, Self.block) / Self.lanes + 8
      count = (count + Self.block - 1) / Self.block
    } while count > 1
    return Bounded(sum, error: error + Double(roundings) * magnitude, underflow: underflow)
  }

  private func blocks(_ count: Int) -> Int { (count + Self.block - 1) / Self.block }

  /// Memory for the first level's sums of lanes, [blocks, lanes].
  func firstPartial(_ workspace: (Int, ScalarType) throws -> Buffer) rethrows -> Matrix {
    try Matrix(
      workspace(blocks(x.count) * Self.lanes, x.type), rows: blocks(x.count), columns: Self.lanes)
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) throws -> [Launch] {
    let partial = try firstPartial(workspace)
    return try [
      lanes(kind == .sum ? "sum_lanes" : "sum_of_squares_lanes", of: x.flat, into: partial)
    ] + launches(from: partial, workspace: workspace)
  }

  private func lanes(_ function: String, of input: Matrix, into partial: Matrix) -> Launch {
    Launch(
      function, source: "reduction", type: x.type,
      .grid(rows: partial.rows, columns: Self.lanes), [partial, input],
      ReductionParameters(count: input.count))
  }

  /// What follows the first level's sums of lanes.
  func launches(
    from partial: Matrix, workspace: (Int, ScalarType) throws -> Buffer
  ) throws -> [Launch] {
    var launches: [Launch] = []
    var partial = partial
    while true {
      let count = partial.rows
      let sums =
        count == 1 ? result : Matrix(try workspace(count, x.type), rows: 1, columns: count)
      launches.append(
        Launch(
          "reduction_tree", source: "reduction", type: x.type, .items(count), [sums, partial],
          ReductionParameters(count: count)))
      if count == 1 { return launches }
      partial = Matrix(
        try workspace(blocks(count) * Self.lanes, x.type), rows: blocks(count),
        columns: Self.lanes)
      launches.append(lanes("sum_lanes", of: sums, into: partial))
    }
  }
}
