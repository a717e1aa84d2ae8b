extension ImageGather: SampledOperation {
  /// Some elements of one image, as an image of so many channels of one pixel. Where they come from
  /// is computed here, so that a device that draws other windows gives other elements. A sample is
  /// all of pixels, or all of padding, as its first element is.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard output.count > 0 else { return nil }
    let row = sampler.integer(below: output.rows)
    let placement = placement(of: row)
    let drawn = sampler.integers(sampler.elements, below: output.columns)
    let isPadding = source(drawn[0], placement) == nil
    let columns = drawn.filter { (source($0, placement) == nil) == isPadding }
    let channels = columns.map { $0 / (shape.height * shape.width) }
    let sources = columns.map { source($0, placement) ?? 0 }
    let pixels =
      rows.map { rows in
        Patch(
          x, starts: sources,
          indirection: Patch.Indirection(
            rows: rows, positions: columns.map { _ in row }, stride: x.stride))
      } ?? Patch(x, starts: sources.map { row * x.stride + $0 })
    let (count, hasRows) = (columns.count, rows != nil)
    let operands =
      [Operand(.read, rows: 1, columns: count, [pixels])]
      + (hasRows ? [Operand(indices: [0])] : [])
      + [
        Operand(
          .read, rows: 2, columns: count,
          [Patch(scaling, starts: channels, outer: .init(2, step: scaling.stride))]),
        Operand(
          .write, rows: 1, columns: count,
          [Patch(output, starts: columns.map { row * output.stride + $0 })]),
      ]
    return Restriction(operands) {
      .imageGather(
        ImageGather(
          $0[$0.count - 1], from: $0[0], rows: hasRows ? $0[1] : nil,
          shape: Shape(channels: count, height: 1, width: 1), scaling: $0[$0.count - 2],
          window: .fixed(dy: isPadding ? 1 : 0, dx: 0)))
    }
  }
}
