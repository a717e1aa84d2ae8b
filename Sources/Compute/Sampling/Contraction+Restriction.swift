extension Contraction: SampledOperation {
  /// Rows of A against columns of B of one product.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard m > 0, n > 0, batch > 0 else { return nil }
    return restriction(
      rows: sampler.integers(sampler.rows, below: m),
      columns: sampler.integers(sampler.columns, below: n), of: sampler.integer(below: batch))
  }

  /// Outputs `rows`×`columns` of product number `index`; all columns for nil.
  public func restriction(rows: [Int], columns: [Int]?, of index: Int) -> Restriction {
    typealias Operand = Restriction.Operand
    let a = self.a.moved(by: index * strideA)
    let b = self.b.moved(by: index * strideB)
    let c = self.c.moved(by: index * strideC)
    let width = columns?.count ?? n

    let left =
      transposeA
      ? Operand(
        .read, rows: k, columns: rows.count,
        [Patch(a, starts: rows, outer: .init(k, step: a.stride))])
      : Operand(
        .read, rows: rows.count, columns: k,
        [Patch(a, starts: rows.map { $0 * a.stride }, inner: .init(k, step: 1))])

    let right: Operand
    switch (columns, transposeB) {
    case (nil, _): right = Operand(.read, rows: b.rows, columns: b.columns, [Patch(whole: b)])
    case (let columns?, true):
      right = Operand(
        .read, rows: width, columns: k,
        [Patch(b, starts: columns.map { $0 * b.stride }, inner: .init(k, step: 1))])
    case (let columns?, false):
      right = Operand(
        .read, rows: k, columns: width,
        [Patch(b, starts: columns, outer: .init(k, step: b.stride))])
    }

    let product =
      columns.map { columns in
        Patch(c, starts: rows.flatMap { row in columns.map { row * c.stride + $0 } })
      } ?? Patch(c, starts: rows.map { $0 * c.stride }, inner: .init(n, step: 1))
    let output = Operand(
      beta == 0 ? .write : .readWrite, rows: rows.count, columns: width, [product])
    let factor = scale.map { Operand(.read, rows: 1, columns: 1, [Patch(whole: $0)]) }

    let (transposeA, transposeB, alpha, beta) = (transposeA, transposeB, alpha, beta)
    return Restriction([left, right] + (factor.map { [$0] } ?? []) + [output]) { matrices in
      .contraction(
        Contraction(
          matrices[0], matrices[1], into: matrices.last!, transposeA: transposeA,
          transposeB: transposeB, alpha: alpha, scale: matrices.count > 3 ? matrices[2] : nil,
          beta: beta))
    }
  }
}
