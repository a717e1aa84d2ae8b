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

  public func define() {
    // Summed with compensation, so that float64 can be judged too: in ascending order alone the
    // definition would collect a rounding per term, and the lanes below only one per 64.
    var sum = 0.0
    var compensation = 0.0
    var magnitude = 0.0
    let x = self.x.flat
    for i in 0..<x.count {
      let value = x[0, i].value
      let term = kind == .sum ? value : value * value
      let next = sum + term
      // What the addition lost, exactly (Neumaier), and what the square lost.
      compensation += abs(sum) >= abs(term) ? (sum - next) + term : (term - next) + sum
      if kind == .sumOfSquares { compensation += (-term).addingProduct(value, value) }
      sum = next
      magnitude += abs(term)
    }
    sum += compensation
    var roundings = 0
    var count = x.count
    repeat {
      roundings += min(count, Self.block) / Self.lanes + 8
      count = (count + Self.block - 1) / Self.block
    } while count > 1
    result[0, 0] = Bounded(sum, error: Double(roundings) * magnitude)
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) throws -> [Launch] {
    var launches: [Launch] = []
    var input = x.flat
    var function = kind == .sum ? "sum_lanes" : "sum_of_squares_lanes"
    repeat {
      let blocks = (input.count + Self.block - 1) / Self.block
      let partial = Matrix(
        try workspace(blocks * Self.lanes, x.type), rows: blocks, columns: Self.lanes)
      let sums =
        blocks == 1 ? result : Matrix(try workspace(blocks, x.type), rows: 1, columns: blocks)
      let parameters = ReductionParameters(count: input.count)
      launches.append(
        Launch(
          function, source: "reduction", type: x.type, .grid(rows: blocks, columns: Self.lanes),
          [partial, input], parameters))
      launches.append(
        Launch(
          "reduction_tree", source: "reduction", type: x.type, .items(blocks), [sums, partial],
          parameters))
      input = sums
      function = "sum_lanes"
    } while input.count > 1
    return launches
  }
}
