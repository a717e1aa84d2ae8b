import Compute
import Glibc
import TangentKernels

/// The posterior in function space, by Cholesky's factorization of A = σp²K + σ²I, K = J R² Jᵀ between
/// all outputs of the n examples, [n·O, n·O]. With α = A⁻¹(y − m):
///
///     mean        m* + σp²K* α
///     covariance  σp²K** − (L⁻¹σp²K*ᵀ)ᵀ(L⁻¹σp²K*ᵀ),   A = L Lᵀ
///     log p(y)    −½(y − m)ᵀα − ½ log det A − ½ nO log 2π
///
/// Rasmussen and Williams, Gaussian Processes for Machine Learning, algorithm 2.1. Products of Jacobians
/// have the model's precision, everything after them is float64.
public final class ExactPosterior: Posterior {
  public let model: LinearizedNetwork
  public let hyperparameters: GaussianHyperparameters
  /// [n, features]
  public let inputs: Matrix
  /// y − m, [n·O].
  public let residuals: [Double]
  /// L; beside it lies A's other triangle, without the diagonal.
  public let factor: CholeskyFactor
  /// α, [n·O].
  public let weights: [Double]
  /// A's diagonal; empty for a factor that was kept.
  private let diagonal: [Double]
  /// ‖Aα − (y − m)‖/‖y − m‖ above which A is taken for singular.
  private static let largestResidual = 1e-6

  /// - Throws: `GaussianProcessError` where A is not positive definite to working precision. Waits.
  public convenience init(
    _ model: LinearizedNetwork, _ observations: Observations,
    _ hyperparameters: GaussianHyperparameters, by algebra: any DenseLinearAlgebra
  ) throws {
    try self.init(
      model, observations, hyperparameters, kernel: model.kernelMatrix(observations.inputs),
      by: algebra)
  }

  /// - Parameter kernel: K, [n·O, n·O], for σp = 1. A is made in its place where nobody else has it.
  public convenience init(
    _ model: LinearizedNetwork, _ observations: Observations,
    _ hyperparameters: GaussianHyperparameters, kernel: consuming [Double],
    by algebra: any DenseLinearAlgebra
  ) throws {
    let size = observations.targets.count
    precondition(size == observations.count * model.outputs && kernel.count == size * size)
    let prior = hyperparameters.priorStd * hyperparameters.priorStd
    let noise = hyperparameters.noiseStd * hyperparameters.noiseStd
    var matrix = consume kernel
    var diagonal = [Double](repeating: 0, count: size)
    matrix.withUnsafeMutableBufferPointer { matrix in
      for index in 0..<matrix.count { matrix[index] *= prior }
      for i in 0..<size {
        matrix[i * size + i] += noise
        diagonal[i] = matrix[i * size + i]
      }
    }
    let factor = try CholeskyFactor(matrix, size, by: algebra)
    let largest = diagonal.max() ?? 0
    guard let factor, factor.smallestPivot > CholeskyFactor.rounding(size) * largest else {
      throw GaussianProcessError.notPositiveDefinite(
        try model.kernelMatrix(observations.inputs), model, hyperparameters)
    }
    try self.init(
      model, hyperparameters, observations.inputs,
      residuals: model.residuals(observations), factor, diagonal: diagonal)
    // Pivots may be rounding errors that are larger than is likely; then α solves nothing.
    if let residual = relativeResidual, residual > Self.largestResidual {
      throw GaussianProcessError.notPositiveDefinite(
        try model.kernelMatrix(observations.inputs), model, hyperparameters)
    }
  }

  /// A posterior that was kept.
  ///
  /// - Parameter residuals: y − m, [n·O].
  public convenience init(
    _ model: LinearizedNetwork, _ hyperparameters: GaussianHyperparameters, inputs: Matrix,
    residuals: [Double], factor: CholeskyFactor
  ) throws {
    try self.init(model, hyperparameters, inputs, residuals: residuals, factor, diagonal: [])
  }

  private init(
    _ model: LinearizedNetwork, _ hyperparameters: GaussianHyperparameters, _ inputs: Matrix,
    residuals: [Double], _ factor: CholeskyFactor, diagonal: [Double]
  ) throws {
    precondition(
      factor.dimension == residuals.count && residuals.count == inputs.rows * model.outputs)
    (self.model, self.hyperparameters, self.inputs) = (model, hyperparameters, inputs)
    (self.residuals, self.factor, self.diagonal) = (residuals, factor, diagonal)
    weights = try factor.solve(rows: residuals)
  }

