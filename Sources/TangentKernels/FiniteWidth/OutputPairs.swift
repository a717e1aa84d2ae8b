import Compute

extension KernelOutputs {
  /// The shape of what a pair of examples has, for a network with that many outputs.
  func entry(_ outputs: Int) -> [Int] {
    switch self {
    case .trace: []
    case .diagonal: [outputs]
    case .full: [outputs, outputs]
    }
  }
}

/// The pairs of outputs (o, o′) that a pass sums up: equal ones, or all.
///
/// Values lie as [pairs, n1·n2] meanwhile: pair after pair, each a matrix of examples.
struct OutputPairs {
  let isFull: Bool
  /// O
  let outputs: Int

  /// O or O².
  var count: Int { isFull ? outputs * outputs : outputs }

  /// Contractions whose results are neighbours among the pairs, one for each pair.
  struct Run {
    /// The first pair.
    var pair: Int
    var count: Int
    /// The first contraction's left output.
    var left: Int
    /// From one contraction's left output to the next's; right ones follow each other from 0 on.
    var leftStep: Int

    /// c_{o,o′} ← α·a_o b_{o′}ᵀ + β·c_{o,o′} for the pairs of this run; the first is `target`, and others
    /// lie `size` elements apart.
    func contraction(
      _ a: OutputRows, _ b: OutputRows, into target: Matrix, size: Int, alpha: Double = 1,
      beta: Double = 0
    ) -> Contraction {
      Contraction(
        a.matrix.moved(by: left * a.step), b.matrix, into: target, transposeB: true,
        alpha: alpha, beta: beta, batch: count, strideA: leftStep * a.step, strideB: b.step,
        strideC: size)
    }
  }

  var runs: [Run] {
    guard isFull else { return [Run(pair: 0, count: outputs, left: 0, leftStep: 1)] }
    return (0..<outputs).map { Run(pair: $0 * outputs, count: outputs, left: $0, leftStep: 0) }
  }
}

/// Rows of all outputs, of which output o's begin o·`step` elements behind output 0's.
struct OutputRows {
  /// Output 0's.
  var matrix: Matrix
  var step: Int

  /// Rows `range` of each output.
  func rows(_ range: Range<Int>) -> OutputRows {
    OutputRows(matrix: matrix.rows(range), step: step)
  }
}
