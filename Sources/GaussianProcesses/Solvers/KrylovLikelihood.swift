import Compute
import Glibc

/// The log marginal likelihood of every σp and σ from Krylov spaces of K, which are found once:
///
///     log p(y) = −½ rᵀA⁻¹r − ½ log det A − ½ nO log 2π,   A = σp²K + σ²I, r = y − m.
///
/// The quadratic form is a Gaussian quadrature in the space of r. The determinant is one in the spaces
/// of random signs z: E zᵀ log(A) z = log det A (stochastic Lanczos quadrature: Ubaru, Chen, Saad 2017).
/// Its standard error is that of the mean over the z; what the quadrature leaves out, because a space
/// has only k dimensions, is not part of it.
public struct KrylovLikelihood: Sendable {
  /// n·O
  public let dimension: Int
  public let probes: [SpectralQuadrature]
  public let target: SpectralQuadrature

  public struct Estimate: Sendable, Equatable {
    /// log p(y)
    public var value: Double
    /// ∂ value/∂ log σp and ∂ value/∂ log σ.
    public var priorGradient: Double
    public var noiseGradient: Double
    public var logDeterminant: Double
    public var logDeterminantStandardError: Double
    /// rᵀA⁻¹r
    public private(set) var quadraticForm: Double

    /// Puts what a solve has found in the place of the quadrature's.
    public mutating func replace(quadraticForm: Double) {
      value += 0.5 * (self.quadraticForm - quadraticForm)
      self.quadraticForm = quadraticForm
    }
  }

  /// - Precondition: σ > 0.
  public func estimate(_ hyperparameters: GaussianHyperparameters) -> Estimate {
    let (prior, noise) = (hyperparameters.priorVariance, hyperparameters.noiseVariance)
    let count = Double(probes.count)
    // Of every probe: its value, and both derivatives added up.
    var (sum, squares, slopes) = (0.0, 0.0, [0.0, 0.0])
    for probe in probes {
      var value = 0.0
      for (theta, weight) in zip(probe.nodes, probe.weights) {
        let lambda = prior * theta + noise
        value += weight * log(lambda)
        slopes[0] += probe.squaredSize * weight * 2 * prior * theta / lambda / count
        slopes[1] += probe.squaredSize * weight * 2 * noise / lambda / count
      }
      value *= probe.squaredSize
      sum += value
      squares += value * value
    }
    let mean = sum / count
    let variance = count > 1 ? max(0, squares - sum * mean) / (count - 1) : .infinity
    var (form, changes) = (0.0, [0.0, 0.0])
    for (theta, weight) in zip(target.nodes, target.weights) {
      let lambda = prior * theta + noise
      form += target.squaredSize * weight / lambda
      changes[0] -= target.squaredSize * weight * 2 * prior * theta / (lambda * lambda)
      changes[1] -= target.squaredSize * weight * 2 * noise / (lambda * lambda)
    }
    return Estimate(
      value: -0.5 * (form + mean + Double(dimension) * log(2 * Double.pi)),
      priorGradient: -0.5 * (changes[0] + slopes[0]),
      noiseGradient: -0.5 * (changes[1] + slopes[1]),
      logDeterminant: mean, logDeterminantStandardError: (variance / count).squareRoot(),
      quadraticForm: form)
  }
}

extension KrylovLikelihood {
  /// σp and σ of the largest value, as `MarginalLikelihood.maximum` finds them.
  public func maximum(
    priorStd: Double? = nil, noiseStd: Double? = nil,
    starts: Int = MarginalLikelihood.defaultStarts
  ) throws -> HyperparameterSearch {
    // zᵀKz/N of every probe has the mean diagonal as its mean.
    var diagonal = 0.0
    for probe in probes {
      for (theta, weight) in zip(probe.nodes, probe.weights) {
        diagonal += theta * weight / Double(probes.count)
      }
    }
    return try MarginalLikelihood.maximum(
      HyperparameterBounds(
        residualSquares: target.squaredSize / Double(dimension), meanDiagonal: diagonal),
      priorStd: priorStd, noiseStd: noiseStd, starts: starts
    ) { point in
      let estimate = estimate(point)
      return MarginalLikelihood.Value(
        logLikelihood: estimate.value, priorGradient: estimate.priorGradient,
        noiseGradient: estimate.noiseGradient)
    }
  }

  /// Basis vectors that are held at a time, in bytes.
  private static let basisBytes = 1 << 28

  init(_ system: KernelSystem) throws {
    let (products, settings) = (system.products, system.settings)
    let n = products.dimension
    let backend = products.model.backend
    var found: [SpectralQuadrature] = []
    let most = max(1, Self.basisBytes / max(1, 8 * n * min(n, settings.lanczosSteps)))
    // The signs, and last y − m.
    for first in stride(from: 0, to: settings.probes + 1, by: most) {
      var starts: [Double] = []
      for index in first..<min(settings.probes + 1, first + most) {
        guard index < settings.probes else {
          starts += system.residuals
          continue
        }
        let signs = try backend.matrix(1, n, products.model.type)
        try backend.run(
          .randomFill(
            RandomFill(signs, .signs, seed: settings.seed, purpose: .lanczos, tensor: index)))
        starts += try backend.download(signs)
      }
      for space in try KrylovSpace.find(
        products, starts: starts, steps: settings.lanczosSteps, by: system.algebra)
      {
        found.append(space.quadrature())
      }
    }
    dimension = n
    target = found.removeLast()
    probes = found
  }
}
