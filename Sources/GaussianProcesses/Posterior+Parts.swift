import Compute

extension Posterior {
  /// Examples that are predicted at once: fixed, so that what is predicted again
  /// differs by the rounding of LAPACK at most.
  static var partExamples: Int { 128 }

  /// `predict` for many examples, some at a time, so that memory stays small.
  ///
  /// - Precondition: a form without covariances between examples.
  public func predictions(_ inputs: Matrix, _ form: CovarianceForm) throws -> GaussianOutputs {
    precondition(form != .full, "covariances of single examples")
    var (mean, covariance): ([Double], [Double]) = ([], [])
    for first in stride(from: 0, to: inputs.rows, by: Self.partExamples) {
      let part = try predict(
        inputs.rows(first..<min(inputs.rows, first + Self.partExamples)), form)
      mean += part.mean
      covariance += part.covariance
    }
    return GaussianOutputs(outputs: model.outputs, mean: mean, form, covariance)
  }
}
