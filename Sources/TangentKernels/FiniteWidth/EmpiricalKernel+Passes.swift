import Compute
import Jets
import Networks

/// The passes over examples.
extension EmpiricalKernel {
  /// Θ between some rows and columns (O times the trace), [entries, rows·columns]; no columns: the rows
  /// themselves.
  ///
  /// - Parameter outputsAtOnce: of one pass; for `full` all.
  func sums(
    _ rows: Range<Int>, _ columns: Range<Int>?, outputsAtOnce: Int
  ) throws -> Matrix {
    let count = network.outputCount
    let size = rows.count * (columns ?? rows).count
    let total = try backend.matrix(entryCount, size, type)
    if outputs == .full {
      try pass(rows, columns, 0..<count, into: total)
      return total
    }
    for group in Self.parts(count, outputsAtOnce) {
      if outputs == .diagonal {
        try pass(rows, columns, group, into: total.rows(group))
        continue
      }
      // Outputs one after the other, however they are grouped.
      let values = try backend.matrix(group.count, size, type)
      try pass(rows, columns, group, into: values)
      for (row, output) in group.enumerated() {
        let value = values.rows(row..<(row + 1))
        try backend.run(
          .linearCombination(
            output == 0
              ? LinearCombination(total, 1, value) : LinearCombination(total, 1, value, 1, total)))
      }
    }
    return total
  }

  /// A pass forward and back, with some outputs, into [pairs, rows·columns].
  ///
  /// At order 0 and 1 the outputs' cotangents are directions of one pullback. A jet of higher order
  /// would have to carry as many directions forward; there every example comes once for each output.
  private func pass(
    _ rows: Range<Int>, _ columns: Range<Int>?, _ group: Range<Int>, into sums: Matrix
  ) throws {
    let count = rows.count + (columns?.count ?? 0)
    try pass(
      rows, columns, group,
      to: contributions(
        group, first: 0..<rows.count,
        second: columns == nil ? 0..<rows.count : rows.count..<count, into: sums))
  }

  /// What collects Θ between some examples of a pass.
  private func contributions(
    _ group: Range<Int>, first: Range<Int>, second: Range<Int>, into sums: Matrix
  ) throws -> KernelContributions {
    try KernelContributions(
      OutputPairs(isFull: outputs == .full, outputs: group.count), of: network.outputCount,
      first: first, second: second, isReplicated: ray != nil, into: sums, on: backend)
  }

  private func pass(
    _ rows: Range<Int>, _ columns: Range<Int>?, _ group: Range<Int>, to sink: any GradientSink
  ) throws {
    let order = ray == nil ? 0 : expansion!.order
    let count = rows.count + (columns?.count ?? 0)
    let inputs = try self.inputs(rows, columns, copies: order == 0 ? 1 : group.count)
    let parameters = ParameterJet(center: center, displacement: ray?.direction)
    let (algebra, tape) = (JetAlgebra(backend, order: order), Network.Tape())
    let degree = try network.pushforward(
      inputs, parameters, algebra: algebra, tape: tape
    ).degree
    let cotangent = try cotangent(
      of: group, examples: count, degree: max(1, degree), isReplicated: order > 0)
    try network.pullback(
      cotangent, tape, parameters, algebra: algebra, isTrainable: isTrainable,
      to: tensorScales.map { ScaledGradients($0, sink) } ?? sink)
  }

  // MARK: Symmetric blocks

  /// Rows of the strips into which a symmetric block of n examples is cut, so that of what lies on both
  /// sides of the diagonal little more than half is computed; nil where that does not pay. All strips
  /// are made in one pass. Convolutions unfold their inputs, and make their gradients, for every strip
  /// anew, so that they are left alone.
  func stripRows(_ n: Int) -> Int? {
    let size = max(64, (n + 7) / 8)
    guard outputs == .full, n >= 2 * size,
      network.parameters.allSatisfy({ $0.shape.count <= 2 })
    else { return nil }
    return size
  }

  /// Θ between rows and themselves in a block that begins `offset` examples before them: each strip with
  /// the examples from its own first one on, and mirrored.
  func triangle(
    _ rows: Range<Int>, at offset: Int, stripRows: Int, into block: Matrix
  ) throws {
    let strips = Self.parts(rows.count, stripRows)
    let sums = try strips.map { strip in
      try backend.matrix(
        entryCount, strip.count * (rows.count - strip.lowerBound), type)
    }
    let sinks = try strips.indices.map { index in
      try contributions(
        0..<network.outputCount, first: strips[index],
        second: strips[index].lowerBound..<rows.count, into: sums[index])
    }
    try pass(rows, nil, 0..<network.outputCount, to: SeveralContributions(sinks: sinks))
    for (strip, sum) in zip(strips, sums) {
      let columns = (strip.lowerBound..<rows.count).shifted(by: offset)
      let strip = strip.shifted(by: offset)
      try store(sum, strip, columns, into: block)
      try storeMirrored(sum, strip, columns, into: block)
    }
  }

