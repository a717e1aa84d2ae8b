/// The figures of a study.
struct StudyFigures {
  let study: StudyTable

  /// Curves are drawn for so many grid points, in as many panels.
  static let mostGridPoints = 12

  private var shown: [StudyTable.GridPoint] { Array(study.points.prefix(Self.mostGridPoints)) }

  /// Beside the curves: the whole study at its end, for every grid point a panel.
  var overall: [Figure] {
    var figures: [Figure] = []
    if hasGrid {
      figures += study.axes.flatMap { axis in
        [
          byAxis(axis, "test_accuracy", "Final test accuracy", .percentage),
          byAxis(axis, "test_loss", "Final test loss"),
          byAxis(axis, "logit_distance", "Final logit distance to full"),
        ]
      }
    }
    figures += [
      byExpansions("test_accuracy", "Final test accuracy", "accuracy", .percentage),
      byExpansions("test_loss", "Final test loss", "mean loss"),
      byExpansions("kernel_distance", "Kernel distance at the end", "‖Θ_T − Θ_0‖ / ‖Θ_0‖"),
      byExpansions("kernel_alignment", "Kernel alignment at the end", Self.cosine, .cosine),
      byOrder("test_accuracy", "Final test accuracy", "accuracy", .percentage),
      byOrder("test_loss", "Final test loss", "mean loss"),
      byOrder(
        "logit_cosine", "Final cosine of the logit movement with full's", Self.cosine, .cosine),
      byOrder("logit_distance", "Final logit distance to full", Self.logitDistance),
    ]
    return figures.filter { !$0.isEmpty }
  }

  private static let cosine = "cosine"
  private static let logitDistance = "‖f_k − f_full‖ / √n"

  private var hasGrid: Bool { !study.axes.isEmpty }

  /// Curves against steps at one grid point; files of a grid's points have its settings in their
  /// names.
  func curves(_ point: StudyTable.GridPoint) -> [Figure] {
    let slices = study.slices(point)
    let suffix = hasGrid ? "_" + Self.fileName(study, point) : ""
    func chart(
      _ column: String, _ title: String, _ yLabel: String, _ values: Chart.Values = .adaptive
    ) -> Figure {
      // What was measured once, such as the training accuracy at the end, is no curve.
      let lines = lines(slices, column, values)
      let isCurve = Set(lines.flatMap { $0.points.map(\.x) }).count > 1
      return Figure(
        Self.fileName(column) + suffix,
        Chart(title: title, yLabel: yLabel, values: values, series: isCurve ? lines : []))
    }
    return [
      chart("test_accuracy", "Test accuracy", "accuracy", .percentage),
      chart("train_accuracy", "Training accuracy", "accuracy", .percentage),
      chart("test_loss", "Test loss", "mean loss"),
      chart("train_loss", "Training loss", "mean loss"),
      chart("logit_distance", "Logit distance to full", Self.logitDistance),
      chart("logit_cosine", "Cosine of the logit movement with full's", Self.cosine, .cosine),
      chart("parameter_distance", "Parameter distance to full", "‖θ_k − θ_full‖"),
      chart(
        "parameter_cosine", "Cosine of the parameter movement with full's", Self.cosine, .cosine),
      chart("kernel_distance", "Kernel distance", "‖Θ − Θ0‖ / ‖Θ0‖"),
      chart("kernel_alignment", "Kernel alignment", Self.cosine, .cosine),
      panels(
        slices, "relative_movement", suffix, "Relative movement of each tensor",
        "‖θ − θ0‖ / ‖θ0‖ against steps; tensors that start at zero are left out"),
      panels(
        slices, "parameter_cosine", suffix, "Cosine of each tensor's movement with full's",
        "cosine against steps", .cosine, name: "tensor-cosine"),
      panels(
        slices, "parameter_distance", suffix, "Distance of each tensor to full's",
        "‖θ_k − θ_full‖ against steps", name: "tensor-distance"),
    ].filter { !$0.isEmpty }
  }

  // MARK: Lines

  /// Colours tell orders apart, or periods where there are several of an order.
  func style(_ order: StudyTable.Order) -> (color: Int?, dash: Int) {
    switch order {
    case .full: (nil, 0)
    case .gaussNewton: (nil, 1)
    case .expansion(let number): (max(0, number - 1) + study.periods.count, number)
    case .relinearized(let number, let every):
      (study.periods.firstIndex(of: every) ?? 0, number)
    }
  }

  private func line(
    _ order: StudyTable.Order, _ name: String, _ points: [Chart.Point]
  ) -> Chart.Series {
    let style = style(order)
    return Chart.Series(name, points, color: style.color, dash: style.dash)
  }

