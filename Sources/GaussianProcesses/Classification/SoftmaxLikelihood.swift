import Glibc

/// log p(t | f) = Σᵢ Σ_c t_ic log softmax(fᵢ)_c of n examples with O logits, in float64 on the host.
///
/// Its gradient is t − p, its negative Hessian W with the blocks Wᵢ = diag(pᵢ) − pᵢpᵢᵀ, which have the
/// root Wᵢ = BᵢBᵢᵀ, Bᵢ = diag(√pᵢ) − pᵢ√pᵢᵀ: (D − psᵀ)(D − spᵀ) = D² − ppᵀ − ppᵀ + p(sᵀs)pᵀ with
/// D = diag(s), s = √p, sᵀs = 1. Products with B take O(O) for an example.
enum SoftmaxLikelihood {
  /// softmax of every row of f, [n, O]. The greatest logit is subtracted, so that none overflows.
  static func probabilities(_ f: [Double], outputs: Int) -> [Double] {
    var result = f
    result.withUnsafeMutableBufferPointer { p in
      for first in stride(from: 0, to: p.count, by: outputs) {
        normalize(p.baseAddress! + first, outputs)
      }
    }
    return result
  }

  /// softmax of one row in its place.
  ///
  /// - Returns: log Σ e^f.
  @discardableResult
  static func normalize(_ row: UnsafeMutablePointer<Double>, _ count: Int) -> Double {
    var most = row[0]
    for c in 1..<max(1, count) { most = max(most, row[c]) }
    var sum = 0.0
    for c in 0..<count {
      row[c] = exp(row[c] - most)
      sum += row[c]
    }
    for c in 0..<count { row[c] /= sum }
    return most + log(sum)
  }

  /// p of every row, and log p(t | f).
  static func evaluate(
    _ f: [Double], targets: [Double], outputs: Int
  ) -> (probabilities: [Double], logLikelihood: Double) {
    var (p, value) = (f, 0.0)
    p.withUnsafeMutableBufferPointer { p in
      for first in stride(from: 0, to: p.count, by: outputs) {
        let total = normalize(p.baseAddress! + first, outputs)
        // t·(f − log Σ e^f); a class that does not occur may have a logit of −∞.
        for index in first..<(first + outputs) where targets[index] != 0 {
          value += targets[index] * (f[index] - total)
        }
      }
    }
    return (p, value)
  }

  /// B x
  static func root(_ p: [Double], _ x: [Double], outputs: Int) -> [Double] {
    var result = x
    for first in stride(from: 0, to: x.count, by: outputs) {
      var sum = 0.0
      for index in first..<(first + outputs) { sum += p[index].squareRoot() * x[index] }
      for index in first..<(first + outputs) {
        result[index] = p[index].squareRoot() * x[index] - p[index] * sum
      }
    }
    return result
  }

  /// Bᵀ x for every row x of [count, n·O], in its place: √p ∘ (x − pᵀx).
  static func transposedRoot(_ p: [Double], rows: inout [Double], outputs: Int) {
    let size = p.count
    var roots = p
    for index in roots.indices { roots[index] = p[index].squareRoot() }
    rows.withUnsafeMutableBufferPointer { x in
      p.withUnsafeBufferPointer { p in
        roots.withUnsafeBufferPointer { s in
          for row in stride(from: 0, to: x.count, by: size) {
            for first in stride(from: 0, to: size, by: outputs) {
              var mean = 0.0
              for c in first..<(first + outputs) { mean += p[c] * x[row + c] }
              for c in first..<(first + outputs) { x[row + c] = s[c] * (x[row + c] - mean) }
            }
          }
        }
      }
    }
  }

  /// I + factor·Bᵀ K B
  ///
  /// - Parameter kernel: K, [n·O, n·O], symmetric.
  static func system(
    _ kernel: [Double], factor: Double, _ p: [Double], outputs: Int
  ) -> [Double] {
    let size = p.count
    var matrix = kernel
    // K B, then Bᵀ from the left.
    transposedRoot(p, rows: &matrix, outputs: outputs)
    var mean = [Double](repeating: 0, count: size)
    matrix.withUnsafeMutableBufferPointer { m in
      mean.withUnsafeMutableBufferPointer { mean in
        p.withUnsafeBufferPointer { p in
          for first in stride(from: 0, to: size, by: outputs) {
            for j in 0..<size { mean[j] = 0 }
            for c in first..<(first + outputs) {
              let weight = p[c]
              for j in 0..<size { mean[j] += weight * m[c * size + j] }
            }
            for c in first..<(first + outputs) {
              let weight = factor * p[c].squareRoot()
              for j in 0..<size { m[c * size + j] = weight * (m[c * size + j] - mean[j]) }
              m[c * size + c] += 1
            }
          }
        }
      }
    }
    return matrix
  }
}
