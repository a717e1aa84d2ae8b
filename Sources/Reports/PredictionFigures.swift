extension PredictionReport {
  /// Outputs that are drawn, at most.
  private static let mostOutputs = 9
  /// Single points that a figure shows, at most, of training or test examples.
  private static let mostPoints = 400

  var figures: [Figure] {
    let shown = min(outputs, Self.mostOutputs)
    let charts = (0..<shown).map { features == 1 ? curve($0) : scatter($0) }
    let name = features == 1 ? "prediction" : "predicted-true"
    var note = "Bands and bars are ± 2σ of the function, without noise."
    if predictions.allSatisfy({ $0.variance == nil }) { note = "" }
    if shown < outputs { note += " The first \(shown) of \(outputs) outputs are shown." }
    if max(examples, trainInputs.count / features) > Self.mostPoints {
      note +=
        " Of more than \(Self.mostPoints) points \(Self.mostPoints), evenly chosen, are drawn."
    }
    let text = note.isEmpty ? nil : note
    if charts.count == 1 { return [Figure(name, charts[0], note: text)].filter { !$0.isEmpty } }
    let title = charts.first?.title ?? ""
    let panels = ChartPanels(
      title: features == 1 ? "Predictions" : "Predicted against true",
      caption: (charts.first?.yLabel ?? title) + " against " + (charts.first?.xLabel ?? ""),
      charts: charts.enumerated().map { index, chart in
        var chart = chart
        chart.title = "output \(index)"
        return chart
      })
    return [Figure(name, panels, note: text)].filter { !$0.isEmpty }
  }

  /// Evenly chosen ones of `count` indices.
  private static func chosen(_ count: Int) -> [Int] {
    let shown = min(count, mostPoints)
    return (0..<shown).map { $0 * count / shown }
  }

  private static func sorted(_ points: [Chart.Point]) -> [Chart.Point] {
    points.sorted { $0.x < $1.x }
  }

  /// Mean ± 2σ against a single input, and the points that were learned.
  private func curve(_ output: Int) -> Chart {
    func points(_ x: [Double], _ y: [Double]) -> [Chart.Point] {
      Self.sorted(Self.chosen(x.count).map { .init(x: x[$0], y: y[$0 * outputs + output]) })
    }
    var training = Chart.Series(
      "training points", points(trainInputs, trainTargets), color: nil, dash: 0)
    training.shape = .markers
    var series = [training]
    if let targets {
      var truth = Chart.Series(
        "targets", points(inputs, targets), color: predictions.count, dash: 3)
      truth.shape = .markers
      series.append(truth)
    }
    for (index, prediction) in predictions.enumerated() {
      let spread = prediction.variance == nil ? "" : " ± 2σ"
      var line = Chart.Series(
        prediction.name + spread,
        Self.sorted(
          (0..<examples).map {
            .init(
              x: inputs[$0], y: prediction.mean[$0 * outputs + output],
              spread: 2 * prediction.deviation($0 * outputs + output))
          }), color: index)
      line.shape = .line
      series.append(line)
    }
    return Chart(
      title: "Prediction", xLabel: "input", yLabel: "output", values: .linear, series: series)
  }

  /// Predicted against true values or, where those are not known, in the order of the means.
  private func scatter(_ output: Int) -> Chart {
    let chosen = Self.chosen(examples)
    func at(_ example: Int) -> Int { example * outputs + output }
    var series: [Chart.Series] = []
    for (index, prediction) in predictions.enumerated() {
      var points = chosen.map { example in
        Chart.Point(
          x: targets?[at(example)] ?? 0, y: prediction.mean[at(example)],
          spread: 2 * prediction.deviation(at(example)))
      }
      if targets == nil {
        points.sort { $0.y < $1.y }
        for place in points.indices { points[place].x = Double(place) }
      }
      var marks = Chart.Series(prediction.name, Self.sorted(points), color: index)
      (marks.shape, marks.spread) = (.markers, .bars)
      series.append(marks)
    }
    if let targets {
      let values = chosen.map { targets[at($0)] }.filter(\.isFinite)
      if let least = values.min(), let most = values.max(), most > least {
        var diagonal = Chart.Series(
          "predicted = true", [.init(x: least, y: least), .init(x: most, y: most)], color: nil,
          dash: 2)
        diagonal.shape = .line
        series.append(diagonal)
      }
    }
    return Chart(
      title: "Predicted against true", xLabel: targets == nil ? "examples, sorted" : "true",
      yLabel: "predicted", values: .linear, positions: .numbers, series: series)
  }
}
