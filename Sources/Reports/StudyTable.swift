import DataSets

/// study.csv: what every member of a study measured, by step.
struct StudyTable {
  /// What a member trains: an expansion of order k, the same with re-expansions every so many steps,
  /// the network itself, or the network by Gauss–Newton steps.
  enum Order: Hashable, Comparable {
    case expansion(Int)
    case relinearized(Int, every: Int)
    case full
    case gaussNewton

    /// - Parameters:
    ///   - text: the column `order`.
    ///   - every: the column `relinearize_every`; empty or inf: never.
    init?(_ text: String, every: String = "") {
      if text == "full" {
        self = .full
      } else if text == "gauss-newton" {
        self = .gaussNewton
      } else if let number = Int(text), number >= 0 {
        if every.isEmpty || every == "inf" {
          self = .expansion(number)
        } else if let period = Int(every), period > 0 {
          self = .relinearized(number, every: period)
        } else {
          return nil
        }
      } else {
        return nil
      }
    }

    /// As in "at order 2".
    var name: String {
      switch self {
      case .expansion, .relinearized: "order \(shortName)"
      case .full, .gaussNewton: shortName
      }
    }

    /// As in a table whose column is the order.
    var shortName: String {
      switch self {
      case .expansion(let number): "\(number)"
      case .relinearized(let number, let every): "\(number), every \(every)"
      case .full: "full"
      case .gaussNewton: "Gauss–Newton"
      }
    }

    /// k, unless it is the network itself.
    var number: Int? {
      switch self {
      case .expansion(let number), .relinearized(let number, _): number
      case .full, .gaussNewton: nil
      }
    }

    /// By order, then by period, never after all periods; the network itself comes last.
    private var place: [Int] {
      switch self {
      case .relinearized(let number, let every): [number, every]
      case .expansion(let number): [number, .max]
      case .full: [.max, 0]
      case .gaussNewton: [.max, 1]
      }
    }

    static func < (a: Order, b: Order) -> Bool { a.place.lexicographicallyPrecedes(b.place) }
  }

  /// A value on a grid axis as it stands in the file; numbers are ordered as numbers.
  struct Setting: Hashable, Comparable {
    var text: String
    var number: Double? { CSVTable.number(text) }

    static func < (a: Setting, b: Setting) -> Bool {
      if let m = a.number, let n = b.number, m != n { return m < n }
      return a.text < b.text
    }
  }

  /// One training run: order and seed at a grid point.
  struct Member {
    var order: Order
    var seed: String
    /// Indices of its rows in the table, in ascending step, without the row that ends a diverged one.
    var rows: [Int] = []
    /// The step at which it was found to have diverged.
    var divergedStep: Double?
  }

  /// The members with the same settings on all axes.
  struct GridPoint {
    var settings: [Setting]
    var members: [Member]
  }

  let table: NumberTable
  /// Names of the grid's axes: the columns between seed and order.
  let axes: [String]
  /// In ascending order of their settings; one without a grid, none without rows.
  let points: [GridPoint]

  /// - Throws: `FileError` with the line and column of what is no study's.
  init(_ path: String) throws {
    try self.init(FileContents.read(path), path: path)
  }

  init(_ bytes: [UInt8], path: String) throws {
    // The axes are named by the header only.
    let header = try NumberTable(Array(bytes.prefix { $0 != 0x0a }) + [0x0a], path: path).columns
    guard let seed = header.firstIndex(of: "seed"), let order = header.firstIndex(of: "order"),
      seed < order, header.contains("step"), header.contains("diverged")
    else {
      throw FileError(
        path: path, field: "line 1", problem: "has not the columns seed, order, step and diverged",
        advice: "is this a study's folder?")
    }
    let axes = Array(header[(seed + 1)..<order])
    table = try NumberTable(
      bytes, path: path, words: Set(axes + ["seed", "order", "relinearize_every"]))
    self.axes = axes
    points = try Self.points(table, axes)
  }

  private static func points(_ table: NumberTable, _ axes: [String]) throws -> [GridPoint] {
    struct Key: Hashable {
      var order: Order
      var seed: String
    }
    var members: [[Setting]: [Key: Member]] = [:]
    for row in table.rows.indices {
      let name = table.text(row, "order")
      let hasPeriods = table.columns.contains("relinearize_every")
      let period = hasPeriods ? table.text(row, "relinearize_every") : ""
      guard Order(name) != nil else {
        throw table.error(
          row, "order", "\(FileError.quote(name)) is neither full, gauss-newton nor a number")
      }
      guard let order = Order(name, every: period) else {
        throw table.error(
          row, "relinearize_every",
          "\(FileError.quote(period)) is neither inf nor a number of steps")
      }
      guard let step = table.number(row, "step"), step >= 0 else {
        throw table.error(row, "step", "is not the number of a step")
      }
      let settings = axes.map { Setting(text: table.text(row, $0)) }
      let key = Key(order: order, seed: table.text(row, "seed"))
      var member = members[settings]?[key] ?? Member(order: order, seed: key.seed)
      if table.number(row, "diverged") == 1 {
        member.divergedStep = min(step, member.divergedStep ?? step)
      } else {
        member.rows.append(row)
      }
      members[settings, default: [:]][key] = member
    }
    return members.map { settings, members in
      let ordered = members.values.map { member in
        var member = member
        member.rows.sort {
          (table.number($0, "step") ?? 0, $0) < (table.number($1, "step") ?? 0, $1)
        }
        return member
      }.sorted { ($0.order, Setting(text: $0.seed)) < ($1.order, Setting(text: $1.seed)) }
      return GridPoint(settings: settings, members: ordered)
    }.sorted { $0.settings.lexicographicallyPrecedes($1.settings) }
  }

  /// The orders at any grid point, full last.
  var orders: [Order] {
    Array(Set(points.flatMap { $0.members.map(\.order) })).sorted()
  }

  /// Periods of re-expansion at any grid point, ascending.
  var periods: [Int] {
    Set(
      orders.compactMap { order in
        if case .relinearized(_, let every) = order { every } else { nil }
      }
    ).sorted()
  }

  var seeds: [String] {
    Set(points.flatMap { $0.members.map(\.seed) }).map { Setting(text: $0) }.sorted().map(\.text)
  }

  /// Tensors with a column `PREFIX.TENSOR`, in the file's order.
  func tensors(_ prefix: String) -> [String] {
    table.columns.filter { $0.hasPrefix(prefix + ".") }.map {
      String($0.dropFirst(prefix.count + 1))
    }
  }

  /// As in "width 64, lr 0.1"; empty without a grid.
  func name(_ point: GridPoint) -> String {
    zip(axes, point.settings).map { axis, setting in
      "\(Self.words(axis)) \(setting.text)"
    }.joined(separator: ", ")
  }

  static func words(_ column: String) -> String {
    String(column.map { $0 == "_" ? " " : $0 })
  }
}
