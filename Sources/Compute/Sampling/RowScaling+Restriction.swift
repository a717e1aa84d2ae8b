// Operations with a factor for each row, some of their elements.

extension RowScaling: SampledOperation {
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard x.count > 0 else { return nil }
    let elements = sampler.integers(sampler.elements, below: x.count)
    let (count, columns) = (elements.count, x.columns)
    let factors = elements.map { axis == .rows ? $0 / columns : $0 % columns }
    func all(_ kind: Access.Kind, _ matrix: Matrix) -> Operand {
      Operand(kind, rows: count, columns: 1, [Patch(matrix, starts: elements)])
    }
    func one(_ matrix: Matrix) -> Operand {
      Operand(.read, rows: 1, columns: count, [Patch(matrix, starts: factors)])
    }
    let isInPlace = output.buffer === x.buffer && output.offset == x.offset
    let (alpha, hasSecond, inverseRoot) = (alpha, second != nil, inverseRoot)
    return Restriction(
      (isInPlace ? [all(.readWrite, output)] : [all(.read, x), all(.write, output)])
        + [one(first)] + (second.map { [one($0)] } ?? [])
    ) { matrices in
      let first = isInPlace ? 1 : 2
      return .rowScaling(
        RowScaling(
          matrices[first - 1], matrices[0], by: matrices[first],
          hasSecond ? matrices[first + 1] : nil, alpha: alpha, inverseRoot: inverseRoot))
    }
  }
}

extension RowSquares: SampledOperation {
  /// Some rows.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard x.count > 0 else { return nil }
    let rows = sampler.integers(sampler.rows, below: x.rows)
    let (count, columns) = (rows.count, x.columns)
    func one(_ kind: Access.Kind, _ matrix: Matrix) -> Operand {
      Operand(kind, rows: 1, columns: count, [Patch(matrix, starts: rows)])
    }
    let patch = Patch(x, starts: rows.map { $0 * columns }, inner: .init(columns, step: 1))
    return Restriction(
      [Operand(.read, rows: count, columns: columns, [patch])]
        + (bias.map { [one(.read, $0)] } ?? []) + [one(.write, squares)]
    ) { matrices in
      .rowSquares(
        RowSquares(
          of: matrices[0], bias: matrices.count > 2 ? matrices[1] : nil, into: matrices.last!))
    }
  }
}

extension RowPenalty: SampledOperation {
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard x.count > 0 else { return nil }
    let elements = sampler.integers(sampler.elements, below: x.count)
    let (count, columns) = (elements.count, x.columns)
    func all(_ kind: Access.Kind, _ matrix: Matrix) -> Operand {
      Operand(kind, rows: count, columns: 1, [Patch(matrix, starts: elements)])
    }
    let rows = Patch(squares, starts: elements.map { $0 / columns })
    let (factor, exponent) = (factor, exponent)
    return Restriction([
      all(.read, x), Operand(.read, rows: 1, columns: count, [rows]),
      Operand(.read, rows: 1, columns: 1, [Patch(whole: total)]), all(.readWrite, gradient),
    ]) {
      .rowPenalty(
        RowPenalty(
          $0[3], of: $0[0], squares: $0[1], total: $0[2], factor: factor, exponent: exponent))
    }
  }
}
