import Compute
import TangentKernels

extension LaplacePosterior {
  /// What a file keeps of it besides inputs and targets: the weights a and the probabilities p, [n·O],
  /// and L, row by row as far as the diagonal.
  public var state: [String: [Double]] {
    ["probabilities": probabilities, "weights": weights, "factor": factor.packed]
  }

  /// A posterior that was kept.
  ///
  /// - Parameter inputs: the saved ones, [n, features].
  public convenience init(
    _ saved: SavedPosterior, _ model: LinearizedNetwork, _ inputs: Matrix,
    by algebra: any DenseLinearAlgebra
  ) throws {
    let n = saved.targets.count
    self.init(
      model, priorStd: saved.hyperparameters.priorStd, inputs: inputs,
      weights: try saved.vector("weights", n),
      probabilities: try saved.vector("probabilities", n),
      factor: try CholeskyFactor(
        packed: saved.vector("factor", n * (n + 1) / 2), n, by: algebra))
  }
}
