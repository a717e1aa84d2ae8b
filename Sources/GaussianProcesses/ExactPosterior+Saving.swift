import Compute
import TangentKernels

extension CholeskyFactor {
  /// L, row by row as far as the diagonal: n(n + 1)/2 numbers.
  var packed: [Double] {
    var result: [Double] = []
    result.reserveCapacity(dimension * (dimension + 1) / 2)
    for i in 0..<dimension {
      for j in 0...i { result.append(values[j * dimension + i]) }
    }
    return result
  }

  /// - Throws: `GaussianProcessError` for a diagonal that is not positive.
  init(packed: [Double], _ n: Int, by algebra: any DenseLinearAlgebra) throws {
    var values = [Double](repeating: 0, count: n * n)
    var place = 0
    for i in 0..<n {
      for j in 0...i {
        values[j * n + i] = packed[place]
        place += 1
      }
      guard packed[place - 1] > 0 else {
        throw GaussianProcessError(
          "\(SavedPosterior.name) has a factor that is not positive on its diagonal; write it again "
            + "with adapt --out")
      }
    }
    self.init(values: values, n, by: algebra)
  }
}

extension ExactPosterior {
  /// What a file keeps of it besides inputs and targets: the residuals y − m, [n·O], and L, row by row
  /// as far as the diagonal.
  public var state: [String: [Double]] { ["residuals": residuals, "factor": factor.packed] }

  /// A posterior that was kept.
  ///
  /// - Parameter inputs: the saved ones, [n, features].
  public convenience init(
    _ saved: SavedPosterior, _ model: LinearizedNetwork, _ inputs: Matrix,
    by algebra: any DenseLinearAlgebra
  ) throws {
    let n = saved.targets.count
    try self.init(
      model, saved.hyperparameters, inputs: inputs,
      residuals: saved.vector("residuals", n),
      factor: CholeskyFactor(packed: saved.vector("factor", n * (n + 1) / 2), n, by: algebra))
  }
}
