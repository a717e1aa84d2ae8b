import DataSets
import FoundationEssentials
import Jets
import Networks
import Training

/// report.html and figures/ of an analysis of convergence, and radius.json with all its numbers.
public struct ConvergenceReport {
  let analysis: ConvergenceAnalysis
  /// What was expanded, for the page's settings.
  let settings: [String: JSONValue]

  public init(_ analysis: ConvergenceAnalysis, settings: [String: JSONValue]) {
    self.analysis = analysis
    self.settings = settings
  }

  /// - Throws: `TrainingError` or `FileError` where the folder cannot be written.
  public func write(to folder: String) throws {
    let page = ReportPage(
      title: "Radius of convergence", lead: lead,
      sections: [ReportPage.paragraphs(findings)] + figures.map { ReportPage.section($0) }
        + [
          ReportPage.details(
            "Errors as a table", ReportPage.table(errorTable.header, errorTable.rows)),
          ReportPage.settings(settings),
        ])
    try Figure.write(figures, page: page.html, to: folder)
    var members = record(withErrors: true)
    members["settings"] = .object(settings)
    try AtomicFile.write(folder + "/radius.json", JSONValue.object(members).line + "\n")
  }

  // MARK: Numbers

  private typealias Analysis = ConvergenceAnalysis

  private var radii: [Double] { analysis.examples.map(\.radius.radius) }
  private var orders: Range<Int> { 0..<analysis.order }

  private var lead: String {
    "\(analysis.examples.count) examples, order \(analysis.order), along Δ = θ − θ0"
  }

  /// Sentences computed from the numbers.
  public var findings: [String] {
    var sentences: [String] = []
    let count = analysis.examples.count
    switch analysis.kind {
    case .polynomial:
      sentences.append("The expansion ends: it is a polynomial, and has no radius of convergence.")
    case .entire:
      sentences.append(
        "The network is an entire function along Δ: the expansion converges everywhere.")
    case .poles, .branchPoints:
      let inside = analysis.examples.filter(\.converges).count
      let quantiles = [0, 0.5, 1].map {
        NumberText.significant(Analysis.quantile(radii, $0), 3)
      }
      sentences.append(
        "The radius of convergence is \(quantiles[0]) to \(quantiles[2]) times Δ, with median "
          + "\(quantiles[1]). θ lies inside for \(inside) of \(count) examples"
          + (inside < count ? "; for the others higher orders are worse at θ, not better." : "."))
    }
    if analysis.hasGates {
      sentences.append(
        "The expansion freezes gates (relu, leaky_relu, abs, sign, max_pool) at θ0: it sums to the "
          + "network with those gates, not to the network at θ, and errors cannot be predicted from it."
      )
    }
    if let share = analysis.shareWithinTwo {
      sentences.append(
        "From order 4 on the predicted error is within a factor of 2 of the true one for "
          + "\(NumberText.fixed(100 * share, 1)) % of examples and orders.")
    }
    if let tolerance = analysis.tolerance {
      let known = analysis.examples.compactMap(\.sufficientOrder)
      let text = "\(tolerance)"
      sentences.append(
        known.count == count
          ? "Order \(known.max() ?? 0) keeps the error of every example below \(text) at θ."
          : "No order below \(analysis.order) keeps the error of \(count - known.count) of \(count) "
            + "examples below \(text) at θ.")
    }
    return sentences
  }

  /// Orders as they are shown in tables: all up to 8, then fewer.
  private var shownOrders: [Int] { orders.filter { $0 <= 8 || $0 % 8 == 0 || $0 == orders.last } }

  /// Medians over the examples.
  public var errorTable: (header: [String], rows: [[String]]) {
    let rows = shownOrders.map { k in
      [
        "\(k)", NumberText.significant(median(k, \.predicted), 3),
        NumberText.significant(median(k, \.measured), 3),
        analysis.shareWithinTwo(at: k).map { NumberText.fixed(100 * $0, 1) + " %" } ?? "",
      ]
    }
    return (["order", "predicted error", "true error", "within a factor 2"], rows)
  }

  private func median(_ k: Int, _ values: KeyPath<Analysis.Example, [Double]>) -> Double {
    Analysis.quantile(analysis.examples.map { $0[keyPath: values][k] }, 0.5)
  }

