import Compute
import Glibc
import TangentKernels

/// A posterior from the kernel between some examples, the inducing ones u, and all: with
/// Q = K_·u K_uu⁺ K_u·, Nyström's approximation of the covariance K = σp²J R² Jᵀ,
///
///     mean        m* + Q*(Q + σ²I)⁻¹(y − m)
///     covariance  K** − Q** + (Q** − Q*(Q + σ²I)⁻¹Q*ᵀ)
///
/// The observations are explained through the inducing outputs alone (deterministic training
/// conditional: Seeger et al. 2003; Quiñonero-Candela and Rasmussen 2005), and the prior's variance is kept
/// where these say nothing. It is what Titsias (2009) finds to be the variational optimum for the given
/// inducing points, which is why it is chosen before FITC. With ψ = (K_uu⁺)^½ K_u· in
/// the eigenvectors of Σ ψψᵀ, λ its eigenvalues, the covariance is
///
///     K** − Σ_j ψ_j(x)ψ_j(x′) λ_j/(λ_j + σ²),
///
/// so that variances are never above the prior's, and never negative. With all examples as inducing ones
/// it is the exact posterior. Work grows as n·O·r² for r = u·O, memory as r²; the kernel between all
/// examples is never formed. Eigenvalues of K_uu that are rounding errors are left out.
public final class NystromPosterior: Posterior {
  public let model: LinearizedNetwork
  public let hyperparameters: GaussianHyperparameters
  /// The inducing examples' inputs, [u, features].
  public let inducing: Matrix
  /// Dimensions of ψ.
  public let rank: Int
  /// A lower bound of log p(y) (Titsias 2009): that of Q + σ²I, less tr(K − Q)/2σ².
  public let logMarginalLikelihoodBound: Double
  private let algebra: any DenseLinearAlgebra
  /// From K_u· to ψ, [u·O, r].
  private let features: [Double]
  /// λ, [r], and the mean's coefficients, [r].
  private let eigenvalues: [Double]
  private let weights: [Double]

  private static let stripExamples = 128

