/// The affine map x ↦ (x − mean) / deviation, one mean and one deviation per group of columns.
///
/// Column j belongs to group j / groupSize: single features have groups of 1, image channels
/// groups of height · width. The deviation is that of the population, √(Σ(x − mean)²/n), and 1
/// where all values are equal.
public struct Standardization: Hashable, Sendable {
  public let means: [Double]
  public let deviations: [Double]
  public let groupSize: Int

  /// A map that is known.
  ///
  /// - Precondition: a positive deviation for each mean, and a positive group size.
  public init(means: [Double], deviations: [Double], groupSize: Int = 1) {
    precondition(
      means.count == deviations.count && groupSize > 0 && deviations.allSatisfy { $0 > 0 },
      "a mean and a positive deviation for each group")
    (self.means, self.deviations, self.groupSize) = (means, deviations, groupSize)
  }

  /// (value − mean) / deviation for a value in `column`.
  @inline(__always)
  public func apply(_ value: Double, column: Int) -> Double {
    let group = column / groupSize
    return (value - means[group]) / deviations[group]
  }

  /// The inverse, value · deviation + mean: back to the data's own units.
  public func invert(_ value: Double, column: Int) -> Double {
    let group = column / groupSize
    return value * deviations[group] + means[group]
  }

  /// The statistics of a row-major matrix, `value(row, column)`, summed in Double by rows.
  ///
  /// - Throws: `FileError` when the values are so large that their squares overflow.
  init(
    rows: Int, columns: Int, groupSize: Int, name: String, value: (Int, Int) -> Double
  ) throws {
    let groups = columns / groupSize
    let count = Double(rows * groupSize)
    var means = [Double](repeating: 0, count: groups)
    var squares = means
    var ranges = [(least: Double, most: Double)](
      repeating: (.infinity, -.infinity), count: groups)
    for row in 0..<rows {
      for group in 0..<groups {
        var sum = 0.0
        for column in group * groupSize..<(group + 1) * groupSize {
          let x = value(row, column)
          sum += x
          ranges[group] = (min(ranges[group].least, x), max(ranges[group].most, x))
        }
        means[group] += sum
      }
    }
    for group in 0..<groups {
      // Rounding must not turn a constant into a deviation.
      let isConstant = ranges[group].least == ranges[group].most
      means[group] = isConstant ? ranges[group].least : means[group] / count
    }
    for row in 0..<rows {
      for group in 0..<groups {
        var sum = 0.0
        for column in group * groupSize..<(group + 1) * groupSize {
          let difference = value(row, column) - means[group]
          sum += difference * difference
        }
        squares[group] += sum
      }
    }
    let deviations = squares.map { $0 > 0 ? ($0 / count).squareRoot() : 1 }
    if let bad = deviations.indices.first(where: {
      !means[$0].isFinite || !deviations[$0].isFinite
    }) {
      throw FileError(
        path: name, field: "column group \(bad)",
        problem: "the values are too large to be standardised",
        advice: "rescale them, or load without standardisation")
    }
    self.means = means
    self.deviations = deviations
    self.groupSize = groupSize
  }
}
