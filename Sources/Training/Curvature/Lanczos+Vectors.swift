import Compute

extension Lanczos {
  /// Eigenvalues and unit eigenvectors; a value's residual is ‖Ax − θx‖, from a product of its own.
  public struct Pairs {
    /// Descending.
    public var values: [Value]
    /// A row each.
    public var vectors: Matrix
    /// Products with A.
    public var products: Int
  }

  /// The `count` largest eigenvalues with their multiplicities, and eigenvectors; fewer where the space has
  /// fewer dimensions, or where products are not finite.
  ///
  /// One run finds all of them but copies of multiple ones; runs beside what was found look for these,
  /// until one finds nothing larger than the smallest that is wanted. Waits.
  public func leading(_ count: Int, of a: any SymmetricOperator) throws -> Pairs {
    let wanted = min(count, a.dimension)
    let vectors = DeviceVectors(a.backend)
    let found = OrthonormalBasis(a.dimension, a.type, on: a.backend)
    var values: [Double] = []
    var products = 0
    var start = 0
    while found.count < a.dimension {
      let basis = OrthonormalBasis(a.dimension, a.type, on: a.backend)
      for row in 0..<found.count { try basis.append(1, found[row]) }
      let size = values.reduce(0) { max($0, abs($1)) }
      var run = try Run(a, basis, seed, start: start, size: size)
      let more = max(1, wanted - found.count)
      var method = self
      method.limit = limit * more
      _ = try run.iterate(method) { Array($0.prefix(more)) }
      products += run.products
      start += 1
      let ritz = run.ritz.prefix(more)
      // The smallest of those that are wanted, if there are enough.
      let last = values.count < wanted ? -Double.infinity : values.sorted(by: >)[wanted - 1]
      guard let largest = ritz.first?.value, largest.isFinite,
        largest > last + tolerance * size || values.count < wanted
      else { break }
      let before = found.count
      for (index, value) in ritz.enumerated() {
        guard let vector = try run.vector(index) else { break }
        try found.append(1, vector)
        values.append(value.value)
      }
      if found.count == before { break }
    }
    let order = values.indices.sorted { (values[$0], $1) > (values[$1], $0) }.prefix(wanted)
    let rows = try a.backend.matrix(order.count, a.dimension, a.type)
    let image = try a.backend.matrix(1, a.dimension, a.type)
    var result: [Value] = []
    for (row, index) in order.enumerated() {
      let vector = rows.rows(row..<(row + 1))
      try vectors.combine(vector, 1, found[index])
      try a.apply(vector, into: image)
      try vectors.combine(image, -values[index], vector, 1, image)
      result.append(
        Value(
          value: values[index], residual: try vectors.product(image, image).squareRoot()))
    }
    return Pairs(values: result, vectors: rows, products: products + order.count)
  }
}
