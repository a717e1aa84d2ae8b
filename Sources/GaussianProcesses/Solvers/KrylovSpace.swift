import DataSets
import TangentKernels

/// Q K Qᵀ = T in the Krylov space of K and a start v, by Lanczos's method with full reorthogonalization,
/// done twice, in float64.
///
/// The space is that of every σp²K + σ²I too, with σp²T + σ²I in the place of T.
struct KrylovSpace {
  /// ‖v‖
  let size: Double
  /// T
  private(set) var diagonal: [Double] = []
  private(set) var beside: [Double] = []
  /// Q, [k, n·O].
  private(set) var basis: [Double]
  private var next: [Double]
  /// What stands beside the last entry of the diagonal, if another one follows.
  private var pending: Double?
  private var isOver: Bool

  var count: Int { diagonal.count }

  private init(_ start: [Double], steps: Int) {
    size = Self.length(start)
    isOver = !(size > 0 && size.isFinite)
    next = start
    basis = []
    guard !isOver else { return }
    basis.reserveCapacity(min(steps, start.count) * start.count)
    for index in next.indices { next[index] /= size }
  }

  private static func length(_ v: [Double]) -> Double {
    var sum = 0.0
    for value in v { sum += value * value }
    return sum.squareRoot()
  }

  /// The spaces of several starts, with common products.
  ///
  /// - Parameters:
  ///   - starts: [count, n·O].
  ///   - steps: k, at most; less where a space is exhausted.
  static func find(
    _ products: KernelProducts, starts: [Double], steps: Int, by algebra: any DenseLinearAlgebra
  ) throws -> [KrylovSpace] {
    let n = products.dimension
    var spaces: [KrylovSpace] = []
    for first in stride(from: 0, to: starts.count, by: n) {
      spaces.append(KrylovSpace(Array(starts[first..<(first + n)]), steps: steps))
    }
    // Below this a vector is what rounding left of zero.
    let negligible = 64 * products.model.type.unitRoundoff
    for _ in 0..<min(steps, n) {
      let active = spaces.indices.filter { !spaces[$0].isOver }
      if active.isEmpty { break }
      var vectors: [Double] = []
      for index in active { vectors += spaces[index].next }
      let images = try products.apply(vectors)
      for (place, index) in active.enumerated() {
        try spaces[index].advance(
          Array(images[(place * n)..<((place + 1) * n)]), negligible, by: algebra)
      }
    }
    return spaces
  }

  private mutating func advance(
    _ image: [Double], _ negligible: Double, by algebra: any DenseLinearAlgebra
  ) throws {
    let n = image.count
    if let pending { beside.append(pending) }
    basis += next
    let k = basis.count / n
    var w = image
    var coefficient = 0.0
    for _ in 0..<2 {
      let coefficients = try algebra.product(basis, w, m: k, k: n, n: 1)
      let known = try algebra.product(coefficients, basis, m: 1, k: k, n: n)
      for index in 0..<n { w[index] -= known[index] }
      coefficient += coefficients[k - 1]
    }
    diagonal.append(coefficient)
    let length = Self.length(w)
    var scale = abs(coefficient)
    for index in 0..<beside.count { scale = max(scale, abs(diagonal[index]), beside[index]) }
    guard length.isFinite, length > negligible * scale, k < n else {
      isOver = true
      return
    }
    next = w
    for index in 0..<n { next[index] /= length }
    pending = length
  }

  /// ‖v‖² times the Gaussian quadrature of λ ↦ f(λ) in v's spectral measure, vᵀf(K)v: nodes, none below 0,
  /// and weights whose sum is 1. Golub and Meurant, Matrices, Moments and Quadrature, chapter 6.
  func quadrature() -> SpectralQuadrature {
    guard count > 0,
      let eigen = SymmetricEigenvalues(diagonal: diagonal, beside: beside, components: [0])
    else { return SpectralQuadrature(squaredSize: size * size, nodes: [], weights: []) }
    return SpectralQuadrature(
      squaredSize: size * size, nodes: eigen.values.map { max(0, $0) },
      weights: eigen.vectors.map { $0 * $0 })
  }
}

/// Σ_j w_j f(θ_j)·‖v‖² ≈ vᵀ f(K) v
public struct SpectralQuadrature: Sendable, Equatable {
  /// ‖v‖²
  public var squaredSize: Double
  /// θ_j ≥ 0
  public var nodes: [Double]
  public var weights: [Double]
}
