extension JetComposition: SampledOperation {
  /// All coefficients of some cells of one direction.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    typealias Operand = Restriction.Operand
    let size = input.block * input.columns
    guard size > 0, input.directions > 0 else { return nil }
    let cells = sampler.integers(sampler.elements, below: size)
    let count = cells.count
    let direction = sampler.integer(below: input.directions)
    // The slope takes the input's place and may have more coefficients.
    let capacity = max(input.degree, slopeDegree)
    var operands = [
      input.operand(
        slopeDegree < 0 ? .read : .readWrite, cells, rows: 1, columns: count, degree: capacity,
        direction: direction)
    ]
    if let bias {
      let features = cells.map { $0 % input.columns }
      operands.append(
        Operand(.read, rows: 1, columns: count, [Patch(bias.center, starts: features)]))
      if let displacement = bias.displacement {
        let own = displacement.moved(by: direction * bias.displacementStride)
        operands.append(Operand(.read, rows: 1, columns: count, [Patch(own, starts: features)]))
      }
      if let scale = bias.scale {
        operands.append(Operand(.read, rows: 1, columns: 1, [Patch(whole: scale)]))
      }
    }
    operands.append(
      output.operand(
        .write, cells, rows: 1, columns: count, degree: output.degree, direction: direction))

    let bare = withoutMemory
    return Restriction(operands) { matrices in
      var small = bare
      var next = matrices.makeIterator()
      small.input = bare.input.compact(next.next()!, block: 1, capacity: capacity)
      if var bias = bare.bias {
        bias.center = next.next()!
        bias.displacementStride = 0
        if bias.displacement != nil { bias.displacement = next.next()! }
        if bias.scale != nil { bias.scale = next.next()! }
        small.bias = bias
      }
      small.output = bare.output.compact(next.next()!, block: 1, capacity: bare.output.degree)
      return .jetComposition(small)
    }
  }
}

extension JetProduct: SampledOperation {
  /// All coefficients of some cells of one direction.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    let jet =
      switch sense {
      case .forward(_, _, let output): output
      case .adjoint(_, let cotangent, _): cotangent
      }
    guard jet.block * jet.columns > 0, jet.directions > 0 else { return nil }
    let cells = sampler.integers(sampler.elements, below: jet.block * jet.columns)
    let direction = sampler.integer(below: jet.directions)
    func operand(_ kind: Access.Kind, _ jet: JetView, degree: Int) -> Restriction.Operand {
      jet.operand(kind, cells, rows: 1, columns: cells.count, degree: degree, direction: direction)
    }
    let bare = withoutMemory
    switch sense {
    case .forward(let left, let right, let output):
      return Restriction([
        operand(.read, left, degree: left.degree), operand(.read, right, degree: right.degree),
        operand(.write, output, degree: output.degree),
      ]) { matrices in
        guard case .forward(let left, let right, let output) = bare.sense else { fatalError() }
        return .jetProduct(
          JetProduct(
            .forward(
              left: left.compact(matrices[0], block: 1, capacity: left.degree),
              right: right.compact(matrices[1], block: 1, capacity: right.degree),
              output: output.compact(matrices[2], block: 1, capacity: output.degree))))
      }
    case .adjoint(let slope, let cotangent, let degree):
      let capacity = max(degree, cotangent.degree)
      return Restriction([
        operand(.read, slope, degree: slope.degree),
        operand(.readWrite, cotangent, degree: capacity),
      ]) { matrices in
        guard case .adjoint(let slope, let cotangent, let degree) = bare.sense else { fatalError() }
        return .jetProduct(
          JetProduct(
            .adjoint(
              slope: slope.compact(matrices[0], block: 1, capacity: slope.degree),
              cotangent: cotangent.compact(matrices[1], block: 1, capacity: capacity),
              degree: degree)))
      }
    }
  }
}
