/// `power`: a polynomial of a few directions of inputs on a sphere or a cube,
/// y = Σ_{j=1..rank} (β_jᵀx)^degree, less its mean and over its standard deviation.
///
/// `inputs=sphere` (the default) is uniform on the sphere of radius √dimension, `inputs=cube` on
/// {±1}^dimension; so entries have mean square 1 in both. `directions=orthonormal` (the default)
/// are those of `multi_index`; `directions=random` are drawn alike, and only made of length 1.
///
/// `form=power` is the power itself, which has parts of the lower degrees degree − 2, degree − 4, …
/// too. `form=pure` is its part of the highest degree alone, which is orthogonal to all polynomials
/// of lower degree: on the sphere the Gegenbauer polynomial P_p of the dimension d at
/// t = β_jᵀx/√d, P_0 = 1, P_1 = t, (n + d − 2) P_{n+1} = (2n + d − 2) t P_n − n P_{n−1}; on the cube
/// the elementary symmetric polynomial of the numbers β_{ji}x_i.
///
/// Mean and standard deviation are those of 4096 examples of their own, so that they depend neither
/// on `n` nor on the test set.
struct PowerTask: SyntheticMaker {
  private let keys: SyntheticKeys
  private let dimension: Int
  private let degree: Int
  private let isCube: Bool
  private let isPure: Bool
  private let directions: [[Double]]
  private var mean = 0.0
  private var deviation = 1.0

  private static let calibrationCount = 4096

  init(_ keys: SyntheticKeys) throws {
    self.keys = keys
    dimension = keys.integer("dimension")
    degree = keys.integer("degree")
    isCube = keys.word("inputs") == "cube"
    isPure = keys.word("form") == "pure"
    let rank = keys.integer("rank")
    let isOrthonormal = keys.word("directions") == "orthonormal"
    guard rank <= dimension || !isOrthonormal else {
      throw keys.failure(
        "rank", "is \(rank), more than the dimension \(dimension)",
        "lower rank, raise dimension or take directions=random")
    }
    guard !isPure || !isCube || degree <= dimension else {
      throw keys.failure(
        "degree", "is \(degree), and on the cube of dimension \(dimension) nothing has that degree")
    }
    try keys.checkMemory("rank", rank, dimension)
    directions = Self.directions(
      seed: keys.seed, rank: rank, dimension: dimension, isOrthonormal: isOrthonormal)
    let values = (0..<Self.calibrationCount).map {
      value(at: point(RandomStream(keys.seed, .task, tensor: $0 + 1)))
    }
    let count = Double(values.count)
    mean = values.reduce(0, +) / count
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    guard squares > 1e-18 * (mean * mean + 1e-30) * count else {
      throw keys.failure(
        "dimension", "is \(dimension), where the values are all the same", "raise it")
    }
    deviation = (squares / count).squareRoot()
  }

  private static func directions(
    seed: UInt64, rank: Int, dimension: Int, isOrthonormal: Bool
  ) -> [[Double]] {
    if isOrthonormal {
      return IndexTask.directions(seed: seed, rank: rank, dimension: dimension)
    }
    let normals = RandomStream(seed, .task).normals(rank * dimension)
    return (0..<rank).map { j in
      let row = Array(normals[j * dimension..<(j + 1) * dimension])
      let length = IndexTask.dot(row, row).squareRoot()
      return row.map { $0 / length }
    }
  }

  var inputShape: [Int] { [dimension] }

  private func point(_ stream: RandomStream) -> [Double] {
    if isCube { return stream.signs(dimension) }
    let normals = stream.normals(dimension)
    let scale = (Double(dimension) / IndexTask.dot(normals, normals)).squareRoot()
    return normals.map { $0 * scale }
  }

  private func value(at x: [Double]) -> Double {
    directions.reduce(0) { sum, direction in
      guard isPure else { return sum + power(IndexTask.dot(direction, x)) }
      return sum + (isCube ? symmetric(direction, x) : gegenbauer(IndexTask.dot(direction, x)))
    }
  }

  private func power(_ z: Double) -> Double { (0..<degree).reduce(1) { value, _ in value * z } }

  private func gegenbauer(_ z: Double) -> Double {
    let d = Double(dimension)
    let t = z / d.squareRoot()
    var (before, value) = (1.0, t)
    for n in 1..<max(1, degree) {
      let n = Double(n)
      // In one dimension t = ±1, and every polynomial is 1 or t.
      let divisor = n + d - 2
      let next = divisor == 0 ? 1 : ((2 * n + d - 2) * t * value - n * before) / divisor
      (before, value) = (value, next)
    }
    return value
  }

  /// e_degree(β_1 x_1, …, β_d x_d)
  private func symmetric(_ direction: [Double], _ x: [Double]) -> Double {
    var sums = [Double](repeating: 0, count: degree + 1)
    sums[0] = 1
    for i in x.indices {
      let term = direction[i] * x[i]
      for k in stride(from: degree, to: 0, by: -1) { sums[k] += term * sums[k - 1] }
    }
    return sums[degree]
  }

  func examples(_ count: Int, _ part: RandomStream.Purpose) -> Examples {
    keys.regression(count, part, dimension: dimension) { example in
      let x = point(RandomStream(keys.seed, part, tensor: example))
      return (x, [(value(at: x) - mean) / deviation])
    }
  }
}
