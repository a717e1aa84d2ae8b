/// R⁻¹ by Cholesky's factorization, n³/3 multiplications and additions. Kernel ridge regression is
/// R⁻¹y: the end of training by gradient flow on mse.
public struct KernelFactor: Sendable {
  public let kernel: RegularizedKernel
  private let factor: [Double]
  private let algebra: any DenseLinearAlgebra

  /// - Returns: nil where R is not positive definite to working precision.
  public init?(_ kernel: RegularizedKernel, by algebra: any DenseLinearAlgebra) throws {
    var matrix = kernel.values
    guard try algebra.factorPositiveDefinite(&matrix, kernel.dimension) else { return nil }
    (self.kernel, self.algebra, factor) = (kernel, algebra, matrix)
  }

  /// R⁻¹b for every row b of `rows`, [count, dim].
  public func solve(rows: [Double]) throws -> [Double] {
    precondition(rows.count % kernel.dimension == 0, "rows of the kernel's length")
    var rows = rows
    try algebra.solve(factor, kernel.dimension, &rows)
    return rows
  }

  /// R⁻¹y
  ///
  /// - Parameter targets: y, [dim, columns], row-major.
  public func solve(columns targets: [Double]) throws -> [Double] {
    let n = kernel.dimension
    precondition(targets.count % n == 0, "a row for each row of the kernel")
    let solved = try solve(rows: transposed(targets, rows: n))
    return transposed(solved, rows: targets.count / n)
  }

  /// The extreme eigenvalues of R by Lanczos's method, the smallest one as the largest one of R⁻¹.
  public func conditioning() throws -> KernelConditioning {
    let n = kernel.dimension
    let largest = try largestEigenvalue(n) { x in
      try algebra.product(kernel.values, x, m: n, k: n, n: 1)
    }
    let inverse = try largestEigenvalue(n) { try solve(rows: $0) }
    return kernel.conditioning(smallest: 1 / inverse, largest: largest)
  }
}

/// The transpose of a row-major matrix of so many rows.
func transposed(_ values: [Double], rows: Int) -> [Double] {
  let columns = values.count / rows
  if rows == 1 || columns == 1 { return values }
  return [Double](unsafeUninitializedCapacity: values.count) { buffer, initialized in
    for column in 0..<columns {
      for row in 0..<rows {
        buffer.initializeElement(at: column * rows + row, to: values[row * columns + column])
      }
    }
    initialized = values.count
  }
}
