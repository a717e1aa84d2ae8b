import Compute
import TangentKernels

/// K ≈ Lᵀ L of low rank r by Cholesky's factorization with pivots, from r rows of K and its diagonal.
///
/// The next pivot is the largest entry that is left of the diagonal. Rows come for some examples at a
/// time, those with the largest entries, all outputs of each; among them pivots are taken as long as one
/// is within a tenth of the largest of all.
///
/// Harbrecht, Peters, Schneider, On the low-rank approximation by the pivoted Cholesky decomposition
/// (2012); as a preconditioner Gardner et al. 2018, arXiv 1809.11165.
struct PivotedCholesky {
  /// L, [r, n·O].
  private(set) var rows: [Double] = []
  private(set) var rank = 0
  let dimension: Int
  /// tr(K − LᵀL)/tr K
  private(set) var remainder = 1.0

  init(_ products: KernelProducts, rank limit: Int, by algebra: any DenseLinearAlgebra) throws {
    let (n, o) = (products.dimension, products.model.outputs)
    dimension = n
    let limit = min(limit, n)
    guard limit > 0 else { return }
    var diagonal = try products.model.priorCovariance(products.inputs, .variances)
    let trace = diagonal.reduce(0, +)
    // Below this an entry is what rounding leaves of nothing.
    let floor = 64 * products.model.type.unitRoundoff * (diagonal.max() ?? 0)
    rows.reserveCapacity(limit * n)
    while rank < limit, let top = diagonal.max(), top > floor, top.isFinite {
      let examples = Self.largest(max(1, (limit + 4 * o - 1) / (4 * o)), diagonal, outputs: o)
      let candidates = try products.rows(Self.gather(examples, products))
      var isFirst = true
      while rank < limit {
        var best = (place: 0, index: 0, value: -1.0)
        for place in 0..<(examples.count * o) {
          let index = examples[place / o] * o + place % o
          if diagonal[index] > best.value { best = (place, index, diagonal[index]) }
        }
        guard best.value > floor, isFirst || best.value >= (diagonal.max() ?? 0) / 10 else { break }
        isFirst = false
        try append(
          Array(candidates[(best.place * n)..<((best.place + 1) * n)]), best.index, &diagonal,
          floor, by: algebra)
      }
    }
    remainder = trace > 0 ? diagonal.reduce(0, +) / trace : 0
  }

  /// The next row of L for K's row at a pivot.
  private mutating func append(
    _ row: [Double], _ pivot: Int, _ diagonal: inout [Double], _ floor: Double,
    by algebra: any DenseLinearAlgebra
  ) throws {
    let n = dimension
    var row = row
    if rank > 0 {
      var coefficients: [Double] = []
      for j in 0..<rank { coefficients.append(rows[j * n + pivot]) }
      let known = try algebra.product(coefficients, rows, m: 1, k: rank, n: n)
      for index in 0..<n { row[index] -= known[index] }
    }
    let value = row[pivot]
    guard value > floor / 2 else {
      diagonal[pivot] = 0
      return
    }
    let factor = 1 / value.squareRoot()
    for index in 0..<n {
      row[index] *= factor
      diagonal[index] = max(0, diagonal[index] - row[index] * row[index])
    }
    diagonal[pivot] = 0
    rows += row
    rank += 1
  }

  /// The examples with the largest entries, the largest first.
  private static func largest(_ count: Int, _ diagonal: [Double], outputs: Int) -> [Int] {
    var scores: [Double] = []
    for example in 0..<diagonal.count / outputs {
      scores.append(diagonal[(example * outputs)..<((example + 1) * outputs)].max() ?? 0)
    }
    let order = scores.indices.sorted { (scores[$0], $1) > (scores[$1], $0) }
    return Array(order.prefix(count))
  }

  private static func gather(_ examples: [Int], _ products: KernelProducts) throws -> Matrix {
    let backend = products.model.backend
    let x = try backend.matrix(examples.count, products.inputs.columns, products.inputs.type)
    for (place, example) in examples.enumerated() {
      try products.model.copy(
        products.inputs.rows(example..<(example + 1)), to: x.rows(place..<(place + 1)))
    }
    return x
  }
}

/// M⁻¹ for M = σp²LᵀL + σ²I, by Woodbury's formula: (v − Lᵀ(λI + LLᵀ)⁻¹L v)/σ², λ = σ²/σp².
struct LowRankPreconditioner {
  private let low: PivotedCholesky
  private let factor: CholeskyFactor
  private let noise: Double
  private let algebra: any DenseLinearAlgebra

  /// - Returns: nil for rank 0, and where the small matrix has no factorization.
  init?(
    _ low: PivotedCholesky, _ hyperparameters: GaussianHyperparameters,
    by algebra: any DenseLinearAlgebra
  ) throws {
    let r = low.rank
    guard r > 0 else { return nil }
    var gram = try algebra.product(
      low.rows, transposed: false, low.rows, transposed: true, m: r, k: low.dimension, n: r)
    let shift = hyperparameters.noiseVariance / hyperparameters.priorVariance
    for i in 0..<r { gram[i * r + i] += shift }
    guard let factor = try CholeskyFactor(gram, r, by: algebra) else { return nil }
    (self.low, self.factor, self.algebra) = (low, factor, algebra)
    noise = hyperparameters.noiseVariance
  }

  /// M⁻¹ v for every row v of [count, n·O].
  func apply(_ rows: [Double]) throws -> [Double] {
    let (n, r) = (low.dimension, low.rank)
    let count = rows.count / n
    let small = try algebra.product(
      rows, transposed: false, low.rows, transposed: true, m: count, k: n, n: r)
    var result = try algebra.product(factor.solve(rows: small), low.rows, m: count, k: r, n: n)
    let factor = 1 / noise
    result.withUnsafeMutableBufferPointer { result in
      rows.withUnsafeBufferPointer { rows in
        for index in rows.indices { result[index] = (rows[index] - result[index]) * factor }
      }
    }
    return result
  }
}
