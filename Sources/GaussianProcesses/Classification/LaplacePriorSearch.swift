import Glibc
import TangentKernels

/// The σp that maximises Laplace's approximate log evidence.
///
/// The evidence is computed on a grid of half decades between the bounds and refined between the
/// neighbours of the best point by Brent's method (Algorithms for Minimization without Derivatives,
/// chapter 5: golden section with parabolas) in log σp to 10⁻³; near its maximum the evidence is flat, so
/// that this is far below what σp means. Each mode starts from the one before it.
public struct LaplacePriorSearch: Sendable {
  public struct Evaluation: Sendable {
    public let priorStd: Double
    public let logEvidence: Double
    /// Steps of Newton's method.
    public let iterations: Int
  }

  /// The best σp.
  public let priorStd: Double
  public let approximation: LaplaceApproximation
  /// Where σp was looked for.
  public let bounds: ClosedRange<Double>
  /// Whether the evidence still grows at a bound.
  public let isAtBound: Bool
  /// In the order in which they were made.
  public let evaluations: [Evaluation]

  static let tolerance = 1e-3
  static let ratio = 10.0.squareRoot()

  /// σp for which the logits' prior standard deviation, root mean square, is 10⁻³ … 10³.
  ///
  /// - Throws: `GaussianProcessError` for a kernel of zeros.
  public static func defaultBounds(kernel: [Double], _ size: Int) throws -> ClosedRange<Double> {
    var trace = 0.0
    for index in 0..<size { trace += kernel[index * size + index] }
    let scale = (trace / Double(size)).squareRoot()
    guard scale > 0, scale.isFinite else {
      throw GaussianProcessError(
        "the kernel of the training examples is zero or no number, so that no prior fits it; check "
          + "--layers and the parameters")
    }
    return (1e-3 / scale)...(1e3 / scale)
  }

  /// - Parameters as `LaplaceApproximation` takes them.
  /// - Throws: `GaussianProcessError` where no σp has an approximation.
  public init(
    kernel: [Double], mean: [Double], targets: [Double], outputs: Int,
    bounds: ClosedRange<Double>? = nil, by algebra: any DenseLinearAlgebra
  ) throws {
    let bounds = try bounds ?? Self.defaultBounds(kernel: kernel, mean.count)
    precondition(bounds.lowerBound > 0, "positive bounds")
    var best: (at: Double, value: LaplaceApproximation)?
    var last: (prior: Double, weights: [Double])?
    var evaluations: [Evaluation] = []
    var failure: GaussianProcessError?
    func evidence(_ x: Double) throws -> Double {
      let std = exp(x)
      let prior = std * std
      // The same logits as before: K a is kept.
      var start = last?.weights
      if let last, start != nil {
        for index in 0..<mean.count { start![index] *= last.prior / prior }
      }
      let value: LaplaceApproximation
      do {
        value = try LaplaceApproximation(
          kernel: kernel, prior: prior, mean: mean, targets: targets, outputs: outputs,
          start: start, by: algebra)
      } catch let error as GaussianProcessError {
        // A kernel that was rounded is not positive definite where σp is large.
        failure = error
        return -.infinity
      }
      evaluations.append(
        Evaluation(
          priorStd: std, logEvidence: value.logEvidence, iterations: value.iterations))
      guard value.isConverged else { return -.infinity }
      last = (prior, value.weights)
      if value.logEvidence > best?.value.logEvidence ?? -.infinity { best = (x, value) }
      return value.logEvidence
    }

    let (low, high) = (log(bounds.lowerBound), log(bounds.upperBound))
    let intervals = max(1, Int(((high - low) / log(Self.ratio) - 1e-9).rounded(.up)))
    let grid = (0...intervals).map { low + (high - low) * Double($0) / Double(intervals) }
    var values: [Double] = []
    for x in grid { values.append(try evidence(x)) }
    guard let (start, _) = best else {
      throw failure
        ?? GaussianProcessError(
          "no --prior-std between \(bounds.lowerBound) and \(bounds.upperBound) has a most probable "
            + "fit; check the parameters and the inputs")
    }
    let center = grid.firstIndex { $0 == start } ?? 0
    let (left, right) = (grid[max(0, center - 1)], grid[min(intervals, center + 1)])
    if right > left {
      try Self.brent(
        left, start, right, value: values[center], tolerance: Self.tolerance, evidence)
    }
    guard let (at, value) = best else { preconditionFailure("there was one") }
    (priorStd, approximation, self.bounds, self.evaluations) = (exp(at), value, bounds, evaluations)
    let room = 2 * Self.tolerance
    isAtBound = at <= low + room || at >= high - room
  }

  /// Brent's method for a maximum between a and b, from x with its value on.
  private static func brent(
    _ a: Double, _ x: Double, _ b: Double, value: Double, tolerance: Double,
    _ evaluate: (Double) throws -> Double
  ) throws {
    let golden = (3 - 5.0.squareRoot()) / 2
    var (a, b, x) = (a, b, x)
    // The best, the second and the one before it.
    var (w, v) = (x, x)
    var (fx, fw, fv) = (value, value, value)
    var (step, before) = (0.0, 0.0)
    for _ in 0..<40 {
      let middle = (a + b) / 2
      if abs(x - middle) <= 2 * tolerance - (b - a) / 2 { return }
      var isParabolic = false
      if abs(before) > tolerance {
        let r = (x - w) * (fx - fv)
        var q = (x - v) * (fx - fw)
        var p = (x - v) * q - (x - w) * r
        q = 2 * (q - r)
        if q > 0 { p = -p } else { q = -q }
        let limit = before
        before = step
        if abs(p) < abs(q * limit / 2), p > q * (a - x), p < q * (b - x) {
          step = p / q
          isParabolic = true
          let next = x + step
          if next - a < 2 * tolerance || b - next < 2 * tolerance {
            step = x < middle ? tolerance : -tolerance
          }
        }
      }
      if !isParabolic {
        before = x < middle ? b - x : a - x
        step = golden * before
      }
      let u = x + (abs(step) >= tolerance ? step : step > 0 ? tolerance : -tolerance)
      let fu = try evaluate(u)
      if fu >= fx {
        if u < x { b = x } else { a = x }
        (v, fv, w, fw, x, fx) = (w, fw, x, fx, u, fu)
      } else {
        if u < x { a = u } else { b = u }
        if fu >= fw || w == x {
          (v, fv, w, fw) = (w, fw, u, fu)
        } else if fu >= fv || v == x || v == w {
          (v, fv) = (u, fu)
        }
      }
    }
  }
}
