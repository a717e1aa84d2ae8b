/// What tells the members of a study apart that share a seed and a place in the grid.
public struct StudyVariant: Sendable, Hashable {
  /// 0 for full.
  public var order: Int
  /// Steps between re-expansions, 0 for never, where the study compares periods; nil where all members
  /// have that of their common settings.
  public var period: Int?
  /// η of the network trained by Gauss–Newton steps, of which there is one beside the orders; nil for
  /// the optimizer of the common settings.
  public var gaussNewtonRate: Double?

  public init(order: Int, period: Int? = nil) {
    self.order = order
    self.period = order == 0 ? nil : period
  }

  /// The network itself by Gauss–Newton steps.
  public static func gaussNewton(rate: Double) -> StudyVariant {
    var variant = StudyVariant(order: 0)
    variant.gaussNewtonRate = rate
    return variant
  }

  /// The network itself by the common optimizer, with which the others are compared.
  public static let full = StudyVariant(order: 0)

  /// The members of a list of orders, each with every period; full has none.
  public static func all(
    orders: [Int], periods: [Int], gaussNewtonRate: Double? = nil
  ) -> [StudyVariant] {
    let members = orders.flatMap { order -> [StudyVariant] in
      guard order > 0, !periods.isEmpty else { return [StudyVariant(order: order)] }
      return periods.map { StudyVariant(order: order, period: $0) }
    }
    return members + (gaussNewtonRate.map { [.gaussNewton(rate: $0)] } ?? [])
  }

  /// "1" …, "full" or "gauss-newton", as in the column `order`.
  public var orderName: String {
    gaussNewtonRate != nil ? "gauss-newton" : order == 0 ? "full" : String(order)
  }
  /// A number of steps, "inf", or nothing, as in the column `relinearize_every`.
  public var periodName: String { period.map { $0 == 0 ? "inf" : String($0) } ?? "" }
  /// "2", "2-every-10" or "full": what is kept under a name of its own, such as a folder.
  public var name: String { orderName + (period == nil ? "" : "-every-\(periodName)") }

  /// The settings of this member.
  public func settings(_ base: TrainingSettings) -> TrainingSettings {
    var settings = base
    settings.order = order
    if let gaussNewtonRate {
      settings.optimizer = .gaussNewton
      settings.learningRate = gaussNewtonRate
      settings.clipNorm = 0
    } else if settings.optimizer != .gaussNewton {
      settings.gaussNewton = nil
    }
    if order == 0 || period == 0 {
      settings.relinearization = .never
    } else if let period {
      var growth = 1.0
      if case .periodic(_, let common) = settings.relinearization.rule { growth = common }
      settings.relinearization.rule = .periodic(every: period, growth: growth)
    }
    return settings
  }
}
