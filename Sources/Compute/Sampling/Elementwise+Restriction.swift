// Operations on flat vectors, element by element.

extension Sampler {
  /// `elements` of a flat matrix as an operand.
  fileprivate func operand(
    _ kind: Access.Kind, _ matrix: Matrix, _ elements: [Int]
  ) -> Restriction.Operand {
    Restriction.Operand(
      kind, rows: 1, columns: elements.count, [Patch(matrix, starts: elements)])
  }

  fileprivate mutating func elements(of matrix: Matrix) -> [Int]? {
    matrix.count > 0 ? integers(elements, below: matrix.count) : nil
  }
}

extension LinearCombination: SampledOperation {
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard let elements = sampler.elements(of: output) else { return nil }
    let (a, b, hasY) = (a, b, y != nil)
    return Restriction(
      ([x] + (y.map { [$0] } ?? [])).map { sampler.operand(.read, $0, elements) }
        + [sampler.operand(.write, output, elements)]
    ) { matrices in
      .linearCombination(
        LinearCombination(matrices.last!, a, matrices[0], b, hasY ? matrices[1] : nil))
    }
  }
}

extension BlockCombination: SampledOperation {
  /// All rows of some cells.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    let size = block * output.columns
    guard size > 0, !rows.isEmpty else { return nil }
    let cells = sampler.integers(sampler.elements, below: size)
    func operand(_ kind: Access.Kind, _ matrix: Matrix) -> Restriction.Operand {
      let count = matrix.rows / block
      return Restriction.Operand(
        kind, rows: count, columns: cells.count,
        [Patch(matrix, starts: cells, outer: .init(count, step: size))])
    }
    let rows = rows
    return Restriction([operand(.read, input), operand(.write, output)]) {
      .blockCombination(BlockCombination($0[1], of: $0[0], block: 1, rows: rows))
    }
  }
}

extension RayWeights: SampledOperation {
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard let elements = sampler.elements(of: output) else { return nil }
    func operand(_ kind: Access.Kind, _ matrix: Matrix) -> Restriction.Operand {
      let starts = elements.map {
        $0 / matrix.columns * matrix.stride + $0 % matrix.columns
      }
      return sampler.operand(kind, matrix, starts)
    }
    var operands = [operand(.read, center), operand(.read, displacement)]
    if let scale {
      operands.append(Restriction.Operand(.read, rows: 1, columns: 1, [Patch(whole: scale)]))
    }
    operands.append(operand(.write, output))
    let bare = withoutMemory
    return Restriction(operands) { .rayWeights(bare.replacing($0)) }
  }
}

extension Fill: SampledOperation {
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard let elements = sampler.elements(of: output) else { return nil }
    let value = value
    return Restriction([sampler.operand(.write, output, elements)]) {
      .fill(Fill($0[0], value: value))
    }
  }
}

extension Regularization: SampledOperation {
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard let elements = sampler.elements(of: state) else { return nil }
    var operands = center.map { [sampler.operand(.read, $0, elements)] } ?? []
    switch target {
    case .gradient(let gradient, let clip, _):
      operands.append(sampler.operand(.read, state, elements))
      if let clip {
        operands.append(Restriction.Operand(.read, rows: 1, columns: 1, [Patch(whole: clip)]))
      }
      operands.append(sampler.operand(.readWrite, gradient, elements))
    case .state: operands.append(sampler.operand(.readWrite, state, elements))
    }
    let bare = withoutMemory
    return Restriction(operands) { .regularization(bare.replacing($0)) }
  }
}

extension OptimizerUpdate: SampledOperation {
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard let elements = sampler.elements(of: state) else { return nil }
    var operands: [Restriction.Operand] = []
    var copy = self
    // Rows of one element.
    let (columns, signCount) = (columns, signs?.now.count)
    copy.visitOperands { matrix, access in
      let isSign = signCount.map { matrix.count == $0 && $0 < state.count } ?? false
      operands.append(
        sampler.operand(access.kind, matrix, isSign ? elements.map { $0 / columns } : elements))
    }
    let bare = withoutMemory
    return Restriction(operands) { .optimizerUpdate(bare.replacing($0)) }
  }
}

extension RandomFill: SampledOperation {
  /// Successive elements from one block of the stream on.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard output.count > 0 else { return nil }
    let block = sampler.integer(below: (output.count + 3) / 4)
    let count = min(sampler.elements, output.count - 4 * block)
    var bare = withoutMemory
    bare.firstBlock += block
    let patch = Patch(output, starts: [4 * block], inner: .init(count, step: 1))
    return Restriction([Restriction.Operand(.write, rows: 1, columns: count, [patch])]) {
      [bare] in .randomFill(bare.replacing($0))
    }
  }
}

extension Dropout: SampledOperation {
  /// Successive elements from one block of the stream on.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    guard x.count > 0 else { return nil }
    let block = sampler.integer(below: (x.count + 3) / 4)
    let count = min(sampler.elements, x.count - 4 * block)
    var bare = withoutMemory
    bare.firstBlock += block
    let patch = Patch(x, starts: [4 * block], inner: .init(count, step: 1))
    return Restriction([Restriction.Operand(.readWrite, rows: 1, columns: count, [patch])]) {
      [bare] in .dropout(bare.replacing($0))
    }
  }
}

extension OperationContent {
  /// The operation on other matrices, in the order of `visitOperands`.
  func replacing(_ matrices: [Matrix]) -> Self {
    var copy = self
    var next = matrices.makeIterator()
    copy.visitOperands { matrix, _ in matrix = next.next()! }
    return copy
  }
}
