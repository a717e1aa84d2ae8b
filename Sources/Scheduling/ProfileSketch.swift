import Compute
import Glibc

/// A `ProfileTable` while it is measured: every second knot of each axis, and the last, first, so that a
/// measurement that has to end early knows the whole range.
struct ProfileSketch {
  let x, y, z: [Int]
  /// Base-2 logarithms of seconds; nil is not measured.
  private(set) var times: [Double?]
  /// What one element of x counts for on the table's axis.
  let unit: Double
  /// What to measure at a size; empty if it does not fit.
  let operations: (_ x: Int, _ y: Int, _ z: Int) -> [Operation]

  init(
    _ x: [Int], _ y: [Int] = [1], _ z: [Int] = [1], unit: Double = 1,
    operations: @escaping (_ x: Int, _ y: Int, _ z: Int) -> [Operation]
  ) {
    (self.x, self.y, self.z) = (x, y, z)
    self.unit = unit
    self.operations = operations
    times = Array(repeating: nil, count: x.count * y.count * z.count)
  }

  private func position(_ index: Int) -> (x: Int, y: Int, z: Int) {
    (index / (y.count * z.count), index / z.count % y.count, index % z.count)
  }

  func operations(_ index: Int) -> [Operation] {
    let at = position(index)
    return operations(x[at.x], y[at.y], z[at.z])
  }

  /// To what time is at most proportional.
  func work(_ index: Int) -> Double {
    let at = position(index)
    return Double(x[at.x]) * Double(y[at.y]) * Double(z[at.z])
  }

  /// Whether a size is of the first, coarse round.
  func isCoarse(_ index: Int) -> Bool {
    axes(index).allSatisfy { $0.at % 2 == 0 || $0.at == $0.knots.count - 1 }
  }

  /// The axes as knots, and how far apart neighbours on them are in `times`.
  private func axes(_ index: Int) -> [(knots: [Int], at: Int, stride: Int)] {
    let at = position(index)
    return [(x, at.x, y.count * z.count), (y, at.y, z.count), (z, at.z, 1)]
  }

  /// The longest that a size could take, going by the next smaller ones that were measured along
  /// each axis; 0 for the smallest, infinite if the smaller ones were left out too.
  func longest(_ index: Int) -> Double {
    var longest = 0.0
    for (knots, at, stride) in axes(index) where at > 0 {
      let below = (0..<at).last { times[index - (at - $0) * stride] != nil }
      guard let below else { return .infinity }
      let time = times[index - (at - below) * stride]!
      longest = max(longest, exp2(time) * Double(knots[at]) / Double(knots[below]))
    }
    return longest
  }

  mutating func set(_ index: Int, seconds: Double) {
    // Four digits are more than a measurement is worth.
    times[index] = (1000 * log2(seconds)).rounded() / 1000
  }

  /// The table. What was not measured lies between its measured neighbours along an axis (the mean
  /// of the axes that have two), or is as much slower than smaller sizes as it is larger.
  ///
  /// The smallest size must have been measured.
  func table() -> ProfileTable {
    precondition(times[0] != nil, "the smallest size is always measured")
    var values: [Double] = []
    for index in times.indices {
      if let time = times[index] {
        values.append(time)
        continue
      }
      var between: [Double] = []
      var beyond = Double.infinity
      for (knots, at, stride) in axes(index) where at > 0 {
        let logarithms = knots.map { log2(Double($0)) }
        beyond = min(beyond, values[index - stride] + logarithms[at] - logarithms[at - 1])
        let above = (at + 1..<max(knots.count, at + 1)).first {
          times[index + ($0 - at) * stride] != nil
        }
        guard let above else { continue }
        let share = (logarithms[at] - logarithms[at - 1]) / (logarithms[above] - logarithms[at - 1])
        let (low, high) = (values[index - stride], times[index + (above - at) * stride]!)
        between.append(low + share * (high - low))
      }
      values.append(
        between.isEmpty ? beyond : between.reduce(0, +) / Double(between.count))
    }
    func knots(_ extents: [Int]) -> [Double] { extents.map { log2(Double($0)) } }
    return ProfileTable(
      x: x.map { log2(Double($0) * unit) }, y: knots(y), z: knots(z), values: values)
  }
}
