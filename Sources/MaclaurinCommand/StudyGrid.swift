import Maclaurin

/// What the members of a study differ in: orders, seeds, and the axes of a grid.
enum StudyLists {
  /// "1,2,full" as 1, 2, 0.
  static func orders(_ text: String) throws -> [Int] {
    let orders = try items(text, "--orders", "such as 1,2,3,4,full").map {
      try TrainingOptions.parsedOrder($0, of: "--orders")
    }
    try requireDistinct(orders.map { $0 == 0 ? "full" : String($0) }, "--orders")
    return orders
  }

  /// "1,10,inf" as 1, 10, 0.
  static func periods(_ text: String) throws -> [Int] {
    let advice = "such as 1,3,10,30,100,inf"
    let periods = try items(text, "--relinearize", advice).map { item -> Int in
      if item == "inf" { return 0 }
      guard let period = Int(item), period > 0 else {
        throw Misuse("--relinearize takes numbers of steps, \(advice), not \"\(item)\"")
      }
      return period
    }
    try requireDistinct(periods.map { $0 == 0 ? "inf" : String($0) }, "--relinearize")
    return periods
  }

  /// "0..9", "0,3,5" or both.
  static func seeds(_ text: String) throws -> [UInt64] {
    let advice = "such as 0..9 or 0,3,5"
    let seeds = try items(text, "--seeds", advice).flatMap { item -> [UInt64] in
      if let seed = UInt64(item) { return [seed] }
      let bounds = item.split(separator: ".", omittingEmptySubsequences: false)
      guard bounds.count == 3, bounds[1].isEmpty, let first = UInt64(bounds[0]),
        let last = UInt64(bounds[2]), first <= last, last - first < 10_000
      else { throw Misuse("--seeds takes numbers, \(advice), not \"\(item)\"") }
      return Array(first...last)
    }
    try requireDistinct(seeds.map { String($0) }, "--seeds")
    return seeds
  }

  static func items(_ text: String, _ option: String, _ advice: String) throws -> [String] {
    let items = text.split(separator: ",", omittingEmptySubsequences: false).map {
      String($0.filter { $0 != " " })
    }
    guard items.allSatisfy({ !$0.isEmpty }) else {
      throw Misuse("\(option) takes a list without gaps, \(advice), not \"\(text)\"")
    }
    return items
  }

  static func requireDistinct(_ items: [String], _ option: String) throws {
    var seen: Set<String> = []
    for item in items where !seen.insert(item).inserted {
      throw Misuse("\(option) names \(item) twice; name each once")
    }
  }
}

/// The axes of a grid, and all combinations of their values.
struct StudyGrid {
  enum Axis: String, CaseIterable {
    case width
    case lr
    case outputScale = "output_scale"
  }

  /// One combination of values.
  struct Point {
    var values: [Axis: Double] = [:]
    /// As text, in the order of the axes.
    var texts: [String] = []
    /// "width-64_lr-0.1", or nothing.
    var folder = ""
    /// The preset's width.
    var width: Int? { values[.width].map { Int($0) } }
  }

  /// In the order width, lr, output_scale.
  private(set) var axes: [(axis: Axis, values: [Double])] = []

  /// From texts such as "width=64,128".
  init(parsing texts: [String]) throws {
    var found: [Axis: [Double]] = [:]
    for text in texts {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let known = Axis.allCases.map(\.rawValue).joined(separator: ", ")
      guard parts.count == 2 else {
        throw Misuse("--grid takes AXIS=VALUE,VALUE, such as width=64,128, not \"\(text)\"")
      }
      let name = String(parts[0])
      guard let axis = Axis(rawValue: name) else {
        throw Misuse(
          "--grid has no axis \"\(name)\"; there are \(known)"
            + (name == "order" || name == "orders" ? " (orders are given by --orders)" : "")
            + (name == "seed" || name == "seeds" ? " (seeds are given by --seeds)" : ""))
      }
      guard found[axis] == nil else { throw Misuse("--grid names \(name) twice; name it once") }
      let option = "--grid \(name)"
      guard !parts[1].isEmpty else {
        throw Misuse("\(option) has no values; write \(name)=VALUE,VALUE")
      }
      let values = try StudyLists.items(String(parts[1]), option, "such as \(name)=1,2").map {
        try Self.value($0, axis)
      }
      try StudyLists.requireDistinct(values.map { Self.text($0) }, option)
      found[axis] = values
    }
    axes = Axis.allCases.compactMap { axis in found[axis].map { (axis, $0) } }
  }

  private static func value(_ text: String, _ axis: Axis) throws -> Double {
    switch axis {
    case .width:
      guard let width = Int(text), width > 0, width <= 1 << 24 else {
        throw Misuse("--grid width takes positive integers, not \"\(text)\"")
      }
      return Double(width)
    case .lr, .outputScale:
      guard let value = Double(text), value.isFinite, value > 0 else {
        throw Misuse("--grid \(axis.rawValue) takes positive numbers, not \"\(text)\"")
      }
      return value
    }
  }

  private static func text(_ value: Double) -> String {
    Int(exactly: value).map { String($0) } ?? String(value)
  }

  /// All combinations, the last axis fastest; one without values if there is no axis.
  var points: [Point] {
    axes.reduce([Point()]) { points, axis in
      points.flatMap { point in
        axis.values.map { value in
          var next = point
          let text = Self.text(value)
          next.values[axis.axis] = value
          next.texts.append(text)
          next.folder += (point.folder.isEmpty ? "" : "_") + "\(axis.axis.rawValue)-\(text)"
          return next
        }
      }
    }
  }

  var names: [String] { axes.map(\.axis.rawValue) }

  /// As on the command line, for a comparison with another study.
  var description: String {
    axes.map { "\($0.axis.rawValue)=" + $0.values.map { Self.text($0) }.joined(separator: ",") }
      .joined(separator: " ")
  }

  var json: JSONValue {
    .object(
      Dictionary(
        uniqueKeysWithValues: axes.map { axis in
          (axis.axis.rawValue, .array(axis.values.map { .number($0) }))
        }))
  }
}
