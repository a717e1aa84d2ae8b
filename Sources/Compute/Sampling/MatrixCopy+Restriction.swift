extension MatrixCopy: SampledOperation {
  /// Some elements, as a column: each is its own row's only one.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard output.count > 0 else { return nil }
    let elements = sampler.integers(sampler.elements, below: output.count)
    let places = elements.map { $0.quotientAndRemainder(dividingBy: output.columns) }
    let sources = places.map { source($0.quotient, $0.remainder) }
    return Restriction([
      Operand(
        .read, rows: elements.count, columns: 1,
        [Patch(x, starts: sources.map { $0.row * x.stride + $0.column })]),
      Operand(
        .write, rows: elements.count, columns: 1,
        [Patch(output, starts: places.map { $0.quotient * output.stride + $0.remainder })]),
    ]) { .matrixCopy(MatrixCopy($0[1], from: $0[0])) }
  }
}
