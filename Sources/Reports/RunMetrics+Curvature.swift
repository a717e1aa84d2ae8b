/// Figures of what `--diagnostics` measures and of Gauss–Newton steps.
extension RunMetrics {
  var curvatureFigures: [Figure] {
    [
      Figure("sharpness", sharpness), Figure("tangent-kernel", kernelEigenvalues),
      Figure("smallest-curvature", smallestCurvature), Figure("alignment", alignment),
      Figure("effective-rank", effectiveRank), Figure("conjugate-gradients", conjugateGradients),
    ]
  }

  private func series(_ lines: [(name: String, field: String)]) -> [Chart.Series] {
    lines.enumerated().compactMap { index, line in
      let points = points(line.field)
      return points.isEmpty ? nil : Chart.Series(line.name, points, color: index)
    }
  }

  /// A chart of nothing but the limit says nothing.
  private func measured(_ chart: Chart, _ field: String) -> Chart {
    var chart = chart
    if points(field).isEmpty { chart.series = [] }
    return chart
  }

  var sharpness: Chart {
    measured(
      Chart(
        title: "Sharpness against the limit of stability", yLabel: "eigenvalue",
        series: series([
          ("λmax of the Hessian", "sharpness"), ("λmax of the tangent kernel", "ntk_max"),
          ("limit of stability", "stability_limit"),
        ])), "sharpness")
  }

  var smallestCurvature: Chart {
    Chart(
      title: "Smallest eigenvalue of the Hessian", yLabel: "λmin",
      series: series([("λmin", "hessian_min")]))
  }

  var kernelEigenvalues: Chart {
    Chart(
      title: "Largest eigenvalues of the tangent kernel", yLabel: "eigenvalue",
      series: series(
        [("1", "ntk_max")] + (2...5).map { (String($0), "ntk_eigenvalue_\($0)") }))
  }

  var alignment: Chart {
    Chart(
      title: "Alignment of the tangent kernel with the targets", yLabel: "yᵀΘy / (‖Θ‖ ‖y‖²)",
      series: series([("alignment", "target_alignment")]))
  }

  var effectiveRank: Chart {
    Chart(
      title: "Effective rank of the tangent kernel", yLabel: "tr(Θ)² / ‖Θ‖²",
      series: series([("effective rank", "effective_rank")]))
  }

  var conjugateGradients: Chart {
    Chart(
      title: "Products of a Gauss–Newton step", yLabel: "products",
      series: series([("products", "cg_iterations")]))
  }
}
