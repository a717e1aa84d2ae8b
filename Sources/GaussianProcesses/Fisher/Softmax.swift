import DataSets

/// softmax(f) on the host, in Double, with the same bits on every machine.
enum Softmax {
  /// p of rows f, [n, O].
  static func probabilities(_ f: [Double], _ outputs: Int) -> [Double] {
    var p = f
    for first in stride(from: 0, to: f.count, by: outputs) {
      var largest = f[first]
      for o in first..<(first + outputs) { largest = max(largest, f[o]) }
      var sum = 0.0
      for o in first..<(first + outputs) {
        p[o] = PortableMath.exponential(f[o] - largest)
        sum += p[o]
      }
      for o in first..<(first + outputs) { p[o] /= sum }
    }
    return p
  }

  /// The columns of B with BBᵀ = diag(p) − ppᵀ: √p_o (e_o − p), column after column of every example,
  /// [O, n, O].
  static func curvatureRoots(_ f: [Double], _ outputs: Int) -> [Double] {
    let p = probabilities(f, outputs)
    let n = f.count / outputs
    var result = [Double](repeating: 0, count: outputs * f.count)
    for o in 0..<outputs {
      for row in 0..<n {
        let (first, root) = ((o * n + row) * outputs, p[row * outputs + o].squareRoot())
        for k in 0..<outputs {
          result[first + k] = root * ((k == o ? 1 : 0) - p[row * outputs + k])
        }
      }
    }
    return result
  }
}
