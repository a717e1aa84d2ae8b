import FoundationEssentials

@testable import Reports

/// The files of a small study, with values that a test can compute by hand.
struct StudyFixture {
  /// Of one member at one step.
  struct Place: Hashable {
    var grid: [String] = []
    var seed: Int
    /// 0 for full.
    var order: Int
    var step: Int
    var orderName: String { order == 0 ? "full" : "\(order)" }
  }

  var axes: [(name: String, values: [String])] = []
  var orders = [1, 2, 0]
  var seeds = [0, 1]
  var steps = [0, 10, 20]
  var tensors = ["layers.0.weight", "layers.0.bias"]
  /// Columns that stay empty.
  var empty: Set<String> = []
  /// The step at which a member is found to have diverged.
  var diverged: (Place) -> Int? = { _ in nil }
  /// The value of a column.
  var value: (String, Place) -> Double = Self.standard
  var json = """
    {"version": "0.1.0", "backend": "cpu", "orders": ["1", "2", "full"], "seeds": [0, 1],
     "settings": {"data": "digits", "lr": 0.1}}
    """

  /// Agreement that grows with the order; the seeds lie 0.02 apart.
  static func standard(_ column: String, _ place: Place) -> Double {
    let progress = Double(place.step) / 20
    let order = Double(place.order == 0 ? 4 : place.order)
    let seed = Double(place.seed) * 0.02
    switch column {
    case "epoch": return progress
    case "learning_rate": return 0.1
    case "train_loss", "test_loss": return 2 - progress - order / 10 + seed
    case "test_accuracy": return 0.1 + progress * (0.4 + order / 10) + seed
    case "logit_cosine", "parameter_cosine", "kernel_alignment": return 1 - 0.2 / order + seed
    case "logit_distance", "parameter_distance": return progress * 2 / order + seed
    default: return progress / order + seed
    }
  }

  static let measured = [
    "train_loss", "train_accuracy", "test_loss", "test_accuracy", "logit_distance",
    "logit_cosine", "parameter_distance", "parameter_cosine", "kernel_distance",
    "kernel_alignment",
  ]

  var tensorColumns: [String] {
    tensors.flatMap { tensor in
      ["movement", "relative_movement", "parameter_distance", "parameter_cosine"].map {
        "\($0).\(tensor)"
      }
    }
  }

  var columns: [String] {
    ["seed"] + axes.map(\.name) + ["order", "step", "epoch", "learning_rate"] + Self.measured
      + ["diverged"] + tensorColumns
  }

  var places: [Place] {
    var grids: [[String]] = [[]]
    for axis in axes { grids = grids.flatMap { grid in axis.values.map { grid + [$0] } } }
    return grids.flatMap { grid in
      seeds.flatMap { seed in
        steps.flatMap { step in
          orders.map { Place(grid: grid, seed: seed, order: $0, step: step) }
        }
      }
    }
  }

  var csv: String {
    var lines = [
      columns.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: ",")
    ]
    for place in places {
      let end = diverged(place)
      if let end, place.step > end { continue }
      let isEnd = end == place.step
      let cells = columns.map { column -> String in
        switch column {
        case "seed": return "\(place.seed)"
        case "order": return place.orderName
        case "step": return "\(place.step)"
        case "diverged": return isEnd ? "1" : "0"
        case "epoch", "learning_rate": return isEnd ? "" : "\(value(column, place))"
        default:
          if let axis = axes.firstIndex(where: { $0.name == column }) { return place.grid[axis] }
          let isComparison =
            column.hasPrefix("logit_") || column.hasPrefix("parameter_")
          let isMissing =
            isEnd || empty.contains(column) || (isComparison && place.order == 0)
            || (column.hasSuffix("cosine") && place.step == 0)
          return isMissing ? "" : "\(value(column, place))"
        }
      }
      lines.append(cells.joined(separator: ","))
    }
    return lines.joined(separator: "\n") + "\n"
  }

  var table: StudyTable {
    get throws { try StudyTable(Array(csv.utf8), path: "study.csv") }
  }

  /// Calls `body` with a folder that holds the study, and removes it.
  func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = try Self.newFolder(["study.json": json, "study.csv": csv])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }

  static func newFolder(_ files: [String: String]) throws -> String {
    let folder = FileManager.default.temporaryDirectory.path + "/study-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for (name, text) in files {
      try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
    }
    return folder
  }

  static func text(_ path: String) throws -> String {
    String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
  }
}
