import Glibc

/// σp and σ where the marginal likelihood is largest, and how they were found.
public struct HyperparameterSearch: Sendable, Equatable {
  public var hyperparameters: GaussianHyperparameters
  /// r_t of the tensors, where each layer has a σp of its own; σp is then the largest of them.
  public var scales: [Double]?
  public var logMarginalLikelihood: Double
  /// How many searches there were, and which of them, counted from 0, ended highest.
  public var starts: Int
  public var start: Int
  public var evaluations: Int
  /// What ended at a bound: "the lower bound of --noise-std".
  public var bounds: [String]
}

/// Between what σp and σ are sought, relative to the mean square of the residuals, v = ‖r‖²/N, and to the
/// kernel's mean diagonal d = tr K/N: what an output moves by for σp = 1.
///
///     σp  from 10⁻⁴ to 10⁴ times √(v/d)
///     σ   from 10⁻⁵ to 10 times √v
public struct HyperparameterBounds: Sendable, Equatable {
  public var prior: ClosedRange<Double>
  public var noise: ClosedRange<Double>

  /// - Throws: `GaussianProcessError` where v or d is 0.
  public init(residualSquares v: Double, meanDiagonal d: Double) throws {
    guard v > 0 else {
      throw GaussianProcessError(
        "the prior's mean fits the targets exactly, so that their likelihood has no maximum; give "
          + "--prior-std and --noise-std")
    }
    guard d > 0, v.isFinite, d.isFinite else {
      throw GaussianProcessError(
        "the kernel between training examples is \(d > 0 ? "not finite" : "0"), so that no "
          + "--prior-std can be chosen; check the parameters and --layers")
    }
    let (unit, size) = ((v / d).squareRoot(), v.squareRoot())
    prior = 1e-4 * unit...1e4 * unit
    noise = 1e-5 * size...10 * size
  }

  /// Shares of the noise in v with which searches begin.
  static let startingShares = [0.1, 0.01, 0.5, 1e-4, 0.9, 1e-6, 0.3, 1e-3]

  /// Where search number `index` begins: log σp and log σ.
  func start(_ index: Int) -> (prior: Double, noise: Double) {
    let share = Self.startingShares[index % Self.startingShares.count]
    return (
      log(prior.upperBound * 1e-4 * (1 - share).squareRoot()),
      log(noise.upperBound * 0.1 * share.squareRoot())
    )
  }
}

extension MarginalLikelihood {
  public static let defaultStarts = 5

  /// The largest value between `HyperparameterBounds`, by searches from `starts` points.
  ///
  /// - Parameter priorStd, noiseStd: held where they are given, not both.
  /// - Throws: `GaussianProcessError` where there is none.
  public func maximum(
    priorStd: Double? = nil, noiseStd: Double? = nil,
    starts: Int = MarginalLikelihood.defaultStarts
  ) throws -> HyperparameterSearch {
    try Self.maximum(
      HyperparameterBounds(
        residualSquares: squares / Double(dimension), meanDiagonal: meanDiagonal),
      priorStd: priorStd, noiseStd: noiseStd, starts: starts, value)
  }

  /// The same of any likelihood with derivatives; nil where it has no value.
  static func maximum(
    _ bounds: HyperparameterBounds, priorStd: Double?, noiseStd: Double?, starts: Int,
    _ value: (GaussianHyperparameters) throws -> Value?
  ) throws -> HyperparameterSearch {
    precondition(starts >= 1 && (priorStd == nil || noiseStd == nil))
    var (lower, upper): ([Double], [Double]) = ([], [])
    for (given, range) in [(priorStd, bounds.prior), (noiseStd, bounds.noise)] where given == nil {
      lower.append(log(range.lowerBound))
      upper.append(log(range.upperBound))
    }
    func point(_ x: [Double]) -> GaussianHyperparameters {
      GaussianHyperparameters(
        priorStd: priorStd ?? exp(x[0]), noiseStd: noiseStd ?? exp(x[x.count - 1]))
    }
    let search = try Self.search(
      BoundedMaximizer(lower: lower, upper: upper), starts: starts,
      from: { index in
        let (prior, noise) = bounds.start(index)
        return (priorStd == nil ? [prior] : []) + (noiseStd == nil ? [noise] : [])
      },
      { x in
        guard let value = try value(point(x)) else { return nil }
        return (
          value.logLikelihood,
          (priorStd == nil ? [value.priorGradient] : [])
            + (noiseStd == nil ? [value.noiseGradient] : [])
        )
      })
    let names = (priorStd == nil ? ["--prior-std"] : []) + (noiseStd == nil ? ["--noise-std"] : [])
    return HyperparameterSearch(
      hyperparameters: point(search.best.x), logMarginalLikelihood: search.best.value,
      starts: starts, start: search.start, evaluations: search.evaluations,
      bounds: Self.bounds(search.best.x, lower, upper, names))
  }

  /// The highest end of several searches.
  static func search(
    _ maximizer: BoundedMaximizer, starts: Int, from start: (Int) -> [Double],
    _ function: ([Double]) throws -> (value: Double, gradient: [Double])?
  ) throws -> (best: BoundedMaximizer.Point, start: Int, evaluations: Int) {
    var best: (point: BoundedMaximizer.Point, start: Int)?
    var evaluations = 0
    for index in 0..<starts {
      let found = try maximizer.maximum(from: start(index)) { x in
        evaluations += 1
        return try function(x)
      }
      guard let found else { continue }
      // Ends of the same hill differ by rounding: the first one stays.
      if let best, found.value <= best.point.value + 1e-9 * max(1, abs(best.point.value)) {
        continue
      }
      best = (found, index)
    }
    guard let best else {
      throw GaussianProcessError(
        "the covariance of the examples is not positive definite to working precision wherever the "
          + "search for the largest marginal likelihood began; give a larger --noise-std, or remove "
          + "examples that occur twice")
    }
    return (best.point, best.start, evaluations)
  }

  static func bounds(
    _ x: [Double], _ lower: [Double], _ upper: [Double], _ names: [String]
  ) -> [String] {
    x.indices.compactMap { i in
      x[i] <= lower[i]
        ? "the lower bound of \(names[i])"
        : x[i] >= upper[i] ? "the upper bound of \(names[i])" : nil
    }
  }
}
