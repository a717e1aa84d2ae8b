import Glibc

/// The power law y = exp(intercept)·x^slope that fits points best: least squares of log y on log x.
public struct LogLogFit: Sendable, Equatable {
  public var slope: Double
  public var intercept: Double
  /// Of the slope: s/√(Σ(log x − mean)²), s² the squared residuals over n − 2; nil for two points.
  public var standardError: Double?
  public var count: Int

  /// Nil for fewer than two different x.
  ///
  /// - Precondition: all numbers are positive.
  public init?(_ points: [(x: Double, y: Double)]) {
    precondition(points.allSatisfy { $0.x > 0 && $0.y > 0 }, "logarithms")
    let logs = points.map { (x: log($0.x), y: log($0.y)) }
    let n = Double(logs.count)
    let mean = (
      x: logs.reduce(0) { $0 + $1.x } / n, y: logs.reduce(0) { $0 + $1.y } / n
    )
    let squares = logs.reduce(0) { $0 + ($1.x - mean.x) * ($1.x - mean.x) }
    guard logs.count >= 2, squares > 0 else { return nil }
    let slope = logs.reduce(0) { $0 + ($1.x - mean.x) * ($1.y - mean.y) } / squares
    let intercept = mean.y - slope * mean.x
    self.slope = slope
    self.intercept = intercept
    count = logs.count
    guard logs.count > 2 else { return }
    let residuals = logs.reduce(0.0) { sum, point in
      let residual = point.y - intercept - slope * point.x
      return sum + residual * residual
    }
    standardError = (residuals / (n - 2) / squares).squareRoot()
  }

  public func callAsFunction(_ x: Double) -> Double { exp(intercept + slope * log(x)) }
}
