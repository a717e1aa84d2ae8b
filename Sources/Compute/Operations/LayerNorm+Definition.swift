import Kernels

extension LayerNorm {
  public func define() {
    switch sense {
    case .forward(let input, let output, let inverse):
      for v in 0..<input.directions {
        for row in 0..<input.block { define(input, output, inverse, row, v) }
      }
    case .adjoint(let cotangent, let value, let inverse, let degree):
      for v in 0..<cotangent.directions {
        for row in 0..<cotangent.block {
          define(cotangent, value, inverse, degree: degree, row, v)
        }
      }
    }
  }

  /// Σ of a term per column by chains, over their number.
  private func mean(_ columns: Int, _ term: (Int) -> Bounded) -> Bounded {
    let chain = Int(MACLAURIN_CHAIN)
    var total = Bounded(0)
    for first in stride(from: 0, to: columns, by: chain) {
      total = total + (first..<min(first + chain, columns)).reduce(Bounded(0)) { $0 + term($1) }
    }
    return total / Bounded(Double(columns))
  }

  private func define(
    _ input: JetView, _ output: JetView, _ inverse: JetView?, _ row: Int, _ v: Int
  ) {
    let (columns, last) = (input.columns, output.degree)
    let x = (0...input.degree).map { n in
      (0..<columns).map { input[n, direction: v].exact(row, $0) }
    }
    let c = x.map { x in
      let mean = mean(columns) { x[$0] }
      return x.map { $0 - mean }
    }
    var variance = (0...last).map { n in
      mean(columns) { column in
        (0...n).reduce(Bounded(0)) { sum, i in
          guard i < c.count, n - i < c.count else { return sum }
          return .fma(c[i][column], c[n - i][column], sum)
        }
      }
    }
    variance[0] = variance[0] + Bounded(input.type.round(epsilon))
    var r = [Bounded(1) / variance[0].squareRoot]
    for n in 0..<last {
      let sum = (0...n).reduce(Bounded(0)) { sum, i in
        let weight = Bounded(0.5 * Double(i + 1) - Double(n + 1))
        return .fma(weight * variance[i + 1], r[n - i], sum)
      }
      r.append(sum / (Bounded(Double(n + 1)) * variance[0]))
    }
    // Coefficient 0 is shared by the directions.
    for n in 0...last where n > 0 || v == 0 {
      for column in 0..<columns {
        output[n, direction: v][row, column] = (0...min(n, input.degree)).reduce(Bounded(0)) {
          .fma(c[$1][column], r[n - $1], $0)
        }
      }
      if let inverse, n <= inverse.degree { inverse[n, direction: v][row, 0] = r[n] }
    }
  }

  private func define(
    _ cotangent: JetView, _ value: JetView, _ inverse: JetView, degree: Int, _ row: Int, _ v: Int
  ) {
    let (columns, last) = (cotangent.columns, cotangent.degree)
    // Index i stands for ȳ_{i+1}.
    let g = (0..<last).map { i in
      (0..<columns).map { cotangent[i + 1, direction: v].exact(row, $0) }
    }
    let y = (0..<last).map { i in
      (0..<columns).map { value[i, direction: i == 0 ? 0 : v].exact(row, $0) }
    }
    let r = (0..<last).map { inverse[$0, direction: $0 == 0 ? 0 : v].exact(row, 0) }
    let dot = (0..<last).map { i in
      mean(columns) { column in
        (i..<last).reduce(Bounded(0)) { .fma(y[$1 - i][column], g[$1][column], $0) }
      }
    }
    let w = (0..<last).map { i in
      let mean = mean(columns) { g[i][$0] }
      return (0..<columns).map { column in
        (i..<last).reduce(g[i][column] - mean) { .fma(-y[$1 - i][column], dot[$1], $0) }
      }
    }
    for i in 0..<degree {
      for column in 0..<columns {
        cotangent[i + 1, direction: v][row, column] = (i..<last).reduce(Bounded(0)) {
          .fma(r[$1 - i], w[$1][column], $0)
        }
      }
    }
  }
}