  private func lines(
    _ slices: [OrderSlice], _ column: String, _ values: Chart.Values
  ) -> [Chart.Series] {
    let factor: Double = values == .percentage ? 100 : 1
    // Full agrees with itself.
    let isComparison = column.hasPrefix("logit_") || column.hasPrefix("parameter_")
    return slices.filter { !isComparison || $0.order != .full }.map { slice in
      var line = self.line(slice.order, slice.label, slice.curve(column, factor: factor))
      line.crosses = slice.crosses(column, factor: factor)
      line.isBounded = !slice.sound.isEmpty
      return line
    }
  }

  private func panels(
    _ slices: [OrderSlice], _ prefix: String, _ suffix: String, _ title: String,
    _ caption: String, _ values: Chart.Values = .adaptive, name: String? = nil
  ) -> Figure {
    Figure(
      (name ?? "movement") + suffix,
      ChartPanels(
        title: title, caption: caption,
        charts: study.tensors(prefix).map { tensor in
          Chart(
            title: tensor, yLabel: "", values: values,
            series: lines(slices, "\(prefix).\(tensor)", values))
        }))
  }

  // MARK: At the end

  /// Against the order: the expansions as a line, full as a level.
  private func byOrder(
    _ column: String, _ title: String, _ yLabel: String, _ values: Chart.Values = .adaptive
  ) -> Figure {
    let name = "final-" + Self.fileName(column)
    func chart(_ point: StudyTable.GridPoint, _ title: String) -> Chart {
      let slices = study.slices(point)
      let factor: Double = values == .percentage ? 100 : 1
      var places: [Chart.Place] = []
      var points: [Chart.Point] = []
      var levels: [Chart.Level] = []
      for slice in slices {
        let final = slice.final(column)
        let spread = factor * (final?.standardError ?? 0)
        switch slice.order {
        case .relinearized, .gaussNewton: break
        case .full:
          if let final, !column.hasPrefix("logit_") {
            levels = [Chart.Level("full", y: factor * final.mean, spread: spread)]
          }
        case .expansion(let number):
          let mark = slice.diverged.isEmpty ? "" : slice.sound.isEmpty ? " ×" : "*"
          places.append(Chart.Place(Double(number), "\(number)\(mark)"))
          if let final {
            points.append(
              Chart.Point(x: Double(number), y: factor * final.mean, spread: spread))
          }
        }
      }
      var line = Chart.Series("expansions", points, color: 0)
      line.spread = .bars
      return Chart(
        title: title, xLabel: "order", yLabel: yLabel, values: values,
        positions: .listed(places), series: [line], levels: levels)
    }
    let note = divergenceNote
    if !hasGrid {
      guard let point = study.points.first else {
        return Figure(name, Chart(title: title, yLabel: yLabel, series: []))
      }
      return Figure(name, chart(point, title), note: note)
    }
    return Figure(
      name,
      ChartPanels(
        title: title, caption: "\(yLabel) against the order",
        charts: shown.map { chart($0, study.name($0)) }), note: note)
  }

  /// Against the number of expansions that a run made, its first included: a line for each order,
  /// the network itself as levels.
  private func byExpansions(
    _ column: String, _ title: String, _ yLabel: String, _ values: Chart.Values = .adaptive
  ) -> Figure {
    let name = "final-\(Self.fileName(column))-by-expansions"
    guard !study.periods.isEmpty else {
      return Figure(name, Chart(title: title, yLabel: yLabel, series: []))
    }
    let factor: Double = values == .percentage ? 100 : 1
    func chart(_ point: StudyTable.GridPoint, _ title: String) -> Chart {
      let slices = study.slices(point)
      let orders = Set(slices.compactMap(\.order.number)).sorted()
      var places: [Double: Chart.Place] = [:]
      let series = orders.map { order -> Chart.Series in
        let points = slices.filter { $0.order.number == order }.compactMap {
          slice -> Chart.Point? in
          guard let final = slice.final(column) else { return nil }
          let expansions = 1 + (slice.final("expansions")?.mean ?? 0)
          places[expansions] = Chart.Place(expansions, NumberText.significant(expansions, 3))
          return Chart.Point(
            x: expansions, y: factor * final.mean, spread: factor * (final.standardError ?? 0))
        }
        var line = Chart.Series(
          "order \(order)", points.sorted { $0.x < $1.x }, color: max(0, order - 1), dash: order - 1
        )
        line.spread = .bars
        return line
      }
      let levels = slices.compactMap { slice -> Chart.Level? in
        guard slice.order.number == nil, let final = slice.final(column) else { return nil }
        return Chart.Level(
          slice.order.name, y: factor * final.mean, spread: factor * (final.standardError ?? 0),
          dash: slice.order == .full ? 0 : 1)
      }
      return Chart(
        title: title, xLabel: "expansions", yLabel: yLabel, values: values,
        positions: .listed(places.values.sorted { $0.value < $1.value }, isLogarithmic: true),
        series: series, levels: levels)
    }
    let note = "1 expansion is Taylorized training; as many as steps are (for order 1) SGD."
    guard hasGrid else {
      return Figure(name, chart(study.points[0], "\(title) by number of expansions"), note: note)
    }
    return Figure(
      name,
      ChartPanels(
        title: "\(title) by number of expansions", caption: "\(yLabel) against expansions",
        charts: shown.map { chart($0, study.name($0)) }), note: note)
  }

