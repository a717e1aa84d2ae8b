import Glibc

/// How far a power series converges, from c_0…c_K: the distance of the nearest singularity, with
/// which the Taylor model must fail.
public struct RadiusOfConvergence: Sendable {
  public enum Method: String, Sendable, Codable {
    /// The series is a polynomial or entire, which its make says: there is no singularity.
    case structure
    /// A singularity in which approximants of several degrees agree.
    case approximants
    /// No such place: the root test alone.
    case rootTest = "root_test"
  }

  /// Infinite without a singularity.
  public var radius: Double
  /// Relative: how far the approximants, or the tests, are apart.
  public var uncertainty: Double
  /// The nearest singularity, of a conjugate pair that in the upper half plane.
  public var singularity: Complex?
  /// e^{−slope} of log ‖c_n‖ over the last half; nil where fewer than two coefficients are non-zero.
  public var rootTest: Double?
  /// From the recurrence c_n = 2 cos φ/R c_{n−1} − R⁻² c_{n−2} over the third and the last quarter,
  /// extrapolated linearly in 1/n (Domb and Sykes 1957; pairs: Mercer and Roberts 1990).
  public var ratioTest: Double?
  public var method: Method

  /// Fewer coefficients than c_0…c_16 tell nothing.
  public static let leastOrder = 16

  /// - Precondition: finite coefficients to order 16 at least.
  public init(_ series: VectorSeries, _ kind: Analyticity) {
    precondition(series.order >= Self.leastOrder && series.isFinite, "coefficients 0…16 or more")
    rootTest = Self.rootTest(series)
    ratioTest = Self.ratioTest(series, scale: rootTest)
    (radius, uncertainty, method) = (.infinity, 0, .structure)
    // A series that is over long before its end is a polynomial, whatever it was made of.
    guard kind > .entire, series.degree > series.order / 2, let rootTest else { return }
    if let place = Self.nearest(series, hasBranchPoints: kind == .branchPoints, scale: rootTest) {
      let t = place.singularity
      singularity = Complex(t.real, abs(t.imaginary))
      (radius, uncertainty, method) = (t.modulus, place.spread, .approximants)
    } else {
      let tests = [ratioTest, rootTest].compactMap { $0 }
      (radius, method) = (rootTest, .rootTest)
      uncertainty = max(0.1, (tests.max()! - tests.min()!) / rootTest)
    }
  }

  /// The nearest place of an approximant that at least three of four others have, too, within 2 %:
  /// of a degree less, of one more, with four coefficients less, with later ones only. Froissart
  /// doublets and roots of noise stay nowhere. The spread is twice the third's distance.
  private static func nearest(
    _ series: VectorSeries, hasBranchPoints: Bool, scale: Double
  ) -> (singularity: Complex, spread: Double)? {
    let order = series.order
    let fit = SingularityFit(
      degree: hasBranchPoints ? max(2, min(12, order * 3 / 16)) : order / 4,
      first: hasBranchPoints ? order / 4 : order / 2, hasBranchPoints: hasBranchPoints
    ).reduced(series, scale: scale)
    func places(_ degree: Int, _ first: Int, _ series: VectorSeries) -> [Complex] {
      SingularityFit(degree: max(1, degree), first: first, hasBranchPoints: hasBranchPoints)
        .places(series, scale: scale)
    }
    let (m, first) = (fit.degree, fit.first)
    let others = [
      places(m - 1, first, series), places(m + 1, first, series),
      places(m, first, series.prefix(order - 4)), places(m, first + order / 8, series),
    ]
    let candidates = fit.places(series, scale: scale).sorted { $0.modulus < $1.modulus }
    for candidate in candidates where candidate.modulus > 0 {
      let distances = others.map { places in
        places.reduce(Double.infinity) { min($0, ($1 - candidate).modulus) } / candidate.modulus
      }.sorted()
      if distances[2] < 0.02 { return (candidate, 2 * distances[2]) }
    }
    return nil
  }

  /// Least squares of log ‖c_n‖ over n in the last half.
  private static func rootTest(_ series: VectorSeries) -> Double? {
    let points = (series.order / 2...series.order).compactMap { n -> (Double, Double)? in
      let norm = VectorSeries.norm(series.coefficients[n])
      return norm > 0 ? (Double(n), log(norm)) : nil
    }
    guard points.count > 1 else { return nil }
    let count = Double(points.count)
    let meanX = points.reduce(0) { $0 + $1.0 } / count
    let meanY = points.reduce(0) { $0 + $1.1 } / count
    let slope =
      points.reduce(0) { $0 + ($1.0 - meanX) * ($1.1 - meanY) }
      / points.reduce(0) { $0 + ($1.0 - meanX) * ($1.0 - meanX) }
    let radius = exp(-slope)
    return radius.isFinite && radius > 0 ? radius : nil
  }

  private static func ratioTest(_ series: VectorSeries, scale: Double?) -> Double? {
    guard let scale else { return nil }
    let order = series.order
    func inverse(_ range: ClosedRange<Int>) -> Double? {
      let part = VectorSeries(Array(series.coefficients[(range.lowerBound - 2)...range.upperBound]))
      let places = SingularityFit(degree: 2, first: 2, hasBranchPoints: false)
        .places(part, scale: scale)
      return places.map(\.modulus).min().map { 1 / $0 }
    }
    let (early, late) = ((order / 2)...(order * 3 / 4), (order * 3 / 4)...order)
    guard let a = inverse(early), let b = inverse(late) else { return nil }
    // The middles of both ranges; 1/R_n = (1/R)(1 + (α − 1)/n).
    let x = 2 / Double(early.lowerBound + early.upperBound)
    let y = 2 / Double(late.lowerBound + late.upperBound)
    let limit = b + (b - a) * y / (x - y)
    return limit > 0 && limit.isFinite ? 1 / limit : nil
  }
}
