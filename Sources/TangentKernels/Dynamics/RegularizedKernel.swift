/// R = Θ + ε·(tr Θ/dim)·I, dim the rows of Θ: what stands in the place of Θ wherever training examples
/// meet training examples.
public struct RegularizedKernel: Sendable {
  public let dimension: Int
  /// ε
  public let ridge: Double
  /// tr Θ/dim
  public let meanDiagonal: Double
  /// R, [dim, dim].
  let values: [Double]

  /// - Parameters:
  ///   - kernel: Θ, square and symmetric.
  ///   - ridge: ε, not negative.
  /// - Throws: `KernelError` for values that are not finite.
  public init(_ kernel: KernelMatrix, ridge: Double) throws {
    let n = kernel.rows
    precondition(n > 0 && n == kernel.columns && ridge >= 0, "a square kernel and a ridge")
    if let bad = kernel.values.firstIndex(where: { !$0.isFinite }) {
      throw KernelError(
        "the kernel between training examples \(bad / n / kernel.block) and "
          + "\(bad % n / kernel.block) is not finite; scale the inputs or the weights down")
    }
    var values = kernel.values
    var trace = 0.0
    for i in 0..<n { trace += values[i * n + i] }
    meanDiagonal = trace / Double(n)
    for i in 0..<n { values[i * n + i] += ridge * trace / Double(n) }
    (dimension, self.ridge, self.values) = (n, ridge, values)
  }

  func conditioning(smallest: Double, largest: Double) -> KernelConditioning {
    KernelConditioning(
      dimension: dimension, ridge: ridge, meanDiagonal: meanDiagonal,
      smallestEigenvalue: smallest, largestEigenvalue: largest)
  }

  /// The extreme eigenvalues, by a Cholesky factorization where there is one, else by all of them.
  public func conditioning(by algebra: any DenseLinearAlgebra) throws -> KernelConditioning {
    if let factor = try KernelFactor(self, by: algebra) { return try factor.conditioning() }
    return try conditioningOfIndefinite(algebra)
  }

  func conditioningOfIndefinite(_ algebra: any DenseLinearAlgebra) throws -> KernelConditioning {
    var copy = values
    let found = try algebra.eigenvalues(&copy, dimension)
    return conditioning(smallest: found[0], largest: found[dimension - 1])
  }
}
