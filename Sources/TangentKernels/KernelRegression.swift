import Compute

/// Solves A X = B for a symmetric positive definite A, n×n, and B of `columns` columns, both
/// column-major; leaves X in `b` and may overwrite `a`.
///
/// - Returns: false where A is not positive definite to working precision.
public typealias PositiveDefiniteSolver = (
  _ a: inout [Double], _ n: Int, _ b: inout [Double], _ columns: Int
) throws -> Bool

/// Kernel ridge regression: f*(x) = k(x, X)·(K + λI)⁻¹ y with λ = ridge·tr(K)/n, which is the mean of
/// an ensemble of infinitely wide networks trained to the end by gradient flow on mse, for K the
/// tangent kernel and ridge 0.
public struct KernelRegression: Sendable {
  /// (K + λI)⁻¹ y, [n, outputs], row-major.
  public let coefficients: [Double]
  public let outputs: Int
  private let count: Int

  /// - Parameters:
  ///   - kernel: K, [n, n].
  ///   - targets: y, [n, outputs].
  ///   - ridge: a share of the mean of K's diagonal; not negative.
  /// - Throws: `KernelError` where K + λI is not positive definite.
  public init(
    kernel: [Double], targets: [Double], outputs: Int, ridge: Double,
    solve: PositiveDefiniteSolver
  ) throws {
    let n = targets.count / outputs
    precondition(n > 0 && kernel.count == n * n && targets.count == n * outputs, "shapes")
    var matrix = kernel
    var trace = 0.0
    for i in 0..<n { trace += kernel[i * n + i] }
    for i in 0..<n { matrix[i * n + i] += ridge * trace / Double(n) }
    var columns = [Double](repeating: 0, count: targets.count)
    for i in 0..<n { for o in 0..<outputs { columns[o * n + i] = targets[i * outputs + o] } }
    guard try solve(&matrix, n, &columns, outputs) else {
      throw KernelError(
        "the kernel of \(n) examples with ridge \(ridge) is not positive definite to working "
          + "precision; give a larger ridge, or remove examples that occur twice")
    }
    var coefficients = targets
    for i in 0..<n { for o in 0..<outputs { coefficients[i * outputs + o] = columns[o * n + i] } }
    self.coefficients = coefficients
    self.outputs = outputs
    count = n
  }

  /// f*, [m, outputs], for the kernel between m examples and those of the regression, [m, n].
  public func predict(_ cross: [Double]) -> [Double] {
    precondition(cross.count % count == 0, "a row of the kernel for each example")
    let rows = cross.count / count
    return [Double](unsafeUninitializedCapacity: rows * outputs) { buffer, initialized in
      cross.withUnsafeBufferPointer { cross in
        coefficients.withUnsafeBufferPointer { coefficients in
          for row in 0..<rows {
            for o in 0..<outputs {
              var sum = 0.0
              for i in 0..<count {
                sum += cross[row * count + i] * coefficients[i * outputs + o]
              }
              buffer[row * outputs + o] = sum
            }
          }
        }
      }
      initialized = rows * outputs
    }
  }
}

/// A kernel that cannot be used: one sentence.
public struct KernelError: Error, CustomStringConvertible, Sendable {
  public let description: String
  public init(_ description: String) { self.description = description }
}
