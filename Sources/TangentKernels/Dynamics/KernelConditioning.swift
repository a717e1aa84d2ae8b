import Glibc

/// How well a system with R = Θ + ε·(tr Θ/dim)·I can be solved.
public struct KernelConditioning: Sendable, Equatable {
  /// Rows of Θ.
  public let dimension: Int
  /// ε
  public let ridge: Double
  /// tr Θ/dim
  public let meanDiagonal: Double
  /// The smallest and the largest eigenvalue of R.
  public let smallestEigenvalue: Double
  public let largestEigenvalue: Double

  /// What rounding makes of an eigenvalue 0: dim·u·λmax, u = 2⁻⁵³.
  var noise: Double { Double(dimension) * 0x1p-53 * abs(largestEigenvalue) }

  /// Whether R has an inverse to working precision.
  public var isPositiveDefinite: Bool { smallestEigenvalue > noise }

  /// Whether R is a covariance to working precision; then there are predictions at finite times.
  public var isPositiveSemidefinite: Bool { smallestEigenvalue >= -noise }

  /// λmax/λmin; infinite where R is not positive definite to working precision.
  public var conditionNumber: Double {
    isPositiveDefinite ? largestEigenvalue / smallestEigenvalue : .infinity
  }

  /// The largest learning rate with which gradient descent on ½·mean (f − y)² does not diverge:
  /// 2(1 + m)·n/λmax(Θ), n the numbers in y, m the momentum. Source: the recurrence
  /// e ← (1 + m − ηλ/n)e − m e₋₁ of an eigenvector of Θ is stable for 0 < ηλ/n < 2(1 + m).
  public func largestStableLearningRate(entries: Int, momentum: Double = 0) -> Double {
    let largest = largestEigenvalue - ridge * meanDiagonal
    return 2 * (1 + momentum) * Double(entries) / largest
  }

  /// A relative ridge, 1, 2 or 5 times a power of ten, with which the smallest eigenvalue is at least
  /// 10⁴ times what rounding makes of 0.
  public var suggestedRidge: Double {
    let bare = smallestEigenvalue - ridge * meanDiagonal
    let needed = (1e4 * 2 * noise - bare) / meanDiagonal
    guard needed > 0, needed.isFinite else { return max(ridge, 1e-12) }
    let exponent = Int(floor(log10(needed)))
    // Read from text, so that the number is the shortest one.
    let candidates = ["1", "2", "5", "10"].compactMap { Double("\($0)e\(exponent)") }
    return candidates.first { $0 >= needed } ?? needed
  }

  /// That R has no inverse to working precision.
  var notDefinite: KernelError { error("definite to working precision") }

  /// That R is no covariance.
  var notSemidefinite: KernelError { error("semidefinite") }

  private func error(_ what: String) -> KernelError {
    let advice =
      meanDiagonal > 0
      ? "give a relative ridge of \(suggestedRidge), or remove examples that occur twice"
      : "its diagonal is not positive, so that no ridge helps; change the network or the inputs"
    return KernelError(
      "the kernel between \(dimension) training rows, with a relative ridge of \(ridge), is not positive "
        + "\(what): its smallest eigenvalue is \(smallestEigenvalue), its largest "
        + "\(largestEigenvalue); \(advice)")
  }
}
