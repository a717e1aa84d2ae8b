import Glibc

/// Measured times over up to three extents.
///
/// A time is taken as a constant, what starting the work costs, plus the rest, whose logarithm is
/// interpolated linearly in the logarithms of the extents: between two knots the rest is a power law.
/// Below the first knot of an axis time is constant: smaller work takes as long. Beyond the last knot
/// the last cell's power law holds for half a cell more, and from there the rest is proportional to
/// the extent.
public struct ProfileTable: Sendable, Equatable {
  /// Base-2 logarithms of the extents, ascending; an axis that is not used has one knot.
  public let x, y, z: [Double]
  /// Base-2 logarithms of seconds; the last axis runs fastest.
  public let values: [Double]
  /// The constant part of all times.
  let start: Double
  /// Base-2 logarithms of the rest.
  private let rest: [Double]

  /// - Parameter values: as many as the axes have combinations.
  public init(x: [Double], y: [Double] = [0], z: [Double] = [0], values: [Double]) {
    precondition(
      Self.isValid(x, y, z, values), "a table has ascending knots and one value per combination")
    (self.x, self.y, self.z) = (x, y, z)
    self.values = values
    let start = Self.start(x, y, z, values)
    self.start = start
    rest = values.map { log2(exp2($0) - start) }
  }

  /// Whether every lookup is defined: something read from a file may be anything.
  private static func isValid(
    _ x: [Double], _ y: [Double], _ z: [Double], _ values: [Double]
  ) -> Bool {
    [x, y, z].allSatisfy { axis in
      !axis.isEmpty && axis.allSatisfy(\.isFinite) && zip(axis, axis.dropFirst()).allSatisfy(<)
    } && values.count == x.count * y.count * z.count
      && values.allSatisfy { $0.isFinite && abs($0) < 100 }
  }

  /// What is left of the smallest work's time where time is that plus a share of the work, going by
  /// the next larger work; a little less, so that a rest remains everywhere.
  private static func start(
    _ x: [Double], _ y: [Double], _ z: [Double], _ values: [Double]
  ) -> Double {
    var growth = 0.0
    var next = 0
    for (knots, stride) in [(x, y.count * z.count), (y, z.count), (z, 1)] where knots.count > 1 {
      growth += knots[1] - knots[0]
      next += stride
    }
    let least = exp2(values.min()!)
    guard next > 0, growth > 0 else { return 0 }
    let first = exp2(values[0])
    let constant = first - (exp2(values[next]) - first) / (exp2(growth) - 1)
    return 0.95 * max(0, min(constant, least))
  }

  /// Seconds at extents whose base-2 logarithms are given.
  public func seconds(_ x: Double, _ y: Double = 0, _ z: Double = 0) -> Double {
    let (i, j, k) = (Position(x, self.x), Position(y, self.y), Position(z, self.z))
    let strideX = self.y.count * self.z.count
    let strideY = self.z.count
    let base = i.cell * strideX + j.cell * strideY + k.cell
    let value = rest.withUnsafeBufferPointer { values in
      func line(_ at: Int) -> Double {
        k.weight == 0 ? values[at] : values[at] + k.weight * (values[at + 1] - values[at])
      }
      func plane(_ at: Int) -> Double {
        let first = line(at)
        return j.weight == 0 ? first : first + j.weight * (line(at + strideY) - first)
      }
      let first = plane(base)
      return i.weight == 0 ? first : first + i.weight * (plane(base + strideX) - first)
    }
    return start + exp2(value + i.excess + j.excess + k.excess)
  }

  /// Where a coordinate lies on an axis.
  private struct Position {
    var cell = 0
    /// Share of the cell's second knot: 0 to 1, to 1.5 beyond the last knot.
    var weight = 0.0
    /// What lies further out, in doublings.
    var excess = 0.0

    init(_ coordinate: Double, _ knots: [Double]) {
      guard knots.count > 1, coordinate > knots[0] else { return }
      while cell < knots.count - 2 && coordinate > knots[cell + 1] { cell += 1 }
      let width = knots[cell + 1] - knots[cell]
      weight = (coordinate - knots[cell]) / width
      if weight > 1.5 {
        excess = (weight - 1.5) * width
        weight = 1.5
      }
    }
  }
}

extension ProfileTable: Codable {
  private enum CodingKeys: CodingKey { case x, y, z, values }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    func axis(_ key: CodingKeys) throws -> [Double] {
      try container.decode([Double].self, forKey: key)
    }
    let (x, y, z, values) = (try axis(.x), try axis(.y), try axis(.z), try axis(.values))
    guard Self.isValid(x, y, z, values) else {
      throw DecodingError.dataCorrupted(
        DecodingError.Context(
          codingPath: decoder.codingPath, debugDescription: "knots and values do not fit"))
    }
    self.init(x: x, y: y, z: z, values: values)
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(x, forKey: .x)
    try container.encode(y, forKey: .y)
    try container.encode(z, forKey: .z)
    try container.encode(values, forKey: .values)
  }
}
