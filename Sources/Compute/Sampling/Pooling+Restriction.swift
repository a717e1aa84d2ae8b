extension Pooling: SampledOperation {
  /// All coefficients of one direction, for some successive channels, of one window, or, of an
  /// adjoint, of one position with the windows that hold it.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard output.block > 0, output.columns > 0, output.directions > 0 else { return nil }
    let row = sampler.integer(below: output.block)
    let count = min(sampler.columns, output.columns)
    let channel = sampler.integer(below: output.columns - count + 1)
    let direction = sampler.integer(below: output.directions)
    let part =
      sense == .forward
      ? wholeWindow(row, channel, count) : positionAndWindows(row, channel, count)
    return restriction(part, row, channel, count, direction)
  }

  /// What one row of the output is made from.
  private struct Part {
    /// The small operation's windows.
    var window: PoolingWindow
    /// Rows of the input.
    var rows: Rectangle
  }

  /// Rows first + i·step + j of a coefficient, i < height, j < width, in this order.
  private struct Rectangle {
    var first: Int
    var height: Int
    var width: Int
    var step: Int
    var channel: Int
    var channels: Int

    var count: Int { height * width }

    /// Their channels. A patch takes few starts.
    func patches(_ matrix: Matrix) -> [Patch] {
      let columns = matrix.columns
      let start = first * columns + channel
      let inner = Patch.Extent(channels, step: 1)
      if height == 1 || width == step {
        return [Patch(matrix, starts: [start], outer: .init(count, step: columns), inner: inner)]
      }
      if width <= 16 {
        return [
          Patch(
            matrix, starts: (0..<width).map { start + $0 * columns },
            outer: .init(height, step: step * columns), inner: inner)
        ]
      }
      return (0..<height).map {
        Patch(
          matrix, starts: [start + $0 * step * columns], outer: .init(width, step: columns),
          inner: inner)
      }
    }
  }

  private func wholeWindow(_ row: Int, _ channel: Int, _ channels: Int) -> Part {
    let (example, index) = row.quotientAndRemainder(dividingBy: window.pooled.count)
    let (y, x) = window.beginning(of: index)
    let (rows, columns) = window.inside(of: index)
    return Part(
      window: PoolingWindow(
        image: .init(rows.count, columns.count), window: window.window, stride: .init(1, 1),
        top: rows.lowerBound, left: columns.lowerBound, pooled: .init(1, 1)),
      rows: Rectangle(
        first: (example * window.image.height + y + rows.lowerBound) * window.image.width + x
          + columns.lowerBound, height: rows.count, width: columns.count,
        step: window.image.width, channel: channel, channels: channels))
  }

  private func positionAndWindows(_ row: Int, _ channel: Int, _ channels: Int) -> Part {
    let (example, position) = row.quotientAndRemainder(dividingBy: window.image.count)
    let (y, x) = window.place(position)
    var (rows, columns) = window.holding(position)
    // A position in no window is shown with the one before it.
    func last(_ at: Int, _ stride: Int, _ windows: Int) -> Range<Int> {
      let index = min(at / stride, windows - 1)
      return index..<(index + 1)
    }
    if rows.isEmpty { rows = last(y, window.stride.height, window.pooled.height) }
    if columns.isEmpty { columns = last(x, window.stride.width, window.pooled.width) }
    let origin = PoolingWindow.Size(
      y - rows.lowerBound * window.stride.height, x - columns.lowerBound * window.stride.width)
    return Part(
      window: PoolingWindow(
        position: origin, window: window.window, stride: window.stride,
        pooled: .init(rows.count, columns.count)),
      rows: Rectangle(
        first: (example * window.pooled.height + rows.lowerBound) * window.pooled.width
          + columns.lowerBound, height: rows.count, width: columns.count,
        step: window.pooled.width, channel: channel, channels: channels))
  }

  private func restriction(
    _ part: Part, _ row: Int, _ channel: Int, _ count: Int, _ direction: Int
  ) -> Restriction {
    typealias Operand = Restriction.Operand
    let (degree, first) = (output.degree, output.hasZero ? 0 : 1)
    let coefficients = degree + 1 - first
    let start = row * output.columns + channel
    var operands = [
      Operand(
        .read, rows: coefficients * part.rows.count, columns: count,
        (first..<(first + coefficients)).flatMap {
          part.rows.patches(input[$0, direction: direction])
        })
    ]
    if let choice {
      operands.append(
        sense == .forward
          ? Operand(
            .write, rows: 1, columns: count,
            [Patch(choice, starts: [start], inner: .init(count, step: 1))])
          : Operand(.read, rows: part.rows.count, columns: count, part.rows.patches(choice)))
    }
    operands.append(
      output.operand(
        .write, [start], width: count, rows: 1, columns: count, degree: degree,
        direction: direction))

    let bare = withoutMemory
    let blocks = part.rows.count
    return Restriction(operands) { matrices in
      var input = bare.input
      input.degree = degree
      return .pooling(
        Pooling(
          bare.kind, bare.sense, part.window,
          input.compact(matrices[0], block: blocks, capacity: degree),
          into: bare.output.compact(matrices.last!, block: 1, capacity: degree),
          choice: bare.choice == nil ? nil : matrices[1]))
    }
  }
}
