import Compute

/// From sums, pair of outputs after pair, to blocks, pair of examples after pair.
extension EmpiricalKernel {
  /// Θ as a matrix between outputs, rows and columns example after example: [rows·O, columns·O].
  ///
  /// - Precondition: `full` outputs.
  public func matrix(rows: Range<Int>, columns: Range<Int>) throws -> Matrix {
    precondition(self.outputs == .full, "every output with every output")
    let outputs = network.outputCount
    let block = try block(rows: rows, columns: columns)
    // [n1, n2, o, o′] → [n1, n2, o′, o] → [n1, o, n2, o′].
    let exchanged = try backend.matrix(block.rows, block.columns, type)
    try backend.run(
      .transposition(
        Transposition(exchanged, from: block, rows: outputs, columns: outputs)))
    let result = try backend.matrix(rows.count * outputs, columns.count * outputs, type)
    try backend.run(
      .transposition(
        Transposition(result, from: exchanged, rows: columns.count * outputs, columns: outputs)))
    return result
  }

  /// Copies sums, [pairs, n1·n2], to where the block has them, [n1, n2·pairs].
  func store(
    _ sum: Matrix, _ rows: Range<Int>, _ columns: Range<Int>, into block: Matrix
  ) throws {
    var values = sum
    if entryCount > 1 {
      values = try backend.matrix(sum.columns, sum.rows, type)
      try backend.run(
        .transposition(Transposition(values, from: sum, rows: sum.rows, columns: sum.columns)))
    }
    try copy(values, rows, columns, into: block)
  }

  /// The same with the examples exchanged, and with them the outputs.
  func storeMirrored(
    _ sum: Matrix, _ rows: Range<Int>, _ columns: Range<Int>, into block: Matrix
  ) throws {
    var values = try backend.matrix(sum.rows, sum.columns, type)
    try backend.run(
      .transposition(Transposition(values, from: sum, rows: rows.count, columns: columns.count)))
    if entryCount > 1 {
      let entries = try backend.matrix(values.columns, values.rows, type)
      try backend.run(
        .transposition(
          Transposition(entries, from: values, rows: values.rows, columns: values.columns)))
      values = entries
    }
    if outputs == .full {
      let exchanged = try backend.matrix(values.rows, values.columns, type)
      try backend.run(
        .transposition(
          Transposition(
            exchanged, from: values, rows: network.outputCount, columns: network.outputCount)))
      values = exchanged
    }
    try copy(values, columns, rows, into: block)
  }

  /// A part of a block, for `trace` divided by O.
  private func copy(
    _ values: Matrix, _ rows: Range<Int>, _ columns: Range<Int>, into block: Matrix
  ) throws {
    var values = values.reshaped(rows: rows.count, columns: columns.count * entryCount)
    if outputs == .trace {
      let scaled = try backend.matrix(values.rows, values.columns, type)
      try backend.run(
        .linearCombination(
          LinearCombination(scaled, 1 / Double(network.outputCount), values)))
      values = scaled
    }
    let target = Matrix(
      block.buffer,
      offset: block.offset + rows.lowerBound * block.stride + columns.lowerBound * entryCount,
      rows: values.rows, columns: values.columns, stride: block.stride)
    try backend.run(.matrixCopy(MatrixCopy(target, from: values)))
  }
}
