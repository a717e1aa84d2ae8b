// Operations on kernels at infinite width. A few cells are a kernel of as many pairs of vectors.

extension KernelLayout {
  /// Cells of a kernel, and where their two positions lie among [examples, positions].
  fileprivate func sample(
    _ sampler: inout Sampler
  ) -> (cells: [Int], rows: [Int], columns: [Int])? {
    guard count > 0 else { return nil }
    let cells = sampler.integers(sampler.elements, below: count)
    let places = cells.map { self.places(of: $0) }
    return (cells, places.map(\.row), places.map(\.column))
  }
}

extension DualActivation: SampledOperation {
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard let (cells, rows, columns) = layout.sample(&sampler) else { return nil }
    let count = cells.count
    var operands: [Operand] = []
    for (variances, places) in [(rowVariances, rows), (columnVariances, columns)] {
      guard let variances else { continue }
      operands.append(
        Operand(.read, rows: 1, columns: count, [Patch(variances, starts: places)]))
    }
    for kernel in [nngp, ntk] {
      guard let kernel else { continue }
      operands.append(
        Operand(.readWrite, rows: count, columns: 1, [Patch(kernel, starts: cells)]))
    }
    var bare = withoutMemory
    bare.layout = .paired(count)
    return Restriction(operands) { [bare] in .dualActivation(bare.replacing($0)) }
  }
}

extension DualSeries: SampledOperation {
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard let (cells, rows, columns) = layout.sample(&sampler) else { return nil }
    let count = cells.count
    let sides = [
      (rowVariances, rows), (columnVariances, columns), (rowValues, rows), (columnValues, columns),
      (rowSlopes, rows), (columnSlopes, columns),
    ]
    var operands: [Operand] = []
    for (matrix, places) in sides {
      guard let matrix else { continue }
      // Variances may have any shape of as many elements, coefficients have a row for each degree.
      let series = operands.count < 2 ? matrix.flat : matrix
      operands.append(
        Operand(
          .read, rows: series.rows, columns: count,
          [Patch(series, starts: places, outer: .init(series.rows, step: series.stride))]))
    }
    for kernel in [nngp, ntk] {
      guard let kernel else { continue }
      operands.append(
        Operand(.readWrite, rows: count, columns: 1, [Patch(kernel, starts: cells)]))
    }
    var bare = withoutMemory
    bare.layout = .paired(count)
    return Restriction(operands) { [bare] in .dualSeries(bare.replacing($0)) }
  }
}

extension ImageGram: SampledOperation {
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard let (cells, rows, columns) = layout.sample(&sampler) else { return nil }
    let (count, positions, channels) = (cells.count, layout.positionCount, channels)
    func pixels(_ x: Matrix, _ places: [Int]) -> Operand {
      let starts = places.map { $0 / positions * channels * positions + $0 % positions }
      return Operand(
        .read, rows: count, columns: channels,
        [Patch(x, starts: starts, inner: .init(channels, step: positions))])
    }
    var bare = withoutMemory
    bare.layout = .paired(count)
    return Restriction([
      pixels(x1, rows), pixels(x2, columns),
      Operand(.write, rows: count, columns: 1, [Patch(output, starts: cells)]),
    ]) { [bare] in .imageGram(bare.replacing($0)) }
  }
}

extension WindowSum: SampledOperation {
  /// Some sums over one window, or over one pair of them; the next one where it sees padding only.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard output.count > 0 else { return nil }
    let pairs = mode == .diagonal ? axis.output * axis.output : axis.output
    let drawn = sampler.integer(below: pairs)
    for offset in 0..<pairs {
      let (m, other) = ((drawn + offset) % pairs).quotientAndRemainder(
        dividingBy: mode == .diagonal ? axis.output : 1)
      let steps = steps(m, other)
      if !steps.isEmpty { return restriction(m, other, steps, &sampler) }
    }
    return nil
  }

  private func restriction(
    _ m: Int, _ other: Int, _ steps: Range<Int>, _ sampler: inout Sampler
  ) -> Restriction {
    typealias Operand = Restriction.Operand
    let cells = sampler.integers(sampler.elements, below: outer * inner)
    let apart = (mode == .single ? 1 : axis.input + 1) * inner
    let sources = cells.map {
      place($0 / inner, m, other, $0 % inner, step: steps.lowerBound)
    }
    let targets = cells.map {
      let window = ($0 / inner * axis.output + m) * (mode == .diagonal ? axis.output : 1) + other
      return window * inner + $0 % inner
    }
    let (count, length, alpha) = (cells.count, steps.count, alpha)
    return Restriction([
      Operand(
        .read, rows: count, columns: length,
        [Patch(input, starts: sources, inner: .init(length, step: apart))]),
      Operand(.write, rows: 1, columns: count, [Patch(output, starts: targets)]),
    ]) {
      .windowSum(
        WindowSum(
          .single, of: $0[0], into: $0[1], axis: .whole(length), outer: count, inner: 1,
          alpha: alpha))
    }
  }
}
