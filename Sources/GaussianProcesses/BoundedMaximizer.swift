/// Maximises a smooth function of a few variables between bounds, by quasi-Newton steps with the update of
/// Broyden, Fletcher, Goldfarb and Shanno in the variables that no bound holds, each step projected onto
/// the bounds and halved until the function grows enough (Armijo's rule).
///
/// Source: Nocedal and Wright, Numerical Optimization, 6.1 and 16.7.
struct BoundedMaximizer {
  let lower: [Double]
  let upper: [Double]
  /// Where the largest component of the gradient that no bound holds is below this times max(1, |f|), a
  /// maximum is reached.
  var tolerance = 1e-9
  /// The most steps.
  var limit = 200
  /// The longest step of a variable.
  var longest = 2.0

  struct Point {
    var x: [Double]
    var value: Double
    var gradient: [Double]
  }

  /// - Parameters:
  ///   - start: brought between the bounds.
  ///   - function: f and its gradient; nil where it has no value, which ends no search.
  /// - Returns: nil where f has no value at the start.
  func maximum(
    from start: [Double], _ function: ([Double]) throws -> (value: Double, gradient: [Double])?
  ) throws -> Point? {
    let count = start.count
    func evaluated(_ x: [Double]) throws -> Point? {
      guard let (value, gradient) = try function(x), value.isFinite,
        gradient.allSatisfy({ $0.isFinite })
      else { return nil }
      return Point(x: x, value: value, gradient: gradient)
    }
    guard var point = try evaluated(bounded(start)) else { return nil }
    // −(∇²f)⁻¹; nil for a step of length 1 along the gradient.
    var inverse: [Double]?
    var wasFree: [Bool] = []
    for _ in 0..<limit {
      let free = (0..<count).map { isFree(point, $0) }
      let size = (0..<count).reduce(0) { free[$1] ? max($0, abs(point.gradient[$1])) : $0 }
      if size <= tolerance * max(1, abs(point.value)) { break }
      if free != wasFree { inverse = nil }
      wasFree = free
      var next = try step(point, free, inverse, evaluated)
      if next == nil, inverse != nil {
        inverse = nil
        next = try step(point, free, nil, evaluated)
      }
      guard let next else { break }
      inverse = updated(inverse, from: point, to: next)
      point = next
    }
    return point
  }

  private func bounded(_ x: [Double]) -> [Double] {
    x.indices.map { min(upper[$0], max(lower[$0], x[$0])) }
  }

  private func isFree(_ point: Point, _ i: Int) -> Bool {
    !(point.x[i] >= upper[i] && point.gradient[i] >= 0
      || point.x[i] <= lower[i] && point.gradient[i] <= 0)
  }

  private func step(
    _ point: Point, _ free: [Bool], _ inverse: [Double]?,
    _ evaluated: ([Double]) throws -> Point?
  ) throws -> Point? {
    let count = free.count
    var direction = (0..<count).map { free[$0] ? point.gradient[$0] : 0 }
    if let inverse {
      let gradient = direction
      for i in 0..<count where free[i] {
        direction[i] = (0..<count).reduce(0) { $0 + inverse[i * count + $1] * gradient[$1] }
      }
    }
    let largest = direction.reduce(0) { max($0, abs($1)) }
    guard largest > 0 else { return nil }
    var length = min(inverse == nil ? 1 / largest : 1, longest / largest)
    for _ in 0..<50 {
      let x = bounded((0..<count).map { point.x[$0] + length * direction[$0] })
      if x == point.x { return nil }
      let slope = (0..<count).reduce(0) { $0 + point.gradient[$1] * (x[$1] - point.x[$1]) }
      if slope > 0, let next = try evaluated(x), next.value > point.value,
        next.value >= point.value + 1e-4 * slope
      {
        return next
      }
      length /= 2
    }
    return nil
  }

  /// - Returns: nil where the function is not concave between the points.
  private func updated(_ inverse: [Double]?, from a: Point, to b: Point) -> [Double]? {
    let count = a.x.count
    let s = (0..<count).map { b.x[$0] - a.x[$0] }
    let y = (0..<count).map { a.gradient[$0] - b.gradient[$0] }
    func dot(_ a: [Double], _ b: [Double]) -> Double {
      a.indices.reduce(0) { $0 + a[$1] * b[$1] }
    }
    let sy = dot(s, y)
    guard sy > 1e-10 * (dot(s, s) * dot(y, y)).squareRoot() else { return nil }
    var result = inverse ?? []
    if inverse == nil {
      let scale = sy / dot(y, y)
      result = (0..<count * count).map { $0 % (count + 1) == 0 ? scale : 0 }
    }
    let hy = (0..<count).map { i in
      (0..<count).reduce(0) { $0 + result[i * count + $1] * y[$1] }
    }
    let factor = (1 + dot(y, hy) / sy) / sy
    for i in 0..<count {
      for j in 0..<count {
        result[i * count + j] += factor * s[i] * s[j] - (s[i] * hy[j] + hy[i] * s[j]) / sy
      }
    }
    return result
  }
}
