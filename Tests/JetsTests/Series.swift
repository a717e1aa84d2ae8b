import Compute
import Jets

/// A jet's coefficients on the host: [coefficient][direction][element], coefficient 0 with one
/// direction.
struct Series {
  var block: Int
  var columns: Int
  var coefficients: [[[Double]]]

  var degree: Int { coefficients.count - 1 }

  /// Coefficient n of direction v; zero beyond the degree.
  subscript(n: Int, v: Int) -> [Double] {
    guard n <= degree else { return [Double](repeating: 0, count: block * columns) }
    return coefficients[n][n == 0 ? 0 : v]
  }

  /// Coefficients from a function of coefficient, direction and element.
  init(
    block: Int, columns: Int, degree: Int, directions: Int,
    _ value: (_ n: Int, _ v: Int, _ element: Int) -> Double
  ) {
    self.block = block
    self.columns = columns
    coefficients = (0...degree).map { n in
      (0..<(n == 0 ? 1 : directions)).map { v in
        (0..<(block * columns)).map { value(n, v, $0) }
      }
    }
  }

  /// Small integers, whose sums of products are exact in float32.
  static func integers(
    block: Int, columns: Int, degree: Int, directions: Int, seed: Int
  ) -> Series {
    Series(block: block, columns: columns, degree: degree, directions: directions) { n, v, i in
      Double((n * 31 + v * 17 + i * 7 + seed * 13 + (i * i + n) % 5) % 9 - 4)
    }
  }

  /// Reads a jet back.
  init(_ jet: Jet, on backend: any Backend) throws {
    block = jet.block
    columns = jet.columns
    coefficients = try (0...jet.degree).map { n in
      if n == 0 { return jet.hasZero ? [try backend.download(jet[0])] : [[]] }
      return try (0..<jet.directions).map { try backend.download(jet[n, direction: $0]) }
    }
  }

  /// The jet on a backend. `hasZero` false leaves coefficient 0 out, as cotangents do.
  func jet(
    on backend: any Backend, _ type: ScalarType, directions: Int, capacity: Int? = nil,
    hasZero: Bool = true
  ) throws -> Jet {
    let capacity = capacity ?? degree
    let rows = block * ((hasZero ? 1 : 0) + directions * capacity)
    let matrix = try backend.matrix(rows, columns, type)
    let jet = Jet(
      matrix, block: block, degree: degree, capacity: capacity, directions: directions,
      hasZero: hasZero)
    if hasZero { try backend.upload(self[0, 0], to: jet[0]) }
    for n in 0..<degree {
      for v in 0..<directions {
        try backend.upload(self[n + 1, v], to: jet[n + 1, direction: v])
      }
    }
    return jet
  }
}

extension Jet {
  /// Coefficients 1… of every direction and coefficient 0, as bits.
  func allBits(on backend: any Backend) throws -> [[UInt64]] {
    try Series(self, on: backend).coefficients.flatMap { $0 }.map { values in
      values.map { $0.isNaN ? Double.nan.bitPattern : $0.bitPattern }
    }
  }
}
