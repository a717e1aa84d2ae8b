import Compute
import Jets
import Networks

/// Products with Θ that never make it.
extension EmpiricalKernel {
  /// Examples of one pass. Fixed, because sums over passes depend on it.
  private static let productExamples = 256

  /// Θ(x1, x2) v⁽ᵛ⁾ = J(x1) (R² J(x2)ᵀ v⁽ᵛ⁾) for V vectors at once, of the full kernel, R the scales
  /// of the tensors.
  ///
  /// - Parameters:
  ///   - vectors: [V·n2, O], vector after vector.
  ///   - count: V.
  /// - Returns: [V·n1, O].
  /// - Throws: `NetworkError` for an expansion of order ≥ 2.
  public func products(_ vectors: Matrix, count: Int) throws -> Matrix {
    precondition(vectors.rows == count * columnCount, "vectors of the second inputs")
    precondition(vectors.columns == network.outputCount, "a number for each output")
    guard ray == nil, kind == .ntk else {
      throw NetworkError(
        "products without the matrix are those of a network's tangent kernel (ntk, no expansion above "
          + "order 1); compute the kernel and multiply it")
    }
    let outputs = network.outputCount
    let result = try backend.matrix(count * rowCount, outputs, type)
    // So many gradients at a time.
    let size = max(1, passBytes / (2 * center.columns * type.byteCount))
    for group in Self.parts(count, size) {
      let gradients = try self.gradients(vectors, group)
      for part in Self.parts(rowCount, Self.productExamples) {
        let products = try network.jacobianVectorProducts(
          x1.rows(part), at: center, along: gradients, on: backend)
        for (index, v) in group.enumerated() {
          let target = result.rows(part.shifted(by: v * rowCount))
          let source = products.rows((index * part.count)..<((index + 1) * part.count))
          try backend.run(.linearCombination(LinearCombination(target, 1, source)))
        }
      }
    }
    return result
  }

  /// Jᵀv of some of the vectors, [group, P].
  private func gradients(_ vectors: Matrix, _ group: Range<Int>) throws -> Matrix {
    let x = x2 ?? x1
    let total = try backend.matrix(group.count, center.columns, type)
    let parts = Self.parts(columnCount, Self.productExamples)
    for (index, part) in parts.enumerated() {
      let cotangents = try backend.matrix(
        group.count * part.count, network.outputCount, type)
      for (place, v) in group.enumerated() {
        let target = cotangents.rows((place * part.count)..<((place + 1) * part.count))
        let source = vectors.rows(part.shifted(by: v * columnCount))
        try backend.run(.linearCombination(LinearCombination(target, 1, source)))
      }
      let sum = index == 0 ? total : try backend.matrix(group.count, center.columns, type)
      try pull(cotangents, x.rows(part), into: sum)
      if index > 0 {
        try backend.run(.linearCombination(LinearCombination(total, 1, sum, 1, total)))
      }
    }
    return total
  }

  private func pull(_ cotangents: Matrix, _ x: Matrix, into gradients: Matrix) throws {
    if isTrainable?.contains(false) ?? false {
      try backend.run(.fill(Fill(gradients, value: 0)))
    }
    let (algebra, tape) = (JetAlgebra(backend, order: 0), Network.Tape())
    let parameters = ParameterJet(center: center)
    _ = try network.pushforward(x, parameters, algebra: algebra, tape: tape)
    let cotangent = Jet(
      cotangents, block: x.rows, degree: 1, capacity: 1, directions: gradients.rows,
      hasZero: false)
    try network.pullback(
      cotangent, tape, parameters, algebra: algebra, into: gradients, isTrainable: isTrainable,
      tensorScales: tensorScales?.map { $0 * $0 })
  }
}
