import Compute
import TangentKernels

/// A posterior whose covariance keeps only a structure of the curvature: with the parameters' movement
/// θ′ − θ = R w, w ~ N(0, σp²I) before anything is seen,
///
///     covariance  J* R C R J*ᵀ,   C = (S/σ² + I/σp²)⁻¹,   S ≈ Σ_x R Jᵀ H J R,
///
/// S its diagonal, or Kronecker products layer by layer, whose prior is kept exactly by way of the
/// factors' eigenvectors (Ritter et al. 2018, "A Scalable Laplace Approximation for Neural Networks").
/// The mean is another posterior's: only the covariance is approximated, as is usual (Daxberger et al.
/// 2021, arXiv 2106.14806), because the mean is one solve. For softmax σ is 1. Work and memory grow as P,
/// not as P² or as (n·O)².
///
/// Variances are sums of squares, hence never negative, and never above the prior's, because C ≤ σp²I.
public final class StructuredPosterior: Posterior {
  public let model: LinearizedNetwork
  public let structure: CurvatureStructure
  /// Whose mean it has.
  public let base: any Posterior
  private let covariance: LayerCovariance
  private let passes: OutputPasses

  /// - Parameters:
  ///   - inputs: of the examples that it learns from, [n, features].
  ///   - logits: where H is taken, [n·O], in place of f(x; θ), such as those of a MAP estimate.
  /// - Throws: `GaussianProcessError` for the softmax of one output, and a noise of 0. Waits.
  public init(
    _ model: LinearizedNetwork, _ structure: CurvatureStructure,
    _ likelihood: OutputLikelihood = .gaussian, inputs: Matrix, logits: [Double]? = nil,
    _ hyperparameters: GaussianHyperparameters, meanOf base: any Posterior,
    by algebra: any DenseLinearAlgebra
  ) throws {
    precondition(logits?.count ?? inputs.rows * model.outputs == inputs.rows * model.outputs)
    try likelihood.check(outputs: model.outputs)
    try hyperparameters.checkNoise()
    (self.model, self.structure, self.base) = (model, structure, base)
    covariance = try LayerCovariance(
      structure, OutputPasses(model: model, likelihood: likelihood, logits: logits), inputs,
      hyperparameters, by: algebra)
    passes = OutputPasses(model: model, likelihood: .gaussian)
  }

  public func predict(_ inputs: Matrix, _ form: CovarianceForm) throws -> GaussianOutputs {
    let mean = try base.predict(inputs, .none).mean
    return GaussianOutputs(
      outputs: model.outputs, mean: mean, form, try covariance(inputs, form))
  }

  private func covariance(_ inputs: Matrix, _ form: CovarianceForm) throws -> [Double] {
    let o = model.outputs
    switch form {
    case .none: return []
    case .full: return try full(inputs)
    case .variances, .blocks: break
    }
    var result: [Double] = []
    for part in try parts(inputs.rows) {
      let sum = try zeros(part.count, o * o)
      try passes.run(inputs, part) { [covariance, model] gradient in
        try covariance.addBlocks(gradient, to: sum, on: model.backend)
      }
      let values = try model.backend.download(sum)
      if form == .blocks {
        result += values
      } else {
        for row in 0..<part.count {
          for k in 0..<o { result.append(values[(row * o + k) * o + k]) }
        }
      }
    }
    return result
  }

  /// Pairs of strips of examples have a pass each.
  private func full(_ inputs: Matrix) throws -> [Double] {
    let (o, m) = (model.outputs, inputs.rows)
    let size = m * o
    var result = [Double](repeating: 0, count: size * size)
    let parts = try parts(m)
    for (r, left) in parts.enumerated() {
      // One strip alone, or every pair of them.
      for right in parts.count == 1 ? [0..<0] : Array(parts[(r + 1)...]) {
        let examples = Array(left) + Array(right)
        let (b, height) = (examples.count, examples.count * o)
        let both = try model.backend.matrix(b, inputs.columns, inputs.type)
        try model.copy(inputs.rows(left), to: both.rows(0..<left.count))
        if !right.isEmpty { try model.copy(inputs.rows(right), to: both.rows(left.count..<b)) }
        let sum = try zeros(height, height)
        try passes.run(both, 0..<b) { [covariance, model] gradient in
          try covariance.addAll(gradient, to: sum, on: model.backend)
        }
        let values = try model.backend.download(sum)
        for i in 0..<height {
          let row = (examples[i % b] * o + i / b) * size
          for j in 0..<height {
            result[row + examples[j % b] * o + j / b] = values[i * height + j]
          }
        }
      }
    }
    return result
  }

  private func parts(_ count: Int) throws -> [Range<Int>] {
    let size = try passes.passExamples()
    return stride(from: 0, to: count, by: size).map { $0..<min(count, $0 + size) }
  }

  private func zeros(_ rows: Int, _ columns: Int) throws -> Matrix {
    let sum = try model.backend.matrix(rows, columns, model.type)
    try model.backend.run(.fill(Fill(sum, value: 0)))
    return sum
  }
}