  /// Everything, for --json (without the errors of each order) and radius.json.
  public func record(withErrors: Bool) -> [String: JSONValue] {
    var members: [String: JSONValue] = [
      "analyticity": .string(analysis.kind.rawValue), "gates": .bool(analysis.hasGates),
      "order": .number(Double(analysis.order)),
      "examples": .array(analysis.examples.map { .object(record($0, withErrors)) }),
      "radius_median": Self.number(Analysis.quantile(radii, 0.5)),
      "radius_least": Self.number(radii.min() ?? .nan),
      "converging": .number(Double(analysis.examples.filter(\.converges).count)),
      "within_factor_two": analysis.shareWithinTwo.map { .number($0) } ?? .null,
      "predicted_error": .array(orders.map { Self.number(median($0, \.predicted)) }),
      "true_error": .array(orders.map { Self.number(median($0, \.measured)) }),
    ]
    if let tolerance = analysis.tolerance {
      members["tolerance"] = .number(tolerance)
      members["step_orders"] = .array(analysis.stepOrders.map { .number(Double($0)) })
      let known = analysis.examples.compactMap(\.sufficientOrder)
      members["sufficient_order"] =
        known.count == analysis.examples.count ? .number(Double(known.max() ?? 0)) : .null
    }
    return members
  }

  private func record(_ example: Analysis.Example, _ withErrors: Bool) -> [String: JSONValue] {
    let radius = example.radius
    var members: [String: JSONValue] = [
      "radius": Self.number(radius.radius), "uncertainty": Self.number(radius.uncertainty),
      "singularity": radius.singularity.map {
        .array([.number($0.real), .number($0.imaginary)])
      } ?? .null,
      "root_test": radius.rootTest.map(Self.number) ?? .null,
      "ratio_test": radius.ratioTest.map(Self.number) ?? .null,
      "method": .string(radius.method.rawValue), "converges": .bool(example.converges),
    ]
    if withErrors {
      members["predicted_error"] = .array(example.predicted.map(Self.number))
      members["true_error"] = .array(example.measured.map(Self.number))
    }
    if analysis.tolerance != nil {
      members["sufficient_order"] = example.sufficientOrder.map { .number(Double($0)) } ?? .null
      members["steps"] = .array(example.steps.map(Self.number))
    }
    return members
  }

  /// Null for what is infinite.
  private static func number(_ value: Double) -> JSONValue {
    value.isFinite ? .number(value) : .null
  }

  // MARK: Figures

  var figures: [Figure] { [radiusFigure, errorFigure, stepFigure].filter { !$0.isEmpty } }

  private var radiusFigure: Figure {
    let sorted = radii.filter(\.isFinite).sorted()
    let points = sorted.enumerated().map { Chart.Point(x: Double($0.offset + 1), y: $0.element) }
    return Figure(
      "radius",
      Chart(
        title: "Radius of convergence along Δ", xLabel: "examples, sorted", yLabel: "radius",
        series: [Chart.Series("radius", points, color: 0)],
        levels: [Chart.Level("θ, at t = 1", y: 1)]),
      note: "Examples below the line diverge at θ.")
  }

  private var errorFigure: Figure {
    func line(
      _ name: String, _ values: KeyPath<Analysis.Example, [Double]>, _ q: Double, color: Int,
      dash: Int
    ) -> Chart.Series {
      Chart.Series(
        name,
        orders.map { k in
          Chart.Point(
            x: Double(k),
            y: Analysis.quantile(analysis.examples.map { $0[keyPath: values][k] }, q))
        }, color: color, dash: dash)
    }
    return Figure(
      "error",
      Chart(
        title: "Error of the expansion at θ", xLabel: "order k", yLabel: "‖f − f_k‖",
        series: [
          line("true, 90 %", \.measured, 0.9, color: 0, dash: 1),
          line("true, median", \.measured, 0.5, color: 0, dash: 0),
          line("true, 10 %", \.measured, 0.1, color: 0, dash: 2),
          line("predicted, 90 %", \.predicted, 0.9, color: 1, dash: 1),
          line("predicted, median", \.predicted, 0.5, color: 1, dash: 0),
          line("predicted, 10 %", \.predicted, 0.1, color: 1, dash: 2),
        ]),
      note: "Quantiles over the examples. Predictions at k take the coefficients to k + 1 only.")
  }

  private var stepFigure: Figure {
    func line(_ name: String, _ q: Double, color: Int) -> Chart.Series {
      Chart.Series(
        name,
        analysis.tolerance == nil
          ? []
          : analysis.stepOrders.indices.map { index in
            Chart.Point(
              x: Double(analysis.stepOrders[index]),
              y: Analysis.quantile(analysis.examples.map { $0.steps[index] }, q))
          }, color: color)
    }
    return Figure(
      "step",
      Chart(
        title: "Largest step within the tolerance", xLabel: "order k", yLabel: "t",
        series: [line("median", 0.5, color: 0), line("least", 0, color: 1)],
        levels: [Chart.Level("θ, at t = 1", y: 1)]),
      note: analysis.tolerance.map {
        "The t up to which ‖f − f_k‖ stays below \($0): how far a run may go "
          + "along Δ before it should expand anew."
      })
  }
}
