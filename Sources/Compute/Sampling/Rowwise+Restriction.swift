extension ColumnSums: SampledOperation {
  /// Some columns of one matrix.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard x.columns > 0, batch > 0 else { return nil }
    let index = sampler.integer(below: batch)
    let columns = sampler.integers(sampler.columns, below: x.columns)
    let (x, sums) = (self.x.moved(by: index * strideX), self.sums.moved(by: index * strideSums))
    let alpha = alpha
    return Restriction(
      [
        Operand(
          .read, rows: x.rows, columns: columns.count,
          [Patch(x, starts: columns, outer: .init(x.rows, step: x.stride))])
      ] + (scale.map { [Operand(.read, rows: 1, columns: 1, [Patch(whole: $0)])] } ?? [])
        + [Operand(.write, rows: 1, columns: columns.count, [Patch(sums, starts: columns)])]
    ) { matrices in
      .columnSums(
        ColumnSums(
          of: matrices[0], into: matrices.last!, alpha: alpha,
          scale: matrices.count > 2 ? matrices[1] : nil))
    }
  }
}

extension Gather: SampledOperation {
  /// Some columns of some rows; the small operation's rows are in order already.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard output.count > 0 else { return nil }
    let chosen = sampler.integers(sampler.rows, below: output.rows)
    let columns = sampler.integers(sampler.columns, below: output.columns)
    let source = Patch(
      x, starts: chosen.flatMap { _ in columns },
      indirection: Patch.Indirection(
        rows: rows, positions: chosen.flatMap { row in columns.map { _ in row } },
        stride: x.stride))
    let target = Patch(
      output, starts: chosen.flatMap { row in columns.map { row * output.stride + $0 } })
    let shape = (rows: chosen.count, columns: columns.count)
    return Restriction([
      Operand(.read, rows: shape.rows, columns: shape.columns, [source]),
      Operand(indices: (0..<Int32(chosen.count)).map { $0 }),
      Operand(.write, rows: shape.rows, columns: shape.columns, [target]),
    ]) { .gather(Gather($0[2], from: $0[0], rows: $0[1])) }
  }
}

extension SoftmaxCurvature: SampledOperation {
  /// Some rows of tangents; each brings its example's outputs and targets.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard tangents.count > 0 else { return nil }
    let items = sampler.integers(sampler.rows, below: tangents.rows)
    let (examples, width, factor) = (outputs.rows, tangents.columns, factor)
    func some(_ kind: Access.Kind, _ matrix: Matrix, _ rows: [Int]) -> Operand {
      Operand(
        kind, rows: rows.count, columns: width,
        [Patch(matrix, starts: rows.map { $0 * width }, inner: .init(width, step: 1))])
    }
    let rows = items.map { $0 % examples }
    return Restriction([
      some(.read, outputs, rows), some(.read, targets, rows), some(.read, tangents, items),
      some(.write, product, items),
    ]) { matrices in
      .softmaxCurvature(
        SoftmaxCurvature(
          matrices[3], outputs: matrices[0], targets: matrices[1], tangents: matrices[2],
          factor: factor))
    }
  }
}

extension Loss: SampledOperation {
  /// Everything of some examples.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard logits.block > 0, logits.columns > 0 else { return nil }
    let rows = sampler.integers(sampler.rows, below: logits.block)
    let (count, width) = (rows.count, logits.columns)
    func whole(_ kind: Access.Kind, _ matrix: Matrix) -> Operand {
      Operand(
        kind, rows: count, columns: width,
        [Patch(matrix, starts: rows.map { $0 * matrix.stride }, inner: .init(width, step: 1))])
    }
    func one(_ matrix: Matrix) -> Operand {
      Operand(.write, rows: 1, columns: count, [Patch(matrix, starts: rows)])
    }
    func jet(_ kind: Access.Kind, _ jet: JetView) -> Operand {
      jet.operand(
        kind, rows.map { $0 * width }, width: width, rows: count, columns: width,
        degree: jet.degree, direction: 0)
    }
    let operands =
      [jet(.read, logits), whole(.read, targets)]
      + (scale.map { [Operand(.read, rows: 1, columns: 1, [Patch(whole: $0)])] } ?? [])
      + [whole(.write, outputs), one(losses), one(correct)]
      + (cotangent.map { [jet(.write, $0)] } ?? [])
    let bare = withoutMemory
    return Restriction(operands) { matrices in
      var small = bare
      var next = matrices.makeIterator()
      small.logits = bare.logits.compact(
        next.next()!, block: count, capacity: bare.logits.degree)
      small.targets = next.next()!
      if bare.scale != nil { small.scale = next.next()! }
      small.outputs = next.next()!
      small.losses = next.next()!
      small.correct = next.next()!
      small.cotangent = bare.cotangent.map {
        $0.compact(next.next()!, block: count, capacity: $0.degree)
      }
      return .loss(small)
    }
  }
}
