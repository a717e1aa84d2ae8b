import Compute

/// H = I + σp²·R Jᵀ W J R of n training examples as a product, and solutions of H x = b for V vectors at
/// once by conjugate gradients. W = diag(p) − ppᵀ for each example. Products have the model's precision,
/// the recurrences are float64 on the host.
///
/// Every vector has its own coefficients (Hestenes and Stiefel 1952); one that has ended stands still.
/// H ≥ I, so that ‖x − H⁻¹b‖ ≤ ‖b − Hx‖.
final class SoftmaxCurvatureSystem {
  let model: LinearizedNetwork
  /// [n, features]
  let inputs: Matrix
  /// σp²
  let prior: Double
  /// f and t, [n, O], in the model's type.
  private let logits: Matrix
  private let targets: Matrix

  /// ‖b − Hx‖ ≤ tolerance·‖b‖ ends a vector.
  let tolerance: Double
  let mostIterations: Int
  /// Iterations of all solutions.
  private(set) var iterations = 0

  init(
    _ model: LinearizedNetwork, _ inputs: Matrix, targets: [Double], prior: Double,
    tolerance: Double, mostIterations: Int
  ) throws {
    (self.model, self.inputs, self.prior) = (model, inputs, prior)
    (self.tolerance, self.mostIterations) = (tolerance, mostIterations)
    logits = try model.backend.matrix(inputs.rows, model.outputs, model.type)
    self.targets = try model.backend.matrix(inputs.rows, model.outputs, model.type, targets)
  }

  /// Sets f, [n·O], which W depends on.
  func setLogits(_ values: [Double]) throws {
    try model.backend.upload(values, to: logits)
  }

  /// H x for every row x of [V, P].
  func product(_ x: [Double], count: Int) throws -> [Double] {
    let backend = model.backend
    let vectors = try backend.matrix(count, model.parameterCount, model.type, x)
    let tangents = try model.push(vectors, inputs)
    let curved = try backend.matrix(tangents.rows, tangents.columns, model.type)
    try backend.run(
      .softmaxCurvature(
        SoftmaxCurvature(
          curved, outputs: logits, targets: targets, tangents: tangents, factor: prior)))
    var result = try backend.download(model.pull(curved, count: count, inputs))
    for index in result.indices { result[index] += x[index] }
    return result
  }

  /// H⁻¹ b for every row b of [V, P].
  ///
  /// - Throws: `GaussianProcessError` where the iterations do not suffice, and for what is not finite.
  func solve(_ b: [Double], count: Int, tolerance: Double? = nil) throws -> [Double] {
    let tolerance = tolerance ?? self.tolerance
    let width = model.parameterCount
    precondition(b.count == count * width, "vectors of the parameters")
    var x = [Double](repeating: 0, count: b.count)
    var (r, p) = (b, b)
    var squares = Self.inner(r, r, count)
    let goals = squares.map { $0 * tolerance * tolerance }
    for _ in 0..<mostIterations {
      if zip(squares, goals).allSatisfy({ $0 <= $1 }) { return x }
      guard squares.allSatisfy(\.isFinite) else {
        throw GaussianProcessError(
          "conjugate gradients met numbers that are not finite; check the parameters and the inputs, or "
            + "give a smaller --prior-std")
      }
      let q = try product(p, count: count)
      iterations += 1
      let curvatures = Self.inner(p, q, count)
      for v in 0..<count where squares[v] > goals[v] {
        let step = squares[v] / curvatures[v]
        Self.add(step, p, to: &x, v, width)
        Self.add(-step, q, to: &r, v, width)
      }
      let next = Self.inner(r, r, count)
      for v in 0..<count where squares[v] > goals[v] {
        let share = next[v] / squares[v]
        for index in (v * width)..<((v + 1) * width) { p[index] = r[index] + share * p[index] }
        squares[v] = next[v]
      }
    }
    guard zip(squares, goals).allSatisfy({ $0 <= $1 }) else {
      throw GaussianProcessError(
        "conjugate gradients have not reached a residual of \(tolerance) in \(mostIterations) "
          + "iterations; allow more of them, or give a smaller --prior-std")
    }
    return x
  }

  private static func inner(_ x: [Double], _ y: [Double], _ count: Int) -> [Double] {
    let width = x.count / count
    return x.withUnsafeBufferPointer { x in
      y.withUnsafeBufferPointer { y in
        (0..<count).map { v in
          var sum = 0.0
          for index in (v * width)..<((v + 1) * width) { sum += x[index] * y[index] }
          return sum
        }
      }
    }
  }

  private static func add(
    _ factor: Double, _ x: [Double], to y: inout [Double], _ row: Int, _ width: Int
  ) {
    for index in (row * width)..<((row + 1) * width) { y[index] += factor * x[index] }
  }
}