  /// What the marks of diverged orders mean, where there are any.
  private var divergenceNote: String? {
    let slices = study.points.flatMap { study.slices($0) }.filter {
      $0.order != .full && !$0.diverged.isEmpty
    }
    let parts = [
      slices.contains { $0.sound.isEmpty } ? "× diverged" : nil,
      slices.contains { !$0.sound.isEmpty } ? "* without the seeds that diverged" : nil,
    ].compactMap { $0 }
    return parts.isEmpty ? nil : parts.joined(separator: "; ")
  }

  /// Against one axis of the grid, by order; a panel for every choice on the other axes.
  private func byAxis(
    _ axis: String, _ column: String, _ title: String, _ values: Chart.Values = .adaptive
  ) -> Figure {
    let words = StudyTable.words(axis)
    let index = study.axes.firstIndex(of: axis) ?? 0
    func others(_ point: StudyTable.GridPoint) -> [StudyTable.Setting] {
      point.settings.enumerated().filter { $0.offset != index }.map(\.element)
    }
    let choices = Array(Set(study.points.map { others($0) }))
      .sorted { $0.lexicographicallyPrecedes($1) }.prefix(Self.mostGridPoints)
    let charts = choices.map { choice in
      let points = study.points.filter { others($0) == choice }
      let rest = zip(study.axes.filter { $0 != axis }, choice).map {
        "\(StudyTable.words($0)) \($1.text)"
      }
      return chart(
        points.map { ($0.settings[index], $0) }, column, values,
        title: rest.isEmpty ? "\(title) by \(words)" : rest.joined(separator: ", "), words)
    }
    let name = "final-\(Self.fileName(column))-by-\(Self.fileName(axis))"
    let hasDiverged = study.points.contains { $0.members.contains { $0.divergedStep != nil } }
    let note =
      hasDiverged ? "Without the members that diverged; where all did, there is no point." : nil
    guard charts.count != 1 else { return Figure(name, charts[0], note: note) }
    let quantity = charts.first?.yLabel ?? ""
    return Figure(
      name,
      ChartPanels(
        title: "\(title) by \(words)", caption: "\(quantity) against \(words)",
        charts: Array(charts)), note: note)
  }

  private func chart(
    _ points: [(setting: StudyTable.Setting, point: StudyTable.GridPoint)], _ column: String,
    _ values: Chart.Values, title: String, _ xLabel: String
  ) -> Chart {
    let numbers = points.compactMap(\.setting.number)
    let isNumeric = numbers.count == points.count
    let places = points.enumerated().map { index, entry in
      Chart.Place(isNumeric ? numbers[index] : Double(index), entry.setting.text)
    }
    let isWide = (numbers.first ?? 0) > 0 && (numbers.last ?? 0) >= 4 * (numbers.first ?? 0)
    let factor: Double = values == .percentage ? 100 : 1
    let series = study.orders.map { order -> Chart.Series in
      let isComparison = column.hasPrefix("logit_")
      let values = zip(points, places).compactMap { entry, place -> Chart.Point? in
        guard let slice = study.slices(entry.point).first(where: { $0.order == order }),
          let final = slice.final(column)
        else { return nil }
        return Chart.Point(
          x: place.value, y: factor * final.mean, spread: factor * (final.standardError ?? 0))
      }
      var line = line(order, order.name, isComparison && order == .full ? [] : values)
      line.spread = .bars
      return line
    }
    return Chart(
      title: title, xLabel: xLabel,
      yLabel: values == .percentage ? "accuracy" : StudyTable.words(column), values: values,
      positions: .listed(places, isLogarithmic: isNumeric && isWide), series: series)
  }

  // MARK: Names

  private static func fileName(_ study: StudyTable, _ point: StudyTable.GridPoint) -> String {
    zip(study.axes, point.settings).map { "\(fileName($0))-\(fileName($1.text))" }
      .joined(separator: "_")
  }

  /// Letters, digits and points; everything else as a hyphen.
  private static func fileName(_ text: String) -> String {
    String(
      text.map { character in
        character.isASCII && (character.isLetter || character.isNumber || character == ".")
          ? character : "-"
      })
  }
}
