import Compute

/// Which pairs of outputs (o, o′) a kernel has values for, and how they are summed.
///
/// While a kernel is summed up its values lie as [pairs, n1·n2]: pair after pair, each a matrix of
/// examples.
struct OutputPairs {
  let kind: KernelOutputs
  /// O
  let outputs: Int

  /// Pairs that are kept: 1, O or O².
  var count: Int {
    switch kind {
    case .trace: 1
    case .diagonal: outputs
    case .full: outputs * outputs
    }
  }

  /// Products of rows of two outputs for one pair of examples.
  var products: Int { kind == .full ? outputs * outputs : outputs }

  /// The shape of what a pair of examples has.
  var entry: [Int] {
    switch kind {
    case .trace: []
    case .diagonal: [outputs]
    case .full: [outputs, outputs]
    }
  }

  /// Equal contractions whose results are neighbours among the pairs.
  struct Run {
    /// The first pair.
    var pair: Int
    var count: Int
    /// The outputs of the first contraction.
    var left: Int
    var right: Int
    /// From one contraction's outputs to the next's.
    var leftStep: Int
    var rightStep: Int
    /// Whether it is added to what is there.
    var isAdded: Bool
  }

  /// `trace` adds its outputs one after the other.
  var runs: [Run] {
    switch kind {
    case .trace:
      (0..<outputs).map {
        Run(pair: 0, count: 1, left: $0, right: $0, leftStep: 0, rightStep: 0, isAdded: $0 > 0)
      }
    case .diagonal:
      [
        Run(
          pair: 0, count: outputs, left: 0, right: 0, leftStep: 1, rightStep: 1, isAdded: false)
      ]
    case .full:
      (0..<outputs).map {
        Run(
          pair: $0 * outputs, count: outputs, left: $0, right: 0, leftStep: 0, rightStep: 1,
          isAdded: false)
      }
    }
  }
}

/// Rows of one coefficient of all outputs' cotangents: output o's begin o·`step` elements further on.
struct OutputRows {
  /// Output 0's: [examples·positions, columns].
  var matrix: Matrix
  var step: Int

  /// Rows `range` of output 0.
  func rows(_ range: Range<Int>) -> OutputRows {
    OutputRows(matrix: matrix.rows(range), step: step)
  }
}

extension OutputPairs.Run {
  /// c_{o,o′} ← α·a_o b_{o′}ᵀ + β·c_{o,o′} for the pairs of this run, which lie `size` elements apart from
  /// `target` on.
  func contraction(
    _ a: OutputRows, _ b: OutputRows, into target: Matrix, size: Int, alpha: Double = 1,
    isAdded: Bool
  ) -> Contraction {
    Contraction(
      a.matrix.moved(by: left * a.step), b.matrix.moved(by: right * b.step), into: target,
      transposeB: true, alpha: alpha, beta: isAdded ? 1 : 0, batch: count,
      strideA: leftStep * a.step, strideB: rightStep * b.step, strideC: size)
  }
}
