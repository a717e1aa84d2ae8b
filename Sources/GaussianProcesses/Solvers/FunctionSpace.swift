import Compute
import TangentKernels

/// Vectors of n·O numbers, [count, n·O], in float64 on the host, with A = σp²K + σ²I.
struct FunctionSpace: BlockSpace {
  let products: KernelProducts
  let hyperparameters: GaussianHyperparameters
  let preconditioner: LowRankPreconditioner?

  private var n: Int { products.dimension }

  func zeros(_ rows: Int) -> [Double] { [Double](repeating: 0, count: rows * n) }

  func products(_ a: [Double], _ b: [Double]) -> [Double] {
    let n = n
    return a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        var result: [Double] = []
        for row in 0..<a.count / n {
          var sum = 0.0
          for index in (row * n)..<((row + 1) * n) { sum += a[index] * b[index] }
          result.append(sum)
        }
        return result
      }
    }
  }

  func combine(_ target: inout [Double], _ a: [Double], _ b: [Double], _ source: [Double]) {
    let n = n
    target.withUnsafeMutableBufferPointer { target in
      source.withUnsafeBufferPointer { source in
        for row in 0..<target.count / n {
          let (a, b) = (a[row], b[row])
          for index in (row * n)..<((row + 1) * n) {
            target[index] = a * target[index] + b * source[index]
          }
        }
      }
    }
  }

  func select(_ block: [Double], _ rows: [Int]) -> [Double] {
    var result: [Double] = []
    result.reserveCapacity(rows.count * n)
    for row in rows { result += block[(row * n)..<((row + 1) * n)] }
    return result
  }

  func add(_ block: [Double], to rows: [Int], of target: inout [Double]) {
    for (place, row) in rows.enumerated() {
      for index in 0..<n { target[row * n + index] += block[place * n + index] }
    }
  }

  func replace(_ rows: [Int], of target: inout [Double], by block: [Double]) {
    for (place, row) in rows.enumerated() {
      for index in 0..<n { target[row * n + index] = block[place * n + index] }
    }
  }

  func multiply(_ block: [Double]) throws -> [Double] {
    var result = try products.apply(block)
    let (prior, noise) = (hyperparameters.priorVariance, hyperparameters.noiseVariance)
    result.withUnsafeMutableBufferPointer { result in
      block.withUnsafeBufferPointer { block in
        for index in block.indices { result[index] = prior * result[index] + noise * block[index] }
      }
    }
    return result
  }

  func precondition(_ block: [Double]) throws -> [Double] {
    try preconditioner?.apply(block) ?? block
  }
}

extension GaussianHyperparameters {
  /// σp²
  var priorVariance: Double { priorStd * priorStd }
  /// σ²
  var noiseVariance: Double { noiseStd * noiseStd }
}
