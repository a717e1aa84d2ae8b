import Glibc

/// Each example predicted from all others, without learning n times: with A = σp²K + σ²I, α = A⁻¹(y − m)
/// and B_i the block [O, O] of A⁻¹ that belongs to example i,
///
///     y_i − mean_i = B_i⁻¹ α_i,   covariance_i = B_i⁻¹, the noise of y_i included.
///
/// Rasmussen and Williams, Gaussian Processes for Machine Learning, 5.10 to 5.12, by blocks.
public struct LeaveOneOut: Sendable {
  /// y − mean, [n·O].
  public var residuals: [Double]
  /// Of y, with noise, [n·O].
  public var variances: [Double]
  /// log p(y_i | all others), of all outputs together, [n].
  public var logDensities: [Double]

  /// √ of the mean over examples and outputs of (y − mean)².
  public var rootMeanSquare: Double {
    (residuals.reduce(0) { $0 + $1 * $1 } / Double(residuals.count)).squareRoot()
  }

  /// −log p for each number of y, in the mean.
  public var negativeLogDensity: Double {
    -logDensities.reduce(0, +) / Double(residuals.count)
  }
}

extension ExactPosterior {
  /// Rows of L⁻¹ that are held at once.
  private static let leaveOneOutRows = 256

  /// About N³ operations.
  public func leaveOneOut() throws -> LeaveOneOut {
    let (o, n) = (model.outputs, residuals.count)
    var result = LeaveOneOut(residuals: [], variances: [], logDensities: [])
    let each = max(1, Self.leaveOneOutRows / o) * o
    for first in stride(from: 0, to: n, by: each) {
      let count = min(each, n - first)
      // L⁻¹e for unit vectors e: B = (L⁻¹e)ᵀ(L⁻¹e).
      var rows = [Double](repeating: 0, count: count * n)
      for row in 0..<count { rows[row * n + first + row] = 1 }
      rows = try factor.halfSolve(rows: rows)
      for start in stride(from: 0, to: count, by: o) {
        var block = [Double](repeating: 0, count: o * o)
        rows.withUnsafeBufferPointer { rows in
          for i in 0..<o {
            for j in 0...i {
              var sum = 0.0
              // Both begin with zeros.
              for k in first..<n { sum += rows[(start + i) * n + k] * rows[(start + j) * n + k] }
              (block[i * o + j], block[j * o + i]) = (sum, sum)
            }
          }
        }
        let alpha = Array(weights[(first + start)..<(first + start + o)])
        guard let small = SmallCholesky(block, o) else {
          throw GaussianProcessError(
            "the examples' covariance is singular to working precision, so that no example can be left "
              + "out; give a larger --noise-std")
        }
        let residual = small.solve(alpha)
        var product = 0.0
        for i in 0..<o {
          var unit = [Double](repeating: 0, count: o)
          unit[i] = 1
          result.variances.append(small.solve(unit)[i])
          product += residual[i] * alpha[i]
        }
        result.residuals += residual
        result.logDensities.append(
          -0.5 * (product - small.logDeterminant + Double(o) * log(2 * Double.pi)))
      }
    }
    return result
  }
}

/// A = L Lᵀ of a matrix as small as the outputs of an example.
struct SmallCholesky {
  let count: Int
  /// L, row-major.
  private var values: [Double]

  /// - Returns: nil where A is not positive definite.
  init?(_ matrix: [Double], _ n: Int) {
    (count, values) = (n, matrix)
    for i in 0..<n {
      for j in 0...i {
        var sum = matrix[i * n + j]
        for k in 0..<j { sum -= values[i * n + k] * values[j * n + k] }
        if i == j {
          guard sum > 0, sum.isFinite else { return nil }
          values[i * n + i] = sum.squareRoot()
        } else {
          values[i * n + j] = sum / values[j * n + j]
        }
      }
    }
  }

  /// log det A
  var logDeterminant: Double {
    2 * (0..<count).reduce(0) { $0 + log(values[$1 * count + $1]) }
  }

  /// L⁻¹b
  func halfSolve(_ b: [Double]) -> [Double] {
    var x = b
    for i in 0..<count {
      for k in 0..<i { x[i] -= values[i * count + k] * x[k] }
      x[i] /= values[i * count + i]
    }
    return x
  }

  /// A⁻¹b
  func solve(_ b: [Double]) -> [Double] {
    var x = halfSolve(b)
    for i in stride(from: count - 1, through: 0, by: -1) {
      for k in (i + 1)..<max(i + 1, count) { x[i] -= values[k * count + i] * x[k] }
      x[i] /= values[i * count + i]
    }
    return x
  }
}
