/// `single_index` and `multi_index`: standard normal inputs x, orthonormal directions β_1 … β_rank
/// (one for `single_index`), z_j = β_jᵀx, and the value g(z_1), or (Σ_j g(z_j))/√rank with
/// `combine=sum` (the default), or Π_j g(z_j) with `combine=product`.
///
/// The link g is `hermite` (the default), He_degree(z)/√degree!, or `relu`, `tanh`, `sin`,
/// `quadratic` (z²), `identity`, for which `degree` says nothing. Direction j is row j of normal
/// numbers, [rank, dimension], of the stream (seed, task, 0), made orthogonal to the rows before it
/// and of length 1 (Gram and Schmidt).
struct IndexTask: SyntheticMaker {
  private let keys: SyntheticKeys
  private let dimension: Int
  private let rank: Int
  /// [rank, dimension]
  private let directions: [[Double]]

  init(_ keys: SyntheticKeys) throws {
    self.keys = keys
    dimension = keys.integer("dimension")
    rank = keys.has("rank") ? keys.integer("rank") : 1
    guard rank <= dimension else {
      throw keys.failure(
        "rank", "is \(rank), more than the dimension \(dimension)",
        "lower rank or raise dimension")
    }
    try keys.checkMemory("rank", rank, dimension)
    directions = Self.directions(seed: keys.seed, rank: rank, dimension: dimension)
  }

  static func directions(seed: UInt64, rank: Int, dimension: Int) -> [[Double]] {
    let normals = RandomStream(seed, .task).normals(rank * dimension)
    var directions: [[Double]] = []
    for j in 0..<rank {
      var row = Array(normals[j * dimension..<(j + 1) * dimension])
      // Twice is enough.
      for _ in 0..<2 {
        for other in directions {
          let product = dot(row, other)
          for i in row.indices { row[i] -= product * other[i] }
        }
      }
      let length = dot(row, row).squareRoot()
      directions.append(row.map { $0 / length })
    }
    return directions
  }

  static func dot(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for i in a.indices { sum += a[i] * b[i] }
    return sum
  }

  var inputShape: [Int] { [dimension] }

  func examples(_ count: Int, _ part: RandomStream.Purpose) -> Examples {
    let (link, degree) = (keys.word("link"), keys.integer("degree"))
    let multiplies = keys.has("combine") && keys.word("combine") == "product"
    return keys.regression(count, part, dimension: dimension) { example in
      let x = RandomStream(keys.seed, part, tensor: example).normals(dimension)
      let values = directions.map { direction in
        let z = Self.dot(direction, x)
        return link == "hermite"
          ? PortableMath.hermite(degree, z) : PortableMath.function(link, z)
      }
      let value =
        multiplies ? values.reduce(1, *) : values.reduce(0, +) / Double(rank).squareRoot()
      return (x, [value])
    }
  }
}

extension PortableMath {
  /// A link or an activation by its name.
  static func function(_ name: String, _ z: Double) -> Double {
    switch name {
    case "relu": z > 0 ? z : 0
    case "tanh": tanh(z)
    case "sin": sine(z)
    case "quadratic": z * z
    default: z
    }
  }
}
