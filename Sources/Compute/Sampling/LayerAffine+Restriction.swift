extension LayerAffine: SampledOperation {
  /// All coefficients of some cells of one direction.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    let jet =
      switch sense {
      case .forward(_, let output, _): output
      case .adjoint(let cotangent, _): cotangent
      }
    guard jet.block * jet.columns > 0, jet.directions > 0 else { return nil }
    let cells = sampler.integers(sampler.elements, below: jet.block * jet.columns)
    let features = cells.map { $0 % jet.columns }
    let direction = sampler.integer(below: jet.directions)
    func operand(_ kind: Access.Kind, _ jet: JetView) -> Restriction.Operand {
      jet.operand(
        kind, cells, rows: 1, columns: cells.count, degree: jet.degree, direction: direction)
    }
    let gains = gain.operands(features, direction)
    let bare = withoutMemory
    switch sense {
    case .forward(let input, let output, let bias):
      return Restriction(
        [operand(.read, input)] + gains + (bias?.operands(features, direction) ?? [])
          + [operand(.write, output)]
      ) { matrices in
        guard case .forward(let input, let output, let bias) = bare.sense else { fatalError() }
        var next = matrices[1...]
        let gain = bare.gain.replacing(&next)
        return .layerAffine(
          LayerAffine(
            .forward(
              input: input.compact(matrices[0], block: 1, capacity: input.degree),
              output: output.compact(matrices.last!, block: 1, capacity: output.degree),
              bias: bias?.replacing(&next)), gain: gain))
      }
    case .adjoint(let cotangent, _):
      return Restriction(gains + [operand(.readWrite, cotangent)]) { matrices in
        guard case .adjoint(let cotangent, let degree) = bare.sense else { fatalError() }
        var next = matrices[...]
        let gain = bare.gain.replacing(&next)
        let small = cotangent.compact(matrices.last!, block: 1, capacity: cotangent.degree)
        return .layerAffine(LayerAffine(.adjoint(cotangent: small, degree: degree), gain: gain))
      }
    }
  }
}

extension LayerAffine.Parameter {
  /// What some columns of one direction read.
  fileprivate func operands(_ columns: [Int], _ direction: Int) -> [Restriction.Operand] {
    func some(_ matrix: Matrix) -> Restriction.Operand {
      Restriction.Operand(.read, rows: 1, columns: columns.count, [Patch(matrix, starts: columns)])
    }
    return [some(center)]
      + (displacement.map { [some($0.moved(by: direction * displacementStride))] } ?? [])
      + (scale.map { [Restriction.Operand(.read, rows: 1, columns: 1, [Patch(whole: $0)])] } ?? [])
  }

  /// The same on matrices for `operands`, taken from the front.
  fileprivate func replacing(_ matrices: inout ArraySlice<Matrix>) -> Self {
    var copy = self
    copy.displacementStride = 0
    copy.center = matrices.removeFirst()
    if displacement != nil { copy.displacement = matrices.removeFirst() }
    if scale != nil { copy.scale = matrices.removeFirst() }
    return copy
  }
}

extension ColumnProducts: SampledOperation {
  /// Some columns of one direction; few of long ones.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    guard cotangent.columns > 0, cotangent.directions > 0, rows > 0 else { return nil }
    let count = max(1, min(sampler.columns, Operation.wholeLimit / rows))
    let columns = sampler.integers(count, below: cotangent.columns)
    let direction = sampler.integer(below: cotangent.directions)
    let last = cotangent.degree - 1
    func stack(_ jet: JetView, _ range: ClosedRange<Int>, _ direction: Int) -> Patch {
      let top = jet[range.lowerBound, direction: direction]
      return Patch(
        top, starts: columns, outer: .init(jet.block * range.count, step: jet.columns))
    }
    var values = [stack(value, 0...0, 0)]
    if last > 0 { values.append(stack(value, 1...last, direction)) }
    var operands = [
      Operand(
        .read, rows: rows, columns: count, [stack(cotangent, 1...cotangent.degree, direction)]),
      Operand(.read, rows: rows, columns: count, values),
    ]
    if let scale { operands.append(Operand(.read, rows: 1, columns: 1, [Patch(whole: scale)])) }
    operands.append(
      Operand(
        .write, rows: 1, columns: count,
        [Patch(sums.moved(by: direction * strideSums), starts: columns)]))

    let bare = withoutMemory
    return Restriction(operands) { matrices in
      let (cotangent, block) = (bare.cotangent, bare.cotangent.block)
      var value = bare.value
      value.degree = last
      return .columnProducts(
        ColumnProducts(
          cotangent.compact(matrices[0], block: block, capacity: cotangent.degree),
          value.compact(matrices[1], block: block, capacity: last), into: matrices.last!,
          alpha: bare.alpha, scale: bare.scale == nil ? nil : matrices[2]))
    }
  }
}