  // MARK: What is known of the observations

  /// log p(y)
  public var logMarginalLikelihood: Double {
    var product = 0.0
    for i in residuals.indices { product += residuals[i] * weights[i] }
    return -0.5
      * (product + factor.logDeterminant + Double(residuals.count) * log(2 * Double.pi))
  }

  /// ‖Aα − (y − m)‖/‖y − m‖; nil for a factor that was kept, which has no A.
  public var relativeResidual: Double? {
    let n = residuals.count
    guard diagonal.count == n else { return nil }
    var product = [Double](repeating: 0, count: n)
    factor.values.withUnsafeBufferPointer { matrix in
      for i in 0..<n {
        var sum = diagonal[i] * weights[i]
        // A[i, j] at i·n + j, j < i, which the factorization has left.
        for j in 0..<i {
          sum += matrix[i * n + j] * weights[j]
          product[j] += matrix[i * n + j] * weights[i]
        }
        product[i] += sum
      }
    }
    var (error, size) = (0.0, 0.0)
    for i in 0..<n {
      error += (product[i] - residuals[i]) * (product[i] - residuals[i])
      size += residuals[i] * residuals[i]
    }
    return size > 0 ? (error / size).squareRoot() : error.squareRoot()
  }

  // MARK: Prediction

  /// Numbers of K* and of L⁻¹K*ᵀ each that are held at once for N = n·O, unless all of a covariance is
  /// wanted: few beside A.
  static func mostNumbers(_ n: Int) -> Double { max(0x1p24, Double(n) * Double(n) / 4) }

  public func predict(_ inputs: Matrix, _ form: CovarianceForm) throws -> GaussianOutputs {
    guard form != .full else { return try predictAtOnce(inputs, form) }
    let each = max(1, Int(Self.mostNumbers(residuals.count)) / (residuals.count * model.outputs))
    var (mean, covariance): ([Double], [Double]) = ([], [])
    for first in stride(from: 0, to: inputs.rows, by: each) {
      let part = try predictAtOnce(inputs.rows(first..<min(inputs.rows, first + each)), form)
      mean += part.mean
      covariance += part.covariance
    }
    return GaussianOutputs(outputs: model.outputs, mean: mean, form, covariance)
  }

  private func predictAtOnce(
    _ inputs: Matrix, _ form: CovarianceForm
  ) throws -> GaussianOutputs {
    let (m, n, prior) = (
      inputs.rows * model.outputs, residuals.count,
      hyperparameters.priorStd * hyperparameters.priorStd
    )
    var cross = try model.kernelMatrix(inputs, self.inputs)
    Self.scale(&cross, by: prior)
    var mean = try model.mean(inputs)
    let explained = try factor.algebra.product(cross, weights, m: m, k: n, n: 1)
    for index in mean.indices { mean[index] += explained[index] }
    guard form != .none else { return GaussianOutputs(outputs: model.outputs, mean: mean) }
    let half = try factor.halfSolve(rows: cross)
    var covariance = try model.priorCovariance(inputs, form)
    Self.scale(&covariance, by: prior)
    try Self.subtract(
      half, n, from: &covariance, form, outputs: model.outputs, by: factor.algebra)
    return GaussianOutputs(outputs: model.outputs, mean: mean, form, covariance)
  }

  private static func scale(_ values: inout [Double], by factor: Double) {
    values.withUnsafeMutableBufferPointer { values in
      for index in 0..<values.count { values[index] *= factor }
    }
  }

  /// covariance ← covariance − V Vᵀ, no variance below 0.
  ///
  /// - Parameter v: V, [m·O, n].
  static func subtract(
    _ v: [Double], _ n: Int, from covariance: inout [Double], _ form: CovarianceForm, outputs: Int,
    by algebra: any DenseLinearAlgebra
  ) throws {
    let m = v.count / n
    func product(_ i: Int, _ j: Int) -> Double {
      v.withUnsafeBufferPointer { v in
        var sum = 0.0
        for k in 0..<n { sum += v[i * n + k] * v[j * n + k] }
        return sum
      }
    }
    switch form {
    case .none: break
    case .variances:
      for i in 0..<m { covariance[i] = max(0, covariance[i] - product(i, i)) }
    case .blocks:
      for i in 0..<m {
        let first = i / outputs * outputs
        for j in first...i {
          let value = covariance[i * outputs + j - first] - product(i, j)
          covariance[i * outputs + j - first] = i == j ? max(0, value) : value
          covariance[j * outputs + i - first] = covariance[i * outputs + j - first]
        }
      }
    case .full:
      let explained = try algebra.product(
        v, transposed: false, v, transposed: true, m: m, k: n, n: m)
      for i in 0..<m {
        for j in 0...i {
          let value = covariance[i * m + j] - explained[i * m + j]
          covariance[i * m + j] = i == j ? max(0, value) : value
          covariance[j * m + i] = covariance[i * m + j]
        }
      }
    }
  }

