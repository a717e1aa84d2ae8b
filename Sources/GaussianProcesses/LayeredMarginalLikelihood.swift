import Glibc
import TangentKernels

/// log p(y) with a σ_l for each layer, A = Σ_l σ_l²K_l + σ²I, by a factorization at each point:
///
///     ∂ log p/∂ log σ_l = σ_l² (αᵀK_lα − tr(A⁻¹K_l)),   ∂ log p/∂ log σ = σ² (αᵀα − tr A⁻¹).
///
/// Rasmussen and Williams, Gaussian Processes for Machine Learning, 5.9.
public struct LayeredMarginalLikelihood {
  /// K_l, [N, N] each.
  public let kernels: [[Double]]
  /// y − m, [N].
  public let residuals: [Double]
  let algebra: any DenseLinearAlgebra

  public init(kernels: [[Double]], residuals: [Double], by algebra: any DenseLinearAlgebra) {
    precondition(kernels.allSatisfy { $0.count == residuals.count * residuals.count })
    (self.kernels, self.residuals, self.algebra) = (kernels, residuals, algebra)
  }

  /// - Parameter stds: σ_l of each layer, and behind them σ.
  /// - Returns: log p and its derivatives by the logarithms of `stds`; nil where A is not positive
  ///   definite.
  public func value(_ stds: [Double]) throws -> (value: Double, gradient: [Double])? {
    precondition(stds.count == kernels.count + 1)
    let (n, noise) = (residuals.count, stds[kernels.count] * stds[kernels.count])
    let matrix = sum(stds)
    let largest = (0..<n).reduce(0) { max($0, matrix[$1 * n + $1]) }
    guard let factor = try CholeskyFactor(matrix, n, by: algebra),
      factor.smallestPivot > 8 * 0x1p-53 * largest
    else { return nil }
    let alpha = try factor.solve(rows: residuals)
    var inverse = [Double](repeating: 0, count: n * n)
    for i in 0..<n { inverse[i * n + i] = 1 }
    inverse = try factor.solve(rows: inverse)
    var (product, squares, trace) = (0.0, 0.0, 0.0)
    for i in 0..<n {
      product += residuals[i] * alpha[i]
      squares += alpha[i] * alpha[i]
      trace += inverse[i * n + i]
    }
    var gradient: [Double] = []
    for (kernel, std) in zip(kernels, stds) {
      gradient.append(std * std * Self.difference(kernel, alpha, inverse))
    }
    gradient.append(noise * (squares - trace))
    return (
      -0.5 * (product + factor.logDeterminant + Double(n) * log(2 * Double.pi)), gradient
    )
  }

  /// A
  func sum(_ stds: [Double]) -> [Double] {
    let n = residuals.count
    var matrix = [Double](repeating: 0, count: n * n)
    matrix.withUnsafeMutableBufferPointer { matrix in
      for (kernel, std) in zip(kernels, stds) {
        kernel.withUnsafeBufferPointer { kernel in
          for index in 0..<n * n { matrix[index] += std * std * kernel[index] }
        }
      }
      let noise = stds[kernels.count]
      for i in 0..<n { matrix[i * n + i] += noise * noise }
    }
    return matrix
  }

  /// αᵀKα − tr(A⁻¹K)
  private static func difference(
    _ kernel: [Double], _ alpha: [Double], _ inverse: [Double]
  ) -> Double {
    let n = alpha.count
    return kernel.withUnsafeBufferPointer { kernel in
      inverse.withUnsafeBufferPointer { inverse in
        var sum = 0.0
        for i in 0..<n {
          var row = 0.0
          for j in 0..<n {
            row += kernel[i * n + j] * (alpha[i] * alpha[j] - inverse[i * n + j])
          }
          sum += row
        }
        return sum
      }
    }
  }

  /// The largest value, with the same bounds for each layer as for one σp of all.
  ///
  /// - Parameters:
  ///   - noiseStd: σ, where it is held.
  ///   - layers: their names.
  /// - Returns: σ_l and σ, and how they were found. `hyperparameters.priorStd` is the largest σ_l.
  public func maximum(
    noiseStd: Double? = nil, layers: [String], starts: Int = MarginalLikelihood.defaultStarts
  ) throws -> (stds: [Double], search: HyperparameterSearch) {
    let (n, count) = (residuals.count, kernels.count)
    precondition(layers.count == count)
    // The whole kernel's one σp is where the first search begins, and what bounds follow from.
    let shared = try MarginalLikelihood(
      kernel: sum([Double](repeating: 1, count: count) + [0]), residuals: residuals, by: algebra)
    let bounds = try HyperparameterBounds(
      residualSquares: shared.squares / Double(n), meanDiagonal: shared.meanDiagonal)
    let first = try shared.maximum(noiseStd: noiseStd, starts: starts)
    var (lower, upper): ([Double], [Double]) = ([], [])
    for index in 0...count where index < count || noiseStd == nil {
      let range = index < count ? bounds.prior : bounds.noise
      lower.append(log(range.lowerBound))
      upper.append(log(range.upperBound))
    }
    func stds(_ x: [Double]) -> [Double] {
      x.map { exp($0) } + (noiseStd.map { [$0] } ?? [])
    }
    let found = try MarginalLikelihood.search(
      BoundedMaximizer(lower: lower, upper: upper, tolerance: 1e-7, limit: 100), starts: starts,
      from: { index in
        let (prior, noise) =
          index == 0
          ? (log(first.hyperparameters.priorStd), log(first.hyperparameters.noiseStd))
          : bounds.start(index - 1)
        return [Double](repeating: prior, count: count) + (noiseStd == nil ? [noise] : [])
      },
      { x in
        guard let (value, gradient) = try self.value(stds(x)) else { return nil }
        return (value, Array(gradient.prefix(x.count)))
      })
    let result = stds(found.best.x)
    let names = layers.map { "the prior of \($0)" } + ["--noise-std"]
    return (
      result,
      HyperparameterSearch(
        hyperparameters: GaussianHyperparameters(
          priorStd: result.prefix(count).max() ?? 0, noiseStd: result[count]),
        logMarginalLikelihood: found.best.value, starts: starts, start: found.start,
        evaluations: first.evaluations + found.evaluations,
        bounds: MarginalLikelihood.bounds(found.best.x, lower, upper, names))
    )
  }
}