  /// The examples of both sides, the whole `copies` times.
  private func inputs(_ rows: Range<Int>, _ columns: Range<Int>?, copies: Int) throws -> Matrix {
    let left = x1.rows(rows)
    guard let columns else { return try repeated([left], copies) }
    return try repeated([left, (x2 ?? x1).rows(columns)], copies)
  }

  private func repeated(_ parts: [Matrix], _ copies: Int) throws -> Matrix {
    if parts.count == 1, copies == 1, parts[0].isContiguous { return parts[0] }
    let count = parts.reduce(0) { $0 + $1.rows }
    let all = try backend.matrix(copies * count, x1.columns, type)
    var next = 0
    for _ in 0..<copies {
      for part in parts {
        try backend.run(
          .linearCombination(LinearCombination(all.rows(next..<(next + part.rows)), 1, part)))
        next += part.rows
      }
    }
    return all
  }

  /// For each output a cotangent that is 1 there, in coefficient i times s^{1−i}: f_k = Σ y_i s^{−i} and
  /// the gradient is s times as large.
  private func cotangent(
    of group: Range<Int>, examples: Int, degree: Int, isReplicated: Bool
  ) throws -> Jet {
    let outputs = network.outputCount
    let s = ray?.scale ?? 1
    let units = (1...degree).flatMap { i -> [Double] in
      let isSeen = !isReplicated || i == expansion?.coefficient ?? i
      let power = Double(sign: .plus, exponent: Int(s.exponent) * (1 - i), significand: 1)
      return group.flatMap { o in (0..<outputs).map { $0 == o && isSeen ? power : 0 } }
    }
    let count = degree * group.count
    let order = try backend.matrix(count * examples, 1, .int32)
    try backend.upload(
      (0..<count).flatMap { [Int32](repeating: Int32($0), count: examples) }, to: order)
    let rows = try backend.matrix(count * examples, outputs, type)
    try backend.run(
      .gather(Gather(rows, from: try backend.matrix(count, outputs, type, units), rows: order)))
    return Jet(
      rows, block: isReplicated ? group.count * examples : examples, degree: degree,
      capacity: degree,
      directions: isReplicated ? 1 : group.count, hasZero: false)
  }
}

/// Hands gradients to several sums, one after the other.
private struct SeveralContributions: GradientSink {
  let sinks: [KernelContributions]

  func take(_ gradient: AffineGradient) throws {
    for sink in sinks { try sink.take(gradient) }
  }

  func take(_ gradient: NormalizationGradient) throws {
    for sink in sinks { try sink.take(gradient) }
  }
}

/// The covariance of an output over initial output layers.
extension EmpiricalKernel {
  func covariance(_ rows: Range<Int>, _ columns: Range<Int>, into block: Matrix) throws {
    guard let (weight, bias) = network.outputVariances else {
      preconditionFailure("checked when the kernel was made")
    }
    let left = try features(x1, rows)
    let isDiagonal = isSymmetric && rows == columns
    let right = isDiagonal ? left : try features(x2 ?? x1, columns)
    let values = try outputs == .trace ? block : backend.matrix(rows.count, columns.count, type)
    try backend.run(.fill(Fill(values, value: bias)))
    try backend.run(
      .contraction(
        Contraction(left, right, into: values, transposeB: true, alpha: weight, beta: 1)))
    guard outputs != .trace else { return }
    let count = network.outputCount
    let pattern =
      outputs == .diagonal
      ? [Double](repeating: 1, count: count)
      : (0..<count * count).map { $0 % (count + 1) == 0 ? 1 : 0 }
    try backend.run(
      .contraction(
        Contraction(
          values.reshaped(rows: values.count, columns: 1),
          try backend.matrix(1, pattern.count, type, pattern),
          into: block.reshaped(rows: values.count, columns: pattern.count))))
  }

  /// The output layer's inputs, as many examples at a time as `passBytes` allow.
  private func features(_ x: Matrix, _ rows: Range<Int>) throws -> Matrix {
    let null = NullBackend(workspace: Workspace(convolutionBytes: backend.workspaceBytes))
    let width = try network.features(
      null.matrix(1, x.columns, type), at: null.matrix(1, center.columns, type), on: null
    ).columns
    let each = null.statistics.peakBytes - center.columns * type.byteCount
    let result = try backend.matrix(rows.count, width, type)
    for part in Self.parts(rows.count, max(1, passBytes / max(1, each))) {
      let h = try network.features(
        x.rows(part.shifted(by: rows.lowerBound)), at: center, on: backend)
      try backend.run(.linearCombination(LinearCombination(result.rows(part), 1, h)))
    }
    return result
  }
}
