/// A power series with vector coefficients, c_0 + c_1 t + … + c_K tᴷ + O(t^{K+1}): one example's
/// outputs along a ray.
public struct VectorSeries: Sendable {
  /// c_0…c_K, equally long.
  public let coefficients: [[Double]]

  public init(_ coefficients: [[Double]]) {
    precondition(!coefficients.isEmpty, "a series has a coefficient")
    precondition(
      coefficients.allSatisfy { $0.count == coefficients[0].count }, "equally long coefficients")
    self.coefficients = coefficients
  }

  /// K.
  public var order: Int { coefficients.count - 1 }
  /// Numbers of one coefficient.
  public var width: Int { coefficients[0].count }
  public var isFinite: Bool { coefficients.allSatisfy { $0.allSatisfy(\.isFinite) } }

  /// c_0…c_k alone.
  public func prefix(_ k: Int) -> VectorSeries { VectorSeries(Array(coefficients[...k])) }

  /// The degree of the polynomial that it is as far as it is known; −1 for zero.
  public var degree: Int { coefficients.lastIndex { $0.contains { $0 != 0 } } ?? -1 }

  /// The partial sums S_0…S_K at t.
  public func sums(at t: Double) -> [[Double]] {
    var sum = [Double](repeating: 0, count: width)
    var power = 1.0
    return coefficients.map { coefficient in
      for i in sum.indices { sum[i] += coefficient[i] * power }
      power *= t
      return sum
    }
  }

  /// ‖x‖₂, without overflow.
  static func norm(_ x: [Double]) -> Double {
    let largest = x.reduce(0) { max($0, abs($1)) }
    guard largest > 0, largest.isFinite else { return largest }
    return largest
      * x.reduce(0) { $0 + ($1 / largest) * ($1 / largest) }.squareRoot()
  }

  static func distance(_ x: [Double], _ y: [Double]) -> Double {
    norm(zip(x, y).map { $0 - $1 })
  }
}
