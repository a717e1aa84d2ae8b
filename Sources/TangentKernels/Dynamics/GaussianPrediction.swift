/// Normal distributions of outputs at test examples.
public struct GaussianPrediction: Sendable, Equatable {
  /// [test examples, outputs]
  public var mean: [Double]
  /// [m, m] between the m test examples, the same for every output; nil where it was not asked for.
  public var covariance: [Double]?

  public init(mean: [Double], covariance: [Double]? = nil) {
    (self.mean, self.covariance) = (mean, covariance)
  }

  /// The square roots of the covariance's diagonal, [m]; 0 where rounding leaves less than nothing.
  public var standardDeviations: [Double]? {
    guard let covariance else { return nil }
    var m = 0
    while m * m < covariance.count { m += 1 }
    return (0..<m).map { max(0, covariance[$0 * m + $0]).squareRoot() }
  }
}

extension GradientFlow {
  /// A Gaussian process with this flow's kernel K as the prior's covariance, trained up to t:
  ///
  ///     mean       K* R⁻¹ (I − e^{−ηRt/n}) y
  ///     covariance K** − K* R⁻¹ (I − e^{−2ηRt/n}) K*ᵀ.
  ///
  /// For K the NNGP kernel it is the ensemble of networks that train their last layer alone; at t = ∞
  /// the posterior of Gaussian process regression, for the NTK as for the NNGP.
  ///
  /// - Parameter blocks: K* and, for the covariance, K**.
  public func gaussianProcess(_ blocks: TrainTestKernel, at t: Double) throws -> GaussianPrediction
  {
    var prediction = GaussianPrediction(mean: try test(blocks.cross, at: t))
    if let prior = blocks.test {
      let explained = try explained(blocks.cross, at: t)
      prediction.covariance = Self.symmetric(prior.rows) { i, j in
        prior.values[i * prior.rows + j] - explained[i * prior.rows + j]
      }
    }
    return prediction
  }

  /// The ensemble of networks, every layer trained, for this flow's kernel the NTK Θ. With
  /// A = Θ* R⁻¹ (I − e^{−ηRt/n}):
  ///
  ///     mean       A y
  ///     covariance K** + A K Aᵀ − (A K*ᵀ + K* Aᵀ),
  ///
  /// K the NNGP kernel, without a ridge.
  ///
  /// - Parameters:
  ///   - cross: Θ*.
  ///   - start: K, K* and K**, for the covariance.
  public func ensemble(
    _ cross: KernelMatrix, start: TrainTestKernel?, at t: Double
  ) throws -> GaussianPrediction {
    guard let start, let prior = start.test else {
      return GaussianPrediction(mean: try test(cross, at: t))
    }
    let (m, n) = (cross.rows, dimension)
    let a = try smoother(cross, at: t)
    let spread = try algebra.product(
      algebra.product(a, start.train.values, m: m, k: n, n: n), transposed: false, a,
      transposed: true, m: m, k: n, n: m)
    let mixed = try algebra.product(
      a, transposed: false, start.cross.values, transposed: true, m: m, k: n, n: m)
    return GaussianPrediction(
      mean: try algebra.product(a, targets, m: m, k: n, n: columns),
      covariance: Self.symmetric(m) { i, j in
        prior.values[i * m + j] + spread[i * m + j] - (mixed[i * m + j] + mixed[j * m + i])
      })
  }

  /// ½(A + Aᵀ)
  private static func symmetric(_ m: Int, _ entry: (Int, Int) -> Double) -> [Double] {
    var result = [Double](repeating: 0, count: m * m)
    for i in 0..<m {
      for j in 0...i {
        let value = 0.5 * (entry(i, j) + entry(j, i))
        (result[i * m + j], result[j * m + i]) = (value, value)
      }
    }
    return result
  }
}
