import DataSets
import FoundationEssentials
import Glibc
import Networks
import Testing
import Training

@testable import Reports

/// Reports of kernels, from numbers made by hand.
@Suite struct KernelReportTests {
  private func written(_ report: KernelReport) throws -> (path: String, page: String) {
    let path =
      FileManager.default.temporaryDirectory.path + "/report-\(UInt64.random(in: 0 ... .max))"
    try report.write(to: path)
    return (path, String(decoding: try FileContents.read(path + "/report.html"), as: UTF8.self))
  }

  private func report(negative: Bool = false) -> KernelReport {
    // Distances 0.8/√n of one network, with a spread around it, and 0.1/√n of the mean.
    let points = [64, 16, 256, 1024].map { n in
      let distance = 0.8 / Double(n).squareRoot()
      return KernelConvergence.Point(
        size: n, distances: [0.9, 1.1, 0.95, 1.05].map { $0 * distance },
        distanceOfMean: distance / 8)
    }
    let eigenvalues = (1...60).map { 100 / Double($0 * $0) } + (negative ? [-0.5] : [])
    let matrix = (0..<900).map { index -> Double in
      let distance = Double(index / 30 - index % 30)
      return exp(-distance * distance / 30)
    }
    return KernelReport(
      title: "Kernels of <b> & c", lead: "on 30 examples",
      kernels: [
        .init(
          "NTK at infinite width", map: HeatMap(title: "NTK", matrix, rows: 30, columns: 30),
          eigenvalues: eigenvalues.reversed()),
        .init("NTK at width 16", eigenvalues: [5, 4, 3]),
      ],
      convergence: [KernelConvergence(kernel: "NTK", sweep: .width, points: points)],
      remarks: ["A remark."], settings: ["model": .string("mlp:64x2")])
  }

  @Test func filesAndNumbers() throws {
    let report = report()
    let (path, page) = try written(report)
    defer { try? FileManager.default.removeItem(atPath: path) }
    _ = try XMLChecker(page)
    #expect(report.figures.map(\.name) == ["convergence-ntk-width", "spectrum", "kernel"])
    for name in report.figures.map(\.name) {
      _ = try XMLChecker(
        String(decoding: FileContents.read("\(path)/figures/\(name).svg"), as: UTF8.self))
    }
    let eigenvalues = try NumberTable(path + "/eigenvalues.csv", words: ["kernel"])
    #expect(eigenvalues.rows.count == 63)
    for row in 0..<60 {
      #expect(eigenvalues.text(row, "kernel") == "NTK at infinite width")
      #expect(eigenvalues.number(row, "index") == Double(row + 1))
      #expect(eigenvalues.number(row, "eigenvalue") == 100 / Double((row + 1) * (row + 1)))
    }
    let distances = try NumberTable(path + "/convergence.csv", words: ["kernel", "sweep"])
    #expect(distances.rows.count == 4)
    for (row, n) in [16, 64, 256, 1024].enumerated() {
      let distance = 0.8 / Double(n).squareRoot()
      #expect(distances.number(row, "size") == Double(n))
      #expect(distances.number(row, "samples") == 4)
      #expect(distances.number(row, "distance_of_mean") == distance / 8)
      let mean = try #require(distances.number(row, "distance"))
      #expect(abs(mean - distance) < 1e-15)
      // √(2(0.1² + 0.05²)/3/4) of the distance.
      let error = try #require(distances.number(row, "distance_standard_error"))
      #expect(abs(error - distance * (0.025 / 12).squareRoot()) < 1e-15)
    }
  }

  @Test func whatThePageSays() throws {
    let (path, page) = try written(report())
    defer { try? FileManager.default.removeItem(atPath: path) }
    let text = try XMLChecker(page).text
    #expect(text.contains("A remark."))
    #expect(
      text.contains(
        "From width 16 to 1024 one network's NTK comes from 20 % to 2.5 % of the infinite one, as "
          + "n^−0.50 ± 0.00; the mean of 4 networks comes to 0.31 %."))
    // 100 over 100/3600.
    #expect(text.contains("its condition number is 3600."))
    let negative = try written(report(negative: true))
    defer { try? FileManager.default.removeItem(atPath: negative.path) }
    let other = try XMLChecker(negative.page).text
    #expect(other.contains("to −0.5000; 1 of them are zero or negative up to rounding"))
    #expect(other.contains("left out"))
  }

  /// Lines of the drawn figures are the numbers, the guide falls as n^(−1/2).
  @Test func figures() throws {
    let figures = report().figures
    guard case .chart(let convergence) = figures[0].content,
      case .chart(let spectrum) = figures[1].content
    else {
      Issue.record("charts")
      return
    }
    let drawn = try DrawnChart(convergence.svg)
    #expect(drawn.isLogarithmic)
    func heights(_ name: String, _ expected: [Double]) throws {
      let line = try drawn.line(name)
      #expect(line.count == expected.count)
      for (found, value) in zip(line, expected) {
        #expect(abs(found.y - value) <= drawn.precision(value), "\(name): \(found.y), \(value)")
      }
    }
    let distances = [0.2, 0.1, 0.05, 0.025]
    try heights("one network", distances)
    try heights("mean of 4 networks", distances.map { $0 / 8 })
    try heights("n^(−1/2)", [0.2, 0.025])
    #expect(drawn.bars("one network").count == 4)

    let eigenvalues = try DrawnChart(spectrum.svg).line("NTK at infinite width")
    #expect(eigenvalues.count == 60)
    // λ = 100/i² is a straight line of slope −2 where both axes are logarithmic.
    let mark = try #require(
      try DrawnChart(spectrum.svg).marks.first {
        $0.element == "polyline" && $0.series == "NTK at infinite width"
      })
    let corners = try ChartTests.coordinates(mark.attributes["points"])
    let slope = { (a: Int, b: Int) in
      (corners[b].y - corners[a].y) / (corners[b].x - corners[a].x)
    }
    #expect(abs(slope(0, 59) / slope(1, 9) - 1) < 1e-3)
    #expect(abs(slope(0, 59) / slope(20, 50) - 1) < 1e-2)
  }

  @Test func oneNetworkAndOneSize() {
    let single = KernelConvergence(
      kernel: "NNGP", sweep: .widthScale,
      points: [.init(size: 2, distances: [0.5], distanceOfMean: 0.5)])
    #expect(single.points[0].standardError == nil && single.fit == nil && single.finding == nil)
    #expect(single.figure(color: 0).name == "convergence-nngp-width-scale")
  }
}
