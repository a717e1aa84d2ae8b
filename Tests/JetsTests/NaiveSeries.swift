/// Numbers with a derivative along one direction: forward differentiation of any formula.
struct Dual {
  var value: Double
  var slope: Double

  init(_ value: Double, _ slope: Double = 0) {
    self.value = value
    self.slope = slope
  }

  static func + (a: Dual, b: Dual) -> Dual { Dual(a.value + b.value, a.slope + b.slope) }
  static func - (a: Dual, b: Dual) -> Dual { Dual(a.value - b.value, a.slope - b.slope) }
  static func * (a: Dual, b: Dual) -> Dual {
    Dual(a.value * b.value, a.slope * b.value + a.value * b.slope)
  }
  static func / (a: Dual, b: Dual) -> Dual {
    let value = a.value / b.value
    return Dual(value, (a.slope - value * b.slope) / b.value)
  }
  var squareRoot: Dual {
    let root = value.squareRoot()
    return Dual(root, slope / (2 * root))
  }
}

/// Layer normalization of power series by other formulas than those of the code under test: σ = √v
/// from σ·σ = v, and y from y·σ = c by long division.
enum NaiveNorm {
  /// y_0…y_k of one row; x[n][column].
  static func normalize(_ x: [[Dual]], epsilon: Double, order k: Int) -> [[Dual]] {
    let columns = x[0].count
    let count = Dual(Double(columns))
    let c = (0...k).map { n -> [Dual] in
      guard n < x.count else { return [Dual](repeating: Dual(0), count: columns) }
      let mean = x[n].reduce(Dual(0), +) / count
      return x[n].map { $0 - mean }
    }
    let v = (0...k).map { n -> Dual in
      var sum = Dual(n == 0 ? epsilon * Double(columns) : 0)
      for i in 0...n {
        for column in 0..<columns { sum = sum + c[i][column] * c[n - i][column] }
      }
      return sum / count
    }
    var sigma = [v[0].squareRoot]
    for n in 0..<k {
      var rest = v[n + 1]
      for i in 0..<n { rest = rest - sigma[i + 1] * sigma[n - i] }
      sigma.append(rest / (Dual(2) * sigma[0]))
    }
    var y: [[Dual]] = []
    for n in 0...k {
      y.append(
        (0..<columns).map { column in
          var rest = c[n][column]
          for i in 0..<n { rest = rest - y[i][column] * sigma[n - i] }
          return rest / sigma[0]
        })
    }
    return y
  }

  /// y at one argument, no series.
  static func normalize(_ x: [Double], epsilon: Double) -> [Double] {
    let mean = x.reduce(0, +) / Double(x.count)
    let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count)
    return x.map { ($0 - mean) / (variance + epsilon).squareRoot() }
  }

  /// Coefficients that bound those of y and of everything that they are added up from: with
  /// |c| ≤ |x| + mean|x|, v̂ from |c|, and r̂ = (v_0 − Σ_{n≥1} v̂_n tⁿ)^{−1/2}, whose coefficients are
  /// not negative.
  static func majorant(_ x: [[Double]], epsilon: Double, order k: Int) -> [[Double]] {
    let columns = x[0].count
    let c = (0...k).map { n -> [Double] in
      guard n < x.count else { return [Double](repeating: 0, count: columns) }
      let mean = x[n].reduce(0) { $0 + abs($1) } / Double(columns)
      return x[n].map { abs($0) + mean }
    }
    let mean = x[0].reduce(0, +) / Double(columns)
    let zero = x[0].reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(columns) + epsilon
    let v = (0...k).map { n in
      (0...n).reduce(0.0) { sum, i in
        (0..<columns).reduce(sum) { $0 + c[i][$1] * c[n - i][$1] / Double(columns) }
      }
    }
    // (1 − w)^{−1/2} = Σ_m (1/2)(3/2)…(m − 1/2)/m! wᵐ with w = Σ v̂_n/v_0 tⁿ; an error of v_0 itself
    // moves everything by as many units of v̂_0/v_0.
    let w = [0] + v.dropFirst().map { $0 / zero }
    var power = [1.0] + [Double](repeating: 0, count: k)
    var r = [Double](repeating: 0, count: k + 1)
    var factor = 1 / zero.squareRoot() * (v[0] / zero)
    for m in 0...k {
      for n in 0...k { r[n] += factor * power[n] * Double(2 * m + 1) }
      power = (0...k).map { n in (0...n).reduce(0) { $0 + power[$1] * w[n - $1] } }
      factor *= (Double(m) + 0.5) / Double(m + 1)
    }
    return (0...k).map { n in
      (0..<columns).map { column in (0...n).reduce(0) { $0 + c[$1][column] * r[n - $1] } }
    }
  }
}