  /// Some of n examples, by a hash of their numbers: the same for equal seeds.
  public static func choose(_ count: Int, of n: Int, seed: UInt64 = 0) -> [Int] {
    func key(_ index: Int) -> UInt64 {
      var z = (UInt64(index) &+ seed &* 0x632b_e59b_d9b4_e019 &+ 1) &* 0x9e37_79b9_7f4a_7c15
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
    let order = (0..<n).sorted { (key($0), $0) < (key($1), $1) }
    return order.prefix(count).sorted()
  }

  /// - Parameters:
  ///   - inducing: numbers of examples.
  ///   - memory: bytes that may be used.
  /// - Throws: `GaussianProcessError` where the kernel between the inducing examples is 0 or does not fit
  ///   into memory, and for a noise of 0. Waits.
  public init(
    _ model: LinearizedNetwork, _ observations: Observations,
    _ hyperparameters: GaussianHyperparameters, inducing: [Int],
    memory: Int = HostMachine.memory, by algebra: any DenseLinearAlgebra
  ) throws {
    precondition(!inducing.isEmpty && inducing.allSatisfy { $0 < observations.count })
    try hyperparameters.checkNoise()
    // K_uu or its eigenvectors, ψ's coefficients before and after their rotation, Σ ψψᵀ and its part.
    let rows = Double(inducing.count * model.outputs)
    let needed = 5 * 8 * rows * rows
    guard needed <= Double(memory) else {
      throw GaussianProcessError(
        "\(inducing.count) inducing examples with \(model.outputs) outputs need "
          + "\(SolverChoice.bytes(needed)), and there are \(SolverChoice.bytes(Double(memory))); give "
          + "fewer inducing examples")
    }
    (self.model, self.hyperparameters, self.algebra) = (model, hyperparameters, algebra)
    let z = try model.backend.matrix(
      inducing.count, observations.inputs.columns, observations.inputs.type)
    for (row, index) in inducing.enumerated() {
      try model.copy(observations.inputs.rows(index..<(index + 1)), to: z.rows(row..<(row + 1)))
    }
    self.inducing = z
    let (o, prior) = (model.outputs, hyperparameters.priorStd * hyperparameters.priorStd)
    let noise = hyperparameters.noiseStd * hyperparameters.noiseStd
    let size = inducing.count * o

    // ψ0 = S K_u·, S = Λ^−½V over the eigenvalues that are none of rounding.
    var vectors = try model.kernelMatrix(z)
    let values = try algebra.eigendecomposition(&vectors, size)
    let limit = Double(size) * model.type.unitRoundoff * (values.last ?? 0)
    let kept = values.indices.filter { values[$0] > max(limit, 0) }
    guard !kept.isEmpty else {
      throw GaussianProcessError(
        "the kernel between the inducing examples is 0, so that nothing can be learned; let more tensors "
          + "move with --layers, or check the network's parameters")
    }
    let r = kept.count
    var first: [Double] = []
    first.reserveCapacity(r * size)
    for index in kept {
      let factor = hyperparameters.priorStd / values[index].squareRoot()
      for column in 0..<size { first.append(factor * vectors[index * size + column]) }
    }

    // Σ ψ0ψ0ᵀ and Σ ψ0(y − m), strip by strip.
    let mean = try model.mean(observations.inputs)
    var gram = [Double](repeating: 0, count: r * r)
    var products = [Double](repeating: 0, count: r)
    var squares = 0.0
    var priorTrace = 0.0
    for start in stride(from: 0, to: observations.count, by: Self.stripExamples) {
      let strip = start..<min(observations.count, start + Self.stripExamples)
      let x = observations.inputs.rows(strip)
      let width = strip.count * o
      let psi = try algebra.product(
        model.kernelMatrix(x, z), transposed: false, first, transposed: true, m: width, k: size,
        n: r)
      let part = try algebra.product(
        psi, transposed: true, psi, transposed: false, m: r, k: width, n: r)
      for index in gram.indices { gram[index] += part[index] }
      for row in 0..<width {
        let residual =
          observations.targets[strip.lowerBound * o + row] - mean[strip.lowerBound * o + row]
        squares += residual * residual
        for j in 0..<r { products[j] += psi[row * r + j] * residual }
      }
      for value in try model.priorCovariance(x, .variances) { priorTrace += prior * value }
    }

    // In the eigenvectors of the sum.
    var rotation = gram
    var lambda = try algebra.eigendecomposition(&rotation, r)
    for j in 0..<r { lambda[j] = max(0, lambda[j]) }
    let rotated = try algebra.product(rotation, products, m: r, k: r, n: 1)
    features = try algebra.product(
      first, transposed: true, rotation, transposed: true, m: size, k: r, n: r)
    var bound = squares
    var determinant = 0.0
    var explained = 0.0
    var weights = rotated
    for j in 0..<r {
      weights[j] = rotated[j] / (lambda[j] + noise)
      bound -= rotated[j] * weights[j]
      determinant += log1p(lambda[j] / noise)
      explained += lambda[j]
    }
    let n = Double(observations.targets.count)
    logMarginalLikelihoodBound =
      -0.5 * (bound / noise + determinant + n * log(2 * Double.pi * noise))
      - 0.5 * max(0, priorTrace - explained) / noise
    (eigenvalues, self.weights, rank) = (lambda, weights, r)
  }

  public func predict(_ inputs: Matrix, _ form: CovarianceForm) throws -> GaussianOutputs {
    let prior = hyperparameters.priorStd * hyperparameters.priorStd
    let noise = hyperparameters.noiseStd * hyperparameters.noiseStd
    let (m, u) = (inputs.rows * model.outputs, inducing.rows * model.outputs)
    var psi = try algebra.product(
      model.kernelMatrix(inputs, inducing), features, m: m, k: u, n: rank)
    var mean = try model.mean(inputs)
    let moved = try algebra.product(psi, weights, m: m, k: rank, n: 1)
    for index in mean.indices { mean[index] += moved[index] }
    guard form != .none else { return GaussianOutputs(outputs: model.outputs, mean: mean) }
    for row in 0..<m {
      for j in 0..<rank {
        psi[row * rank + j] *= (eigenvalues[j] / (eigenvalues[j] + noise)).squareRoot()
      }
    }
    var covariance = try model.priorCovariance(inputs, form)
    for index in covariance.indices { covariance[index] *= prior }
    try ExactPosterior.subtract(
      psi, rank, from: &covariance, form, outputs: model.outputs, by: algebra)
    return GaussianOutputs(outputs: model.outputs, mean: mean, form, covariance)
  }
}
