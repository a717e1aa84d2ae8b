/// Where the members of one order and period at one place of a study's grid have ended, over the seeds.
public struct StudySummary: Sendable {
  /// Mean and standard error s/√n, s² with n − 1, of what the members ended with.
  public struct Statistic: Sendable, Equatable {
    public var mean: Double
    /// Nil with one value.
    public var standardError: Double?

    /// Nil without values.
    public init?(_ values: [Double]) {
      guard !values.isEmpty else { return nil }
      let count = Double(values.count)
      let mean = values.reduce(0, +) / count
      self.mean = mean
      guard values.count > 1 else { return }
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      standardError = (squares / (count - 1) / count).squareRoot()
    }
  }

  /// What is summarised, in the order of summary.csv.
  public static let quantities = [
    "train_loss", "test_loss", "test_accuracy", "logit_distance", "logit_cosine",
    "parameter_distance", "parameter_cosine", "kernel_distance",
    "kernel_alignment", "expansions",
  ]

  public var variant: StudyVariant
  /// Values by axis.
  public var grid: [String]
  public var seeds: Int
  public var diverged: Int
  public var statistics: [String: Statistic] = [:]

  /// - Parameter rows: for each seed the rows of its group.
  public init(_ variant: StudyVariant, grid: [String], rows: [[StudyRow]]) {
    self.variant = variant
    self.grid = grid
    let last = rows.compactMap { $0.last { $0.variant == variant } }
    seeds = last.count
    diverged = last.count(where: \.isDiverged)
    for name in Self.quantities {
      let values = last.filter { !$0.isDiverged }.compactMap { $0.values[name] }
      statistics[name] = Statistic(values)
    }
  }

  static func header(axes: [String]) -> String {
    (["order", "relinearize_every"] + axes + ["seeds"]
      + quantities.flatMap { ["\($0)_mean", "\($0)_standard_error"] } + ["diverged"])
      .joined(separator: ",")
  }

  var line: String {
    let numbers = Self.quantities.flatMap { name -> [String] in
      let statistic = statistics[name]
      return [
        statistic.map { StudyRow.text($0.mean) } ?? "",
        statistic?.standardError.map { StudyRow.text($0) } ?? "",
      ]
    }
    return
      ([variant.orderName, variant.periodName] + grid + [String(seeds)] + numbers + [
        String(diverged)
      ])
      .joined(separator: ",")
  }
}
