import Kernels

/// out_r ← (Σ_j c_rj x_j)/d_r, elementwise, x_j and out_r blocks of `block` rows of two matrices.
///
/// Each sum is one multiplication and fmas in the order of the row's terms; the division, where
/// there is one, is correctly rounded. It is what evaluates and interpolates the coefficients of a
/// jet (see `JetProductPlan`).
public struct BlockCombination: PortableOperation {
  /// One output block: factors of source blocks, and a divisor, 1 or 3.
  public struct Row: Sendable, Equatable {
    public struct Term: Sendable, Equatable {
      public var source: Int
      public var factor: Double
    }

    /// Ascending sources; no factor is 0.
    public let terms: [Term]
    public let divisor: Double

    /// The terms in the order of their sources, zeros left out.
    public init(_ terms: [(source: Int, factor: Double)], divisor: Double) {
      self.terms = terms.filter { $0.factor != 0 }.sorted { $0.source < $1.source }
        .map { Term(source: $0.source, factor: $0.factor) }
      self.divisor = divisor
      precondition(self.terms.count <= Int(COMBINATION_TERMS) && !self.terms.isEmpty, "few terms")
      precondition(
        self.terms.allSatisfy { (0..<256).contains($0.source) && abs($0.factor) < 16 }
          && self.terms.allSatisfy { ($0.factor * 8).rounded() == $0.factor * 8 }
          && (divisor == 1 || divisor == 3), "factors are small eighths")
    }

    /// Operations per element.
    var flops: Double { Double(2 * terms.count - 1) + (divisor == 1 ? 0 : 1) }

    /// The same of other sources.
    func shifted(by places: Int) -> Row {
      Row(terms.map { ($0.source + places, $0.factor) }, divisor: divisor)
    }

    /// The source, where the row is one block as it is.
    public var copied: Int? {
      terms.count == 1 && terms[0].factor == 1 && divisor == 1 ? terms[0].source : nil
    }
  }

  /// [rows.count·block, columns], contiguous, like `input`.
  public var output: Matrix
  public var input: Matrix
  public var block: Int
  public var rows: [Row]

  public init(_ output: Matrix, of input: Matrix, block: Int, rows: [Row]) {
    precondition(output.isContiguous && input.isContiguous, "contiguous")
    precondition(output.columns == input.columns && output.type == input.type, "equal columns")
    precondition(output.rows == rows.count * block, "a block for each row")
    self.output = output
    self.input = input
    self.block = block
    self.rows = rows
    let last = rows.reduce(0) { max($0, $1.terms.last?.source ?? 0) }
    precondition(input.rows >= (last + 1) * block, "the sources are blocks of the input")
  }

  public var name: String { "block_combination" }
  public var cost: Cost {
    let cells = Double(block * output.columns)
    var (flops, sources) = (0.0, Set<Int>())
    for row in rows {
      flops += row.flops
      for term in row.terms { sources.insert(term.source) }
    }
    return Cost(
      flops: flops * cells,
      bytes: Double(sources.count + rows.count) * cells * Double(output.type.byteCount))
  }

  public mutating func visitOperands(
    _ body: (inout Matrix, Access) throws -> Void
  ) rethrows {
    try visit(&input, .read, body)
    try visit(&output, .write, body)
  }

  public func define() {
    for (index, row) in rows.enumerated() {
      for i in 0..<block {
        for column in 0..<output.columns {
          output[index * block + i, column] = row.value {
            input.exact($0 * block + i, column)
          }
        }
      }
    }
  }

  public func launches(workspace: (Int, ScalarType) throws -> Buffer) -> [Launch] {
    let limit = Int(COMBINATION_ROWS)
    return stride(from: 0, to: rows.count, by: limit).map { first in
      let part = rows[first..<min(first + limit, rows.count)]
      var words = [Int](repeating: 0, count: 2 + 4 * limit)
      words[0] = part.count
      words[1] = block * output.columns
      for (r, row) in part.enumerated() {
        words[2 + r] = row.terms.count
        words[2 + 3 * limit + r] = Int(row.divisor)
        for (t, term) in row.terms.enumerated() {
          words[2 + limit + r] |= term.source << (8 * t)
          words[2 + 2 * limit + r] |= (Int(term.factor * 8) & 255) << (8 * t)
        }
      }
      var parameters = BlockCombinationParameters()
      withUnsafeMutableBytes(of: &parameters) { bytes in
        words.withUnsafeBytes { bytes.copyMemory(from: $0) }
      }
      parameters.columns = output.columns
      let target = output.rows((first * block)..<((first + part.count) * block))
      return Launch(
        "block_combination", source: "block_combination", type: output.type,
        .grid(rows: block, columns: output.columns), [target, input], parameters,
        work: part.count * block * output.columns)
    }
  }
}

extension BlockCombination.Row {
  /// The row of the definition, for the sources' values.
  func value(_ source: (Int) -> Bounded) -> Bounded {
    var sum = Bounded(0)
    for (index, term) in terms.enumerated() {
      let (factor, x) = (Bounded(term.factor), source(term.source))
      // Times 1 is exact.
      sum =
        index > 0
        ? .fma(factor, x, sum) : term.factor == 1 ? x : factor * x
    }
    return divisor == 1 ? sum : sum / Bounded(divisor)
  }
}
