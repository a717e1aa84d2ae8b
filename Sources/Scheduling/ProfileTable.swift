import Glibc

/// Measured times over up to three extents, interpolated linearly in the logarithms of extents and
/// time.
///
/// Within the grid the time between two knots is a power law. Below the first knot of an axis it is
/// constant: small work takes as long as the smallest that was measured. Beyond the last knot the
/// last cell's power law holds for half a cell more, and from there time is proportional to the
/// extent.
public struct ProfileTable: Sendable, Codable, Equatable {
  /// Base-2 logarithms of the extents, ascending; an axis that is not used has one knot.
  public let x, y, z: [Double]
  /// Base-2 logarithms of seconds; the last axis runs fastest.
  public let values: [Double]

  /// - Parameter values: as many as the axes have combinations.
  public init(x: [Double], y: [Double] = [0], z: [Double] = [0], values: [Double]) {
    self.x = x
    self.y = y
    self.z = z
    self.values = values
    precondition(isValid, "a table has ascending knots and one finite value for each combination")
  }

  /// Whether every lookup is defined: something read from a file may be anything.
  public var isValid: Bool {
    [x, y, z].allSatisfy { axis in
      !axis.isEmpty && axis.allSatisfy(\.isFinite) && zip(axis, axis.dropFirst()).allSatisfy(<)
    } && values.count == x.count * y.count * z.count
      && values.allSatisfy { $0.isFinite && abs($0) < 100 }
  }

  /// Seconds at extents whose base-2 logarithms are given.
  public func seconds(_ x: Double, _ y: Double = 0, _ z: Double = 0) -> Double {
    let (i, j, k) = (Position(x, self.x), Position(y, self.y), Position(z, self.z))
    let strideX = self.y.count * self.z.count
    let strideY = self.z.count
    let base = i.cell * strideX + j.cell * strideY + k.cell
    let value = values.withUnsafeBufferPointer { values in
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
    return exp2(value + i.excess + j.excess + k.excess)
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
