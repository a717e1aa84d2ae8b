extension LayerNorm: SampledOperation {
  /// All coefficients of some rows of one direction.
  public func restriction(_ sampler: inout Sampler) -> Restriction? {
    switch sense {
    case .forward(let input, let output, let inverse):
      return forward(input, output, inverse, &sampler)
    case .adjoint(let cotangent, let value, let inverse, let degree):
      return adjoint(cotangent, value, inverse, degree, &sampler)
    }
  }

  /// Few rows of long ones.
  private func rows(of jet: JetView, _ sampler: inout Sampler) -> [Int] {
    let limit = Operation.wholeLimit / (jet.columns * (jet.degree + 1))
    return sampler.integers(max(1, min(sampler.rows, limit)), below: jet.block)
  }

  private func operand(
    _ kind: Access.Kind, _ jet: JetView, _ rows: [Int], degree: Int, direction: Int
  ) -> Restriction.Operand {
    jet.operand(
      kind, rows.map { $0 * jet.columns }, width: jet.columns, rows: rows.count,
      columns: jet.columns, degree: degree, direction: direction)
  }

  private func forward(
    _ input: JetView, _ output: JetView, _ inverse: JetView?, _ sampler: inout Sampler
  ) -> Restriction? {
    guard output.block > 0, output.directions > 0 else { return nil }
    let rows = rows(of: output, &sampler)
    let direction = sampler.integer(below: output.directions)
    let operands =
      [operand(.read, input, rows, degree: input.degree, direction: direction)]
      + (inverse.map { [operand(.write, $0, rows, degree: $0.degree, direction: direction)] } ?? [])
      + [operand(.write, output, rows, degree: output.degree, direction: direction)]
    let (bare, count) = (withoutMemory, rows.count)
    return Restriction(operands) { matrices in
      guard case .forward(let input, let output, let inverse) = bare.sense else { fatalError() }
      func small(_ jet: JetView, _ matrix: Matrix) -> JetView {
        jet.compact(matrix, block: count, capacity: jet.degree)
      }
      return .layerNorm(
        LayerNorm(
          .forward(
            input: small(input, matrices[0]), output: small(output, matrices.last!),
            inverse: inverse.map { small($0, matrices[1]) }), epsilon: bare.epsilon))
    }
  }

  private func adjoint(
    _ cotangent: JetView, _ value: JetView, _ inverse: JetView, _ degree: Int,
    _ sampler: inout Sampler
  ) -> Restriction? {
    guard cotangent.block > 0, cotangent.directions > 0 else { return nil }
    let rows = rows(of: cotangent, &sampler)
    let direction = sampler.integer(below: cotangent.directions)
    let last = cotangent.degree - 1
    // Coefficient 0 is all that is read of jets with fewer directions.
    let operands = [
      operand(.read, value, rows, degree: last, direction: last > 0 ? direction : 0),
      operand(.read, inverse, rows, degree: last, direction: last > 0 ? direction : 0),
      operand(.readWrite, cotangent, rows, degree: cotangent.degree, direction: direction),
    ]
    let (bare, count) = (withoutMemory, rows.count)
    return Restriction(operands) { matrices in
      guard case .adjoint(let cotangent, var value, var inverse, let degree) = bare.sense else {
        fatalError()
      }
      value.degree = last
      inverse.degree = last
      return .layerNorm(
        LayerNorm(
          .adjoint(
            cotangent: cotangent.compact(matrices[2], block: count, capacity: cotangent.degree),
            value: value.compact(matrices[0], block: count, capacity: last),
            inverse: inverse.compact(matrices[1], block: count, capacity: last), degree: degree)))
    }
  }
}
