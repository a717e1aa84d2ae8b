import Compute

/// A linearized network after it has seen examples: a normal distribution of its outputs anywhere.
public protocol Posterior {
  var model: LinearizedNetwork { get }

  /// The outputs at inputs, [m, features], without the noise of observations. Variances are never
  /// negative. Waits.
  func predict(_ inputs: Matrix, _ form: CovarianceForm) throws -> GaussianOutputs
}

/// σp and σ.
public struct GaussianHyperparameters: Sendable, Codable, Equatable {
  /// σp: the standard deviation of each parameter's movement, its tensor's scale apart.
  public var priorStd: Double
  /// σ: the standard deviation of what is observed of an output.
  public var noiseStd: Double

  public init(priorStd: Double, noiseStd: Double) {
    (self.priorStd, self.noiseStd) = (priorStd, noiseStd)
  }
}

/// What a process learns from.
public struct Observations {
  /// [n, features]
  public var inputs: Matrix
  /// y, [n·O], example after example.
  public var targets: [Double]
  public var count: Int { inputs.rows }

  public init(_ inputs: Matrix, targets: [Double]) {
    precondition(inputs.rows > 0 && targets.count % inputs.rows == 0, "targets for each example")
    (self.inputs, self.targets) = (inputs, targets)
  }
}
