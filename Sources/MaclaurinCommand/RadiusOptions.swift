import ArgumentParser
import FoundationEssentials
import Maclaurin

/// What `expand` finds out about convergence.
struct RadiusOptions: ParsableArguments {
  @Flag(
    help: """
      Find each example's radius of convergence along Δ, and compare predicted with true errors of \
      f_k at θ. Needs --dtype float64 and --order 16 or more.
      """)
  var radius = false

  @Option(
    help: ArgumentHelp(
      "Folder for the report of --radius: report.html, figures/ and radius.json.",
      valueName: "folder"))
  var out: String?

  @Option(
    help: ArgumentHelp(
      "With --radius: find the order, and the step along Δ, that keep an example's error ‖f − f_k‖ "
        + "below this.", valueName: "error"))
  var tolerance: Double?

  func check(order: Int, _ type: ScalarType) throws {
    guard radius else {
      if out != nil { throw Misuse("--out is the folder for the report of --radius; add --radius") }
      if tolerance != nil { throw Misuse("--tolerance goes with --radius; add --radius") }
      return
    }
    let least = RadiusOfConvergence.leastOrder
    guard type == .float64, order >= least else {
      throw Misuse(
        "--radius needs many coefficients, exactly: give --dtype float64 and --order \(least) to "
          + "\(type == .float64 ? type.maximumOrder : ScalarType.float64.maximumOrder)")
    }
    if let tolerance, !(tolerance > 0 && tolerance.isFinite) {
      throw Misuse("--tolerance takes a positive number, not \(tolerance)")
    }
    var isFolder = false
    if let out, FileManager.default.fileExists(atPath: out, isDirectory: &isFolder), !isFolder {
      throw TrainingError("\(out) is a file; --out needs a folder")
    }
  }

  /// - Parameters:
  ///   - coefficients: [order + 1, batch, outputs].
  ///   - values: f(x; θ), [batch, outputs].
  func analysis(
    _ coefficients: [Double], values: [Double], _ network: Network, batch: Int, order: Int
  ) throws -> ConvergenceAnalysis {
    let outputs = network.outputCount
    func row(_ all: [Double], _ index: Int) -> [Double] {
      Array(all[(index * outputs)..<((index + 1) * outputs)])
    }
    let series = (0..<batch).map { example in
      VectorSeries((0...order).map { row(coefficients, $0 * batch + example) })
    }
    if let example = series.firstIndex(where: { !$0.isFinite }) {
      throw TrainingError(
        "the coefficients of example \(example) are not all finite, so nothing can be said of its "
          + "radius; lower --order, or choose --parameters nearer to --center")
    }
    return ConvergenceAnalysis(
      series, values: (0..<batch).map { row(values, $0) }, kind: network.analyticity,
      hasGates: network.hasGates, tolerance: tolerance)
  }
}
