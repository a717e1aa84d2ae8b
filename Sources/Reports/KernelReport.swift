import DataSets
import Networks
import Training

/// report.html and figures/ of kernels, with their numbers in eigenvalues.csv and convergence.csv.
public struct KernelReport: Sendable {
  /// A kernel matrix and what is known of it.
  public struct Kernel: Sendable {
    /// Such as "NTK at infinite width".
    public var name: String
    /// The matrix; without it the report has no picture of it.
    public var map: HeatMap?
    /// In any order; without them the report has no spectrum of it.
    public var eigenvalues: [Double]

    public init(_ name: String, map: HeatMap? = nil, eigenvalues: [Double] = []) {
      self.name = name
      self.map = map
      self.eigenvalues = eigenvalues.sorted(by: >)
    }

    /// What lies below is rounding: n·ε·λ_max.
    var resolution: Double {
      Double(eigenvalues.count) * Double.ulpOfOne * (eigenvalues.map { abs($0) }.max() ?? 0)
    }
  }

  public var title: String
  /// A line below the title: of what network, on what.
  public var lead: String
  public var kernels: [Kernel]
  public var convergence: [KernelConvergence]
  /// Sentences in front of those that the report finds itself.
  public var remarks: [String]
  /// What made the kernels, for the page's settings.
  public var settings: [String: JSONValue]

  public init(
    title: String, lead: String, kernels: [Kernel], convergence: [KernelConvergence] = [],
    remarks: [String] = [], settings: [String: JSONValue]
  ) {
    self.title = title
    self.lead = lead
    self.kernels = kernels
    self.convergence = convergence
    self.remarks = remarks
    self.settings = settings
  }

  /// Writes report.html, figures/ and the tables of numbers into a folder.
  ///
  /// - Throws: `TrainingError` or `FileError` where the folder cannot be written.
  public func write(to folder: String) throws {
    try Figure.write(figures, page: page, to: folder)
    if kernels.contains(where: { !$0.eigenvalues.isEmpty }) {
      try AtomicFile.write(folder + "/eigenvalues.csv", eigenvalueTable)
    }
    if !convergence.isEmpty {
      let lines = [KernelConvergence.columns] + convergence.flatMap(\.rows)
      try AtomicFile.write(folder + "/convergence.csv", lines.joined(separator: "\n") + "\n")
    }
  }

  private var eigenvalueTable: String {
    let lines = kernels.flatMap { kernel in
      kernel.eigenvalues.enumerated().map { "\(kernel.name),\($0.offset + 1),\($0.element)" }
    }
    return (["kernel,index,eigenvalue"] + lines).joined(separator: "\n") + "\n"
  }

  // MARK: Page

  var page: String {
    ReportPage(
      title: title, lead: lead,
      sections: [ReportPage.findings(findings)]
        + figures.map { ReportPage.section($0) } + [distances, ReportPage.settings(settings)]
    ).html
  }

  /// Sentences computed from the numbers.
  public var findings: [String] {
    remarks + convergence.compactMap(\.finding) + kernels.compactMap { Self.spectrum($0) }
  }

  private static func spectrum(_ kernel: Kernel) -> String? {
    guard let most = kernel.eigenvalues.first, let least = kernel.eigenvalues.last else {
      return nil
    }
    let count = kernel.eigenvalues.count
    let range =
      "\(kernel.name) has \(count) eigenvalues, from \(NumberText.significant(most)) to "
      + "\(NumberText.significant(least))"
    guard least > kernel.resolution else {
      let lost = kernel.eigenvalues.filter { $0 <= kernel.resolution }.count
      return range + "; \(lost) of them are zero or negative up to rounding, so it is not positive "
        + "definite."
    }
    return range + "; its condition number is \(NumberText.significant(most / least, 3))."
  }

  private var distances: String {
    guard !convergence.isEmpty else { return "" }
    let rows = convergence.flatMap { sweep in
      sweep.points.map { point in
        [
          sweep.kernel, "\(sweep.sweep.words) \(point.size)", "\(point.distances.count)",
          NumberText.significant(point.mean, 3)
            + (point.standardError.map { " ± \(NumberText.significant($0, 2))" } ?? ""),
          NumberText.significant(point.distanceOfMean, 3),
        ]
      }
    }
    let header = ["kernel", "size", "networks", "one network", "their mean"]
    return "<section><h2>Distances from the infinite kernel</h2>\n"
      + ReportPage.table(header, rows, rowHeads: 2) + "</section>"
  }

  // MARK: Figures

  var figures: [Figure] {
    let maps = kernels.compactMap(\.map).enumerated().map { index, map in
      Figure(index == 0 ? "kernel" : "kernel-\(index + 1)", map)
    }
    let sweeps = convergence.enumerated().map { $0.element.figure(color: 2 * $0.offset) }
    return (sweeps + [spectra] + maps).filter { !$0.isEmpty }
  }

  /// Eigenvalues against their index, both logarithmic.
  private var spectra: Figure {
    let series = kernels.enumerated().map { index, kernel in
      Chart.Series(
        kernel.name,
        kernel.eigenvalues.enumerated().filter { $0.element > kernel.resolution }.map {
          Chart.Point(x: Double($0.offset + 1), y: $0.element)
        }, color: index)
    }
    let count = kernels.map(\.eigenvalues.count).max() ?? 0
    let hidden = kernels.contains { kernel in
      kernel.eigenvalues.contains { $0 <= kernel.resolution }
    }
    return Figure(
      "spectrum",
      Chart(
        title: "Eigenvalues", xLabel: "index, largest first", yLabel: "eigenvalue",
        values: .logarithmic, positions: .listed(Self.places(upTo: count), isLogarithmic: true),
        series: series),
      note: hidden
        ? "Eigenvalues below n·2⁻⁵² of the largest are rounding, or not positive, and left out."
        : nil)
  }

  /// 1, 2, 5, 10, … and the last index.
  private static func places(upTo count: Int) -> [Chart.Place] {
    var places: [Int] = []
    var power = 1
    while power <= count {
      places += [1, 2, 5].map { $0 * power }.filter { $0 <= count }
      power *= 10
    }
    if let last = places.last, last < count { places.append(count) }
    return places.map { Chart.Place(Double($0), NumberText.fixed(Double($0), 0)) }
  }
}
