/// How much of a covariance between outputs at m examples is wanted.
public enum CovarianceForm: String, Sendable, Codable, CaseIterable {
  case none
  /// The diagonal, [m·O].
  case variances
  /// Between the outputs of each example, [m, O, O].
  case blocks
  /// All of it, [m·O, m·O].
  case full
}

/// A normal distribution of the outputs at some examples, without the noise of observations.
public struct GaussianOutputs: Sendable, Equatable {
  /// O
  public let outputs: Int
  /// [m·O], example after example.
  public var mean: [Double]
  public let form: CovarianceForm
  /// In the shape that `form` says; empty for `none`.
  public var covariance: [Double]

  /// m
  public var count: Int { mean.count / outputs }

  public init(
    outputs: Int, mean: [Double], _ form: CovarianceForm = .none, _ covariance: [Double] = []
  ) {
    let size = mean.count
    precondition(outputs > 0 && size % outputs == 0, "outputs of whole examples")
    switch form {
    case .none: precondition(covariance.isEmpty)
    case .variances: precondition(covariance.count == size)
    case .blocks: precondition(covariance.count == size * outputs)
    case .full: precondition(covariance.count == size * size)
    }
    (self.outputs, self.mean, self.form, self.covariance) = (outputs, mean, form, covariance)
  }

  /// The variances, [m·O]; nil for `none`.
  public var variances: [Double]? {
    switch form {
    case .none: nil
    case .variances: covariance
    case .blocks:
      mean.indices.map { covariance[$0 * outputs + $0 % outputs] }
    case .full: mean.indices.map { covariance[$0 * mean.count + $0] }
    }
  }
}
