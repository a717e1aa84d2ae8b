import Networks

/// The records of a run's metrics as lines of charts and rows of a table.
struct RunMetrics {
  var records: [[String: JSONValue]]

  /// Records as lines of metrics.jsonl.
  init(records: [[String: JSONValue]]) { self.records = records }

  /// Rows of metrics.csv.
  init(_ table: NumberTable) {
    records = table.rows.indices.map { row in
      Dictionary(
        uniqueKeysWithValues: table.columns.compactMap { column in
          table.number(row, column).map { (column, .number($0)) }
        })
    }
  }

  /// The points at which `field` was recorded.
  func points(_ field: String, factor: Double = 1) -> [Chart.Point] {
    records.compactMap { record in
      guard case .number(let step)? = record["step"], case .number(let value)? = record[field]
      else { return nil }
      return Chart.Point(x: step, y: value * factor)
    }
  }

  /// Tensors whose movement was recorded, in network order.
  var tensors: [String] {
    let prefix = "movement."
    let names = Set(records.flatMap { $0.keys.filter { $0.hasPrefix(prefix) } })
    return names.map { String($0.dropFirst(prefix.count)) }.sorted(by: Self.precedes)
  }

  /// layers.2 before layers.10, weight before bias.
  static func precedes(_ a: String, _ b: String) -> Bool {
    let (left, right) = (a.split(separator: "."), b.split(separator: "."))
    for (l, r) in zip(left, right) where l != r {
      if let m = Int(l), let n = Int(r) { return m < n }
      if l == "weight" || r == "weight" { return l == "weight" }
      return l < r
    }
    return left.count < right.count
  }

  // MARK: Charts

  var figures: [Figure] {
    let silent = tensorsWithoutRelativeMovement
    let note =
      silent.isEmpty
      ? nil : "Not shown, because they start at zero: \(silent.joined(separator: ", "))."
    let figures = [
      Figure("loss", losses), Figure("accuracy", accuracies),
      Figure("gradient-norm", gradientNorm), Figure("movement", movement, note: note),
    ].filter { !$0.isEmpty }
    return figures + features + curvatureFigures.filter { !$0.isEmpty }
  }

  /// Evaluations since whose predecessor the run has re-expanded; empty if they are too many to be told apart.
  private var expansionMarks: [Double] {
    let counts = points("expansions")
    let marks = zip(counts.dropFirst(), counts).filter { $0.0.y > $0.1.y }.map(\.0.x)
    return marks.count <= Self.mostMarks ? marks : []
  }

  /// More lines would be one grey field.
  private static let mostMarks = 60

  /// How far the features have changed, and what became of the expansion meanwhile. A single
  /// evaluation, and an expansion that was never made anew, is no curve.
  private var features: [Figure] {
    let marks = expansionMarks
    let note = "Vertical lines: the run has re-expanded since the evaluation before."
    func figure(
      _ name: String, _ column: String, _ title: String, _ yLabel: String,
      _ values: Chart.Values = .adaptive
    ) -> Figure {
      let points = points(column)
      let isCurve = points.count > 1 && (column != "expansions" || points.contains { $0.y > 0 })
      var chart = Chart(
        title: title, yLabel: yLabel, values: values,
        series: isCurve ? [Chart.Series(title, points, color: 0)] : [])
      if column != "expansions" { chart.marks = marks }
      return Figure(name, chart, note: chart.marks.isEmpty ? nil : note)
    }
    return [
      figure("kernel-distance", "kernel_distance", "Kernel distance", "‖Θ − Θ0‖ / ‖Θ0‖"),
      figure("kernel-alignment", "kernel_alignment", "Kernel alignment", "cosine", .cosine),
      figure(
        "parameter-movement", "parameter_movement", "Movement of all parameters",
        "‖θ − θ0‖ / ‖θ0‖"),
      figure("expansions", "expansions", "Re-expansions", "number"),
      figure("order", "order", "Order of the expansion", "order"),
      figure(
        "predicted-error", "predicted_error", "Predicted error of the expansion",
        "relative to ‖f_k − f_0‖"),
    ].filter { !$0.isEmpty }
  }

  var losses: Chart {
    Chart(
      title: "Loss", yLabel: "mean loss",
      series: [Chart.Series("minibatches", points("loss"), color: 0)]
        + evaluations("loss", factor: 1))
  }

  var accuracies: Chart {
    Chart(
      title: "Accuracy", yLabel: "accuracy", values: .percentage,
      series: evaluations("accuracy", factor: 100))
  }

  /// A single evaluation, as of the training set at the end, is left to the table.
  private func evaluations(_ quantity: String, factor: Double) -> [Chart.Series] {
    ["train", "validation", "test"].enumerated().compactMap { index, set in
      let points = points("\(set)_\(quantity)", factor: factor)
      return points.count > 1 ? Chart.Series(set, points, color: index + 1) : nil
    }
  }

  var gradientNorm: Chart {
    Chart(
      title: "Gradient norm before clipping", yLabel: "‖g‖",
      series: [Chart.Series("‖g‖ over all tensors", points("gradient_norm"), color: 0)])
  }

  /// One colour per layer; the dashes differ between all tensors.
  var movement: Chart {
    var layers: [String] = []
    let series = tensors.enumerated().map { index, tensor in
      let layer = tensor.split(separator: ".").dropLast().joined(separator: ".")
      if !layers.contains(layer) { layers.append(layer) }
      return Chart.Series(
        tensor, points("relative_movement.\(tensor)"), color: layers.count - 1,
        dash: index)
    }
    return Chart(
      title: "Relative movement of each tensor from the start", yLabel: "‖θ−θ0‖ / ‖θ0‖",
      series: series)
  }

  /// Tensors that start at zero move, but not relative to their start.
  var tensorsWithoutRelativeMovement: [String] {
    tensors.filter { tensor in
      points("relative_movement.\(tensor)").isEmpty && !points("movement.\(tensor)").isEmpty
    }
  }

  // MARK: Table

  /// Columns of evaluations that are there, and a row for each step with one.
  var evaluationTable: (header: [String], rows: [[String]]) {
    let fields = ["train", "validation", "test"].flatMap { ["\($0)_loss", "\($0)_accuracy"] }
      .filter { !points($0).isEmpty }
    let rows = records.compactMap { record -> [String]? in
      guard case .number(let step)? = record["step"],
        fields.contains(where: { record[$0] != nil })
      else { return nil }
      let cells = fields.map { field -> String in
        guard case .number(let value)? = record[field] else { return "" }
        return field.hasSuffix("accuracy")
          ? NumberText.fixed(100 * value, 2) + " %" : NumberText.significant(value)
      }
      return [NumberText.fixed(step, 0)] + cells
    }
    let header = fields.map { String($0.map { $0 == "_" ? " " : $0 }) }
    return (["step"] + header, rows)
  }
}
