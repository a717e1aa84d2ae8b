extension JetContraction: SampledOperation {
  /// All coefficients of rows of the batch and of outputs, of one direction.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard output.block > 0, output.columns > 0, output.directions > 0 else { return nil }
    return restriction(
      rows: sampler.integers(sampler.rows, below: output.block),
      columns: sampler.integers(sampler.columns, below: output.columns),
      direction: sampler.integer(below: output.directions))
  }

  /// All coefficients of `rows`×`columns` of one direction; all columns for nil.
  public func restriction(rows: [Int], columns: [Int]?, direction: Int) -> Restriction {
    typealias Operand = Restriction.Operand
    let count = rows.count
    let width = columns?.count ?? output.columns
    // Cotangents beyond the input's degree are not written.
    let degree = sense == .forward ? output.degree : min(output.degree, input.degree)
    func weights(_ matrix: Matrix) -> Operand {
      guard let columns else {
        return Operand(.read, rows: matrix.rows, columns: matrix.columns, [Patch(whole: matrix)])
      }
      if sense == .forward {
        return Operand(
          .read, rows: width, columns: matrix.columns,
          [
            Patch(
              matrix, starts: columns.map { $0 * matrix.stride },
              inner: .init(matrix.columns, step: 1))
          ])
      }
      return Operand(
        .read, rows: matrix.rows, columns: width,
        [Patch(matrix, starts: columns, outer: .init(matrix.rows, step: matrix.stride))])
    }

    var operands = [
      input.operand(
        .read, rows.map { $0 * input.columns }, width: input.columns, rows: count,
        columns: input.columns, degree: input.degree, direction: direction),
      weights(center),
    ]
    if let displacement {
      operands.append(weights(displacement.moved(by: direction * displacementStride)))
    }
    if let scale { operands.append(Operand(.read, rows: 1, columns: 1, [Patch(whole: scale)])) }
    let starts = rows.map { $0 * output.columns }
    let kind: Access.Kind = isZeroGiven ? .readWrite : .write
    operands.append(
      columns.map { columns in
        output.operand(
          kind, starts.flatMap { start in columns.map { start + $0 } }, rows: count,
          columns: width, degree: degree, direction: direction)
      }
        ?? output.operand(
          kind, starts, width: width, rows: count, columns: width, degree: degree,
          direction: direction))

    let bare = withoutMemory
    return Restriction(operands) { matrices in
      var small = bare
      var output = bare.output
      output.degree = degree
      var next = matrices.makeIterator()
      small.input = bare.input.compact(next.next()!, block: count, capacity: bare.input.degree)
      small.center = next.next()!
      if bare.displacement != nil { small.displacement = next.next()! }
      if bare.scale != nil { small.scale = next.next()! }
      small.output = output.compact(next.next()!, block: count, capacity: degree)
      return .jetContraction(small)
    }
  }
}
