import Glibc
import Training

/// How far kernels of finite networks are from the kernel that they approach, by size.
///
/// The distance of a kernel K_n is ‖K_n − K‖_F/‖K‖_F. One random network's falls as n^{−1/2}; that of
/// the mean over S networks tends to the bias of the expectation, on the way as S^{−1/2} times one
/// network's.
public struct KernelConvergence: Sendable, Equatable {
  /// What grows along the sweep.
  public enum Sweep: String, Sendable {
    case width
    case widthScale = "width_scale"

    var words: String {
      switch self {
      case .width: "width"
      case .widthScale: "width scale"
      }
    }
    var symbol: String {
      switch self {
      case .width: "n"
      case .widthScale: "s"
      }
    }
  }

  /// What was found at one size.
  public struct Point: Sendable, Equatable {
    public var size: Int
    /// Of each network.
    public var distances: [Double]
    /// Of the mean of the networks' kernels.
    public var distanceOfMean: Double

    public init(size: Int, distances: [Double], distanceOfMean: Double) {
      (self.size, self.distances, self.distanceOfMean) = (size, distances, distanceOfMean)
    }

    public var mean: Double { distances.reduce(0, +) / Double(distances.count) }

    /// Of the mean over networks: √(Σ(d − mean)²/(S − 1)/S); nil for one network.
    public var standardError: Double? {
      guard distances.count > 1 else { return nil }
      let mean = mean
      let squares = distances.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      let count = Double(distances.count)
      return (squares / (count - 1) / count).squareRoot()
    }
  }

  /// Which kernel, such as "NTK".
  public var kernel: String
  public var sweep: Sweep
  /// In ascending size.
  public var points: [Point]

  public init(kernel: String, sweep: Sweep, points: [Point]) {
    (self.kernel, self.sweep) = (kernel, sweep)
    self.points = points.sorted { $0.size < $1.size }
  }

  /// The power of the size that one network's distance follows.
  public var fit: LogLogFit? {
    LogLogFit(points.filter { $0.mean > 0 }.map { (x: Double($0.size), y: $0.mean) })
  }

  // MARK: Report

  static let columns =
    "kernel,sweep,size,samples,distance,distance_standard_error,distance_of_mean"

  var rows: [String] {
    points.map { point in
      "\(kernel),\(sweep.rawValue),\(point.size),\(point.distances.count),\(point.mean),"
        + "\(point.standardError.map { "\($0)" } ?? ""),\(point.distanceOfMean)"
    }
  }

  var finding: String? {
    guard let fit, let first = points.first, let last = points.last, last.size > first.size else {
      return nil
    }
    func percent(_ share: Double) -> String { NumberText.significant(100 * share, 2) + " %" }
    return "From \(sweep.words) \(first.size) to \(last.size) one network's \(kernel) comes from "
      + "\(percent(first.mean)) to \(percent(last.mean)) of the infinite one, as "
      + "\(sweep.symbol)^\(NumberText.fixed(fit.slope, 2))"
      + (fit.standardError.map { " ± \(NumberText.fixed($0, 2))" } ?? "")
      + "; the mean of \(last.distances.count) networks comes to \(percent(last.distanceOfMean))."
  }

  func figure(color: Int) -> Figure {
    let places = points.map { Chart.Place(Double($0.size), "\($0.size)") }
    var one = Chart.Series(
      "one network",
      points.map { .init(x: Double($0.size), y: $0.mean, spread: $0.standardError ?? 0) },
      color: color, dash: 0)
    one.spread = .bars
    let samples = points.map(\.distances.count).max() ?? 1
    let mean = Chart.Series(
      "mean of \(samples) networks",
      points.map { .init(x: Double($0.size), y: $0.distanceOfMean) }, color: color + 1,
      dash: 1)
    var series = samples > 1 ? [one, mean] : [one]
    if let first = points.first, let last = points.last {
      // c·n^(−1/2) with the c that fits best where both axes are logarithmic.
      let logs = points.filter { $0.mean > 0 }.map { log($0.mean) + log(Double($0.size)) / 2 }
      let factor = exp(logs.reduce(0, +) / Double(max(1, logs.count)))
      var guide = Chart.Series(
        "\(sweep.symbol)^(−1/2)",
        [first, last].map {
          .init(x: Double($0.size), y: factor / Double($0.size).squareRoot())
        },
        color: nil, dash: 2)
      guide.shape = .line
      series.append(guide)
    }
    return Figure(
      "convergence-\(kernel.lowercased())-\(sweep == .width ? "width" : "width-scale")",
      Chart(
        title: "\(kernel) against the infinite one, by \(sweep.words)",
        xLabel: "\(sweep.words) \(sweep.symbol)", yLabel: "‖K_\(sweep.symbol) − K‖ / ‖K‖",
        values: .logarithmic, positions: .listed(places, isLogarithmic: true), series: series),
      note: "Frobenius norms. Bars are ± one standard error over networks.")
  }
}
