extension JetView {
  /// Elements `starts` of every coefficient to `degree` of one direction, with the `width`
  /// elements that follow each: together a jet of the same kind, of `starts.count`·`width` cells.
  func patches(_ starts: [Int], width: Int = 1, degree: Int, direction: Int) -> [Patch] {
    let inner = Patch.Extent(width, step: 1)
    let first = hasZero ? 0 : 1
    guard degree >= first else { return [Patch(matrix, starts: starts, outer: .init(0, step: 0))] }
    func stack(_ range: ClosedRange<Int>) -> Patch {
      let top = self[range.lowerBound, direction: direction]
      let rows = Matrix(
        top.buffer, offset: top.offset, rows: block * range.count, columns: columns)
      return Patch(
        rows, starts: starts, outer: .init(range.count, step: block * columns), inner: inner)
    }
    // Coefficient 0 lies directly before direction 0's others.
    if direction == 0 || !hasZero { return [stack(first...degree)] }
    return [stack(0...0)] + (degree >= 1 ? [stack(1...degree)] : [])
  }

  /// Such patches as an operand: coefficients of `rows` rows and `columns` columns.
  func operand(
    _ kind: Access.Kind, _ starts: [Int], width: Int = 1, rows: Int, columns: Int, degree: Int,
    direction: Int
  ) -> Restriction.Operand {
    let coefficients = degree + (hasZero ? 1 : 0)
    return Restriction.Operand(
      kind, rows: rows * coefficients, columns: columns,
      patches(starts, width: width, degree: degree, direction: direction))
  }

  /// A jet of this one's degree in such an operand's matrix.
  func compact(_ matrix: Matrix, block: Int, capacity: Int) -> JetView {
    JetView(
      matrix, block: block, degree: degree, capacity: capacity, hasZero: hasZero)
  }
}