  // MARK: More observations

  /// The posterior after more observations, with the same σp and σ: what it would be of all of them at
  /// once, for O(N²M) operations of N old and M new outputs. With B the covariance of the new ones with
  /// the old ones and C their own,
  ///
  ///     [A Bᵀ; B C] = [L 0; S M][L 0; S M]ᵀ,   S = B L⁻ᵀ,   M Mᵀ = C − S Sᵀ.
  ///
  /// - Parameter memory: bytes that may be used; 8·(N² + (N + M)² + 2NM) are needed.
  /// - Throws: `GaussianProcessError` where they do not suffice, and where the new covariance is not
  ///   positive definite.
  public func appended(
    _ more: Observations, memory: Int = HostMachine.memory
  ) throws -> ExactPosterior {
    let (n, m) = (residuals.count, more.targets.count)
    precondition(m == more.count * model.outputs, "targets of all outputs")
    let (old, new) = (Double(n), Double(m))
    let needed = 8 * (old * old + (old + new) * (old + new) + 2 * old * new)
    guard needed <= Double(memory) else {
      throw GaussianProcessError(
        "a factorization of \(n) outputs of examples that learns \(m) more needs "
          + "\(SolverChoice.bytes(needed)), and there are \(SolverChoice.bytes(Double(memory))); learn "
          + "all examples anew with --solver cg")
    }
    let (algebra, size) = (factor.algebra, n + m)
    let prior = hyperparameters.priorStd * hyperparameters.priorStd
    let noise = hyperparameters.noiseStd * hyperparameters.noiseStd
    var cross = try model.kernelMatrix(more.inputs, inputs)
    Self.scale(&cross, by: prior)
    var own = try model.kernelMatrix(more.inputs)
    Self.scale(&own, by: prior)
    for i in 0..<m { own[i * m + i] += noise }
    let half = try factor.halfSolve(rows: cross)
    let explained = try algebra.product(
      half, transposed: false, half, transposed: true, m: m, k: n, n: m)
    var rest = own
    for index in rest.indices { rest[index] -= explained[index] }
    let largest = (0..<m).reduce(0) { max($0, own[$1 * m + $1]) }
    guard let corner = try CholeskyFactor(rest, m, by: algebra),
      corner.smallestPivot > CholeskyFactor.rounding(size) * largest
    else {
      throw GaussianProcessError(
        "with \(more.count) more examples the covariance is not positive definite; give a larger "
          + "--noise-std, or leave out examples that are there already")
    }
    var values = [Double](repeating: 0, count: size * size)
    values.withUnsafeMutableBufferPointer { values in
      // L[i, j] at j·size + i, and A[i, j] at i·size + j for j < i.
      for j in 0..<n {
        for i in 0..<n { values[j * size + i] = factor.values[j * n + i] }
        for i in 0..<m { values[j * size + n + i] = half[i * n + j] }
      }
      for i in 0..<m {
        for j in 0..<n { values[(n + i) * size + j] = cross[i * n + j] }
        for j in 0..<m {
          values[(n + i) * size + n + j] = j < i ? own[i * m + j] : corner.values[i * m + j]
        }
      }
    }
    let backend = model.backend
    let all = try backend.matrix(inputs.rows + more.count, inputs.columns, inputs.type)
    for (rows, part) in [(0..<inputs.rows, inputs), (inputs.rows..<all.rows, more.inputs)] {
      try backend.run(.linearCombination(LinearCombination(all.rows(rows), 1, part)))
    }
    return try ExactPosterior(
      model, hyperparameters, all, residuals: residuals + model.residuals(more),
      CholeskyFactor(values: values, size, by: algebra),
      diagonal: diagonal.isEmpty ? [] : diagonal + (0..<m).map { own[$0 * m + $0] })
  }
}

extension LinearizedNetwork {
  /// y − m, [n·O]. Waits.
  public func residuals(_ observations: Observations) throws -> [Double] {
    var residuals = observations.targets
    let mean = try mean(observations.inputs)
    for index in residuals.indices { residuals[index] -= mean[index] }
    return residuals
  }
}
