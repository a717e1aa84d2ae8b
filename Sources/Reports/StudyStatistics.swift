import Training

/// As in summary.csv.
typealias Statistic = StudySummary.Statistic

/// The members of one order at one grid point.
struct OrderSlice {
  let table: NumberTable
  let order: StudyTable.Order
  let members: [StudyTable.Member]

  var sound: [StudyTable.Member] { members.filter { $0.divergedStep == nil } }
  var diverged: [StudyTable.Member] { members.filter { $0.divergedStep != nil } }

  /// As in legends: diverged members are named.
  var label: String {
    if diverged.isEmpty { return order.name }
    if members.count == 1 { return "\(order.name) (diverged)" }
    return sound.isEmpty
      ? "\(order.name) (all \(members.count) seeds diverged)"
      : "\(order.name) (\(diverged.count) of \(members.count) seeds diverged)"
  }

  /// Means over the members that did not diverge, or over all if each did, at the steps at which
  /// all of them have a value. Members without any are left out.
  func curve(_ column: String, factor: Double = 1) -> [Chart.Point] {
    let curves = (sound.isEmpty ? members : sound).map { values($0, column, factor) }
      .filter { !$0.isEmpty }
    guard let first = curves.first else { return [] }
    let all = curves.map { Dictionary($0.map { ($0.x, $0.y) }) { $1 } }
    return first.compactMap { point in
      let values = all.compactMap { $0[point.x] }
      guard values.count == all.count, let statistic = Statistic(values) else { return nil }
      return Chart.Point(
        x: point.x, y: statistic.mean, spread: statistic.standardError ?? 0)
    }
  }

  /// Where diverged members ended: their last values.
  func crosses(_ column: String, factor: Double = 1) -> [Chart.Point] {
    diverged.compactMap { values($0, column, factor).last }
  }

  private func values(
    _ member: StudyTable.Member, _ column: String, _ factor: Double
  ) -> [Chart.Point] {
    member.rows.compactMap { row in
      guard let step = table.number(row, "step"), let value = table.number(row, column) else {
        return nil
      }
      let point = Chart.Point(x: step, y: value * factor)
      return Chart.Series.isDrawable(point) ? point : nil
    }
  }

  /// Values at each sound member's last step, by seed.
  func finals(_ column: String) -> [String: Double] {
    var values: [String: Double] = [:]
    for member in sound {
      values[member.seed] = member.rows.last.flatMap { table.number($0, column) }
    }
    return values
  }

  func final(_ column: String) -> Statistic? {
    Statistic(finals(column).sorted { $0.key < $1.key }.map(\.value))
  }

  /// The last steps of its sound members.
  var lastSteps: [Double] {
    sound.compactMap { $0.rows.last.flatMap { table.number($0, "step") } }
  }
}

extension StudyTable {
  /// A grid point's members by order, full last.
  func slices(_ point: GridPoint) -> [OrderSlice] {
    Set(point.members.map(\.order)).sorted().map { order in
      OrderSlice(
        table: table, order: order, members: point.members.filter { $0.order == order })
    }
  }
}
