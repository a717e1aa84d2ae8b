extension Unfold: SampledOperation {
  /// One row, from an image that consists of what it sees; the next one where it sees padding only.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard output.rows > 0 else { return nil }
    let row = sampler.integer(below: output.rows)
    for offset in 0..<output.rows {
      if let found = restriction(row: (row + offset) % output.rows) { return found }
    }
    return nil
  }

  private func restriction(row: Int) -> Restriction? {
    typealias Operand = Restriction.Operand
    let g = geometry
    let (example, position) = (first + row).quotientAndRemainder(dividingBy: g.output.count)
    let y = position / g.output.width * g.stride.height - g.top
    let x = position % g.output.width * g.stride.width - g.left
    let rows = max(0, y)..<min(g.input.height, y + g.kernel.height)
    let columns = max(0, x)..<min(g.input.width, x + g.kernel.width)
    guard rows.lowerBound < rows.upperBound, columns.lowerBound < columns.upperBound else {
      return nil
    }
    let start = (example * g.input.height + rows.lowerBound) * g.input.width + columns.lowerBound
    let small = ConvolutionGeometry(
      input: .init(rows.count, columns.count), kernel: g.kernel, top: rows.lowerBound - y,
      left: columns.lowerBound - x, output: .init(1, 1), channels: g.channels)
    return Restriction([
      Operand(
        .read, rows: small.input.count, columns: g.channels,
        [
          Patch(
            self.x, starts: [start * g.channels],
            outer: .init(rows.count, step: g.input.width * g.channels),
            inner: .init(columns.count * g.channels, step: 1))
        ]),
      Operand(
        .write, rows: 1, columns: g.patchCount,
        [
          Patch(
            output, starts: [row * output.stride], inner: .init(g.patchCount, step: 1))
        ]),
    ]) { .unfold(Unfold($0[1], from: $0[0], small)) }
  }
}

extension Fold: SampledOperation {
  /// One position, from the patches that hold it; the next one where none does.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard output.rows > 0 else { return nil }
    let row = sampler.integer(below: output.rows)
    for offset in 0..<output.rows {
      if let found = restriction(row: (row + offset) % output.rows) { return found }
    }
    return nil
  }

  private func restriction(row: Int) -> Restriction? {
    typealias Operand = Restriction.Operand
    let g = geometry
    let (example, position) = row.quotientAndRemainder(dividingBy: g.input.count)
    /// Output positions that see a padded coordinate.
    func seeing(_ at: Int, _ kernel: Int, _ stride: Int, _ outputs: Int) -> Range<Int> {
      let first = max(0, (at - kernel + stride) / stride)
      return first..<max(first, min(outputs, at / stride + 1))
    }
    let (y, x) = (position / g.input.width + g.top, position % g.input.width + g.left)
    let rows = seeing(y, g.kernel.height, g.stride.height, g.output.height)
    let columns = seeing(x, g.kernel.width, g.stride.width, g.output.width)
    guard !rows.isEmpty, !columns.isEmpty else { return nil }
    let small = ConvolutionGeometry(
      input: .init(1, 1), kernel: g.kernel, stride: g.stride,
      top: y - rows.lowerBound * g.stride.height, left: x - columns.lowerBound * g.stride.width,
      output: .init(rows.count, columns.count), channels: g.channels)
    let start =
      (example * g.output.height + rows.lowerBound) * g.output.width + columns.lowerBound
    return Restriction([
      Operand(
        .read, rows: small.output.count, columns: g.patchCount,
        [
          Patch(
            patches, starts: [start * g.patchCount],
            outer: .init(rows.count, step: g.output.width * g.patchCount),
            inner: .init(columns.count * g.patchCount, step: 1))
        ]),
      Operand(
        .write, rows: 1, columns: g.channels,
        [
          Patch(output, starts: [row * output.stride], inner: .init(g.channels, step: 1))
        ]),
    ]) { .fold(Fold($0[1], from: $0[0], small)) }
  }
}

extension Transposition: SampledOperation {
  /// One row of one transposed matrix, which is a column of what it was.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    let size = rows * columns
    guard x.count > 0 else { return nil }
    let (b, j) = (sampler.integer(below: x.count / size), sampler.integer(below: columns))
    let rows = rows
    return Restriction([
      Operand(
        .read, rows: rows, columns: 1,
        [Patch(x, starts: [b * size + j], outer: .init(rows, step: columns))]),
      Operand(
        .write, rows: 1, columns: rows,
        [Patch(output, starts: [b * size + j * rows], inner: .init(rows, step: 1))]),
    ]) { .transposition(Transposition($0[1], from: $0[0], rows: rows, columns: 1)) }
  }
}
