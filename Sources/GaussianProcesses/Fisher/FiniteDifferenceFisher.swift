import Compute
import DataSets
import Jets
import Networks

/// The published product with the Fisher information, for comparison: the gradient of a divergence at
/// θ + εv, divided by ε,
///
///     F v ≈ (1/(εn)) Σ_x ∇_θ′ KL(p(·|x, θ) ‖ p(·|x, θ′)) at θ′ = θ + εv
///         = (1/(εn)) Σ_x J(x; θ′)ᵀ(g(f(x; θ′)) − g(f(x; θ))),   g softmax or the identity.
///
/// Maddox et al., arXiv 2103.01439, with ε = 10⁻⁴. Its error is that of the model's curvature times ε, and
/// of rounding over ε.
public struct FiniteDifferenceFisher {
  public let network: Network
  public let likelihood: OutputLikelihood
  /// θ, 1×P.
  public let center: Matrix
  /// [n, features], all in one pass.
  public let inputs: Matrix
  public let backend: any Backend
  /// g(f(x; θ)), [n, O].
  private let reference: Matrix

  /// Waits.
  public init(
    _ network: Network, at center: Matrix, _ likelihood: OutputLikelihood, _ inputs: Matrix,
    on backend: any Backend
  ) throws {
    (self.network, self.center, self.likelihood) = (network, center, likelihood)
    (self.inputs, self.backend) = (inputs, backend)
    try likelihood.check(outputs: network.outputCount)
    let output = try network.pushforward(
      inputs, ParameterJet(center: center), algebra: JetAlgebra(backend, order: 0))
    if likelihood == .gaussian {
      reference = output[0]
    } else {
      let p = Softmax.probabilities(try backend.download(output[0]), network.outputCount)
      reference = try backend.matrix(inputs.rows, network.outputCount, center.type, p)
    }
  }

  /// - Parameter v: 1×P.
  /// - Returns: 1×P.
  public func product(_ v: Matrix, epsilon: Double) throws -> Matrix {
    let (type, n) = (center.type, inputs.rows)
    let moved = try backend.matrix(1, center.columns, type)
    try backend.run(.linearCombination(LinearCombination(moved, epsilon, v, 1, center)))
    let (parameters, tape) = (ParameterJet(center: moved), Network.Tape())
    let algebra = JetAlgebra(backend, order: 0)
    let output = try network.pushforward(inputs, parameters, algebra: algebra, tape: tape)
    func matrix(_ rows: Int, _ columns: Int) throws -> Matrix {
      try backend.matrix(rows, columns, type)
    }
    let cotangent = Jet(
      try matrix(n, network.outputCount), block: n, degree: 1, capacity: 1, hasZero: false)
    try backend.run(
      .loss(
        Loss(
          likelihood == .gaussian ? .mse : .crossEntropy, logits: output, targets: reference,
          scale: nil, factor: 1 / Double(n), outputs: matrix(n, network.outputCount),
          losses: matrix(1, n), correct: matrix(1, n), cotangent: cotangent)))
    let gradient = try matrix(1, center.columns)
    try network.pullback(cotangent, tape, parameters, algebra: algebra, into: gradient)
    let result = try matrix(1, center.columns)
    try backend.run(.linearCombination(LinearCombination(result, 1 / epsilon, gradient)))
    return result
  }
}
