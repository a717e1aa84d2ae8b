import Glibc

/// R = Vᵀ diag(λ) V, about 9n³ operations: functions of R at any number of times.
public struct KernelSpectrum: Sendable {
  public let conditioning: KernelConditioning
  /// λ, ascending.
  public let eigenvalues: [Double]
  /// V, [dim, dim], an eigenvector in each row.
  private let vectors: [Double]
  private let algebra: any DenseLinearAlgebra

  /// - Throws: `KernelError` where R has more rows than `KernelSolve.largestEigenproblem`.
  public init(_ kernel: RegularizedKernel, by algebra: any DenseLinearAlgebra) throws {
    try KernelSolve.checkEigenproblem(kernel.dimension)
    var matrix = kernel.values
    eigenvalues = try algebra.eigendecomposition(&matrix, kernel.dimension)
    (vectors, self.algebra) = (matrix, algebra)
    conditioning = kernel.conditioning(
      smallest: eigenvalues[0], largest: eigenvalues[kernel.dimension - 1])
  }

  /// How far an eigenvector has been learned at s = ηt/n: λ ↦ 1 − e^{−λs}; nothing of one whose λ is what
  /// rounding makes of 0.
  func learned(_ s: Double) -> (Double) -> Double {
    let noise = conditioning.noise
    return { $0 > noise ? -expm1(-$0 * s) : 0 }
  }

  /// The same over λ, λ ↦ (1 − e^{−λs})/λ, with the limit s for λ → 0. Where λ is what rounding makes of 0
  /// it counts as √u·λmax: products with its eigenvector are as small as rounding, and without end s
  /// would make them large.
  func learnedOverEigenvalue(_ s: Double) -> (Double) -> Double {
    let (noise, floor) = (conditioning.noise, 0x1p-26 * conditioning.largestEigenvalue)
    return { lambda in
      let lambda = lambda > noise ? lambda : floor
      // Where λs is below rounding, so that no quotient of two tiny numbers is formed.
      if lambda * s < 0x1p-54 { return s }
      return lambda > 0 ? -expm1(-lambda * s) / lambda : 0
    }
  }

  private func scaledRows(_ values: [Double], by factors: [Double]) -> [Double] {
    let width = values.count / factors.count
    var result = values
    result.withUnsafeMutableBufferPointer { result in
      for (row, factor) in factors.enumerated() {
        for index in row * width..<(row + 1) * width { result[index] *= factor }
      }
    }
    return result
  }

  private func scaledColumns(_ values: [Double], by factors: [Double]) -> [Double] {
    let n = factors.count
    var result = values
    result.withUnsafeMutableBufferPointer { result in
      for row in 0..<result.count / n {
        for column in 0..<n { result[row * n + column] *= factors[column] }
      }
    }
    return result
  }

  /// f(R)·B for B of shape [dim, columns].
  func apply(_ function: (Double) -> Double, toColumns b: [Double]) throws -> [Double] {
    let n = eigenvalues.count
    let width = b.count / n
    let turned = try algebra.product(vectors, b, m: n, k: n, n: width)
    return try algebra.product(
      vectors, transposed: true, scaledRows(turned, by: eigenvalues.map(function)),
      transposed: false, m: n, k: n, n: width)
  }

  /// B·f(R) for B of shape [rows, dim].
  func apply(_ function: (Double) -> Double, toRows b: [Double]) throws -> [Double] {
    let n = eigenvalues.count
    return try algebra.product(
      scaledColumns(turned(rows: b), by: eigenvalues.map(function)), vectors, m: b.count / n,
      k: n, n: n)
  }

  /// B·f(R)·Bᵀ
  func congruence(_ function: (Double) -> Double, _ b: [Double]) throws -> [Double] {
    let n = eigenvalues.count
    let rows = b.count / n
    let turned = try turned(rows: b)
    return try algebra.product(
      scaledColumns(turned, by: eigenvalues.map(function)), transposed: false, turned,
      transposed: true, m: rows, k: n, n: rows)
  }

  /// B·Vᵀ
  private func turned(rows b: [Double]) throws -> [Double] {
    let n = eigenvalues.count
    return try algebra.product(
      b, transposed: false, vectors, transposed: true, m: b.count / n, k: n, n: n)
  }
}
