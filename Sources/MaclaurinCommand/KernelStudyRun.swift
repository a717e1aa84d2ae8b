import ArgumentParser
import Maclaurin

/// A study of kernels on its way: network after network.
final class KernelStudyRun {
  private let command: KernelStudyCommand
  private let examples: KernelStudyExamples.Loaded
  private let sweeps: [KernelStudyCommand.Sweep]
  private let lapack: LAPACK?
  private var done = 0

  init(
    _ command: KernelStudyCommand, _ examples: KernelStudyExamples.Loaded,
    _ sweeps: [KernelStudyCommand.Sweep]
  ) {
    (self.command, self.examples, self.sweeps) = (command, examples, sweeps)
    lapack = try? LAPACK()
  }

  private var name: String { command.kind == .ntk ? "NTK" : "NNGP" }
  private var networkCount: Int {
    sweeps.reduce(0) { $0 + $1.sizes.count } * command.samples
  }

  /// - Returns: result.json and the table for people.
  func run(on device: any Backend) throws -> (result: [String: JSONValue], text: String) {
    done = 0
    let report = command.report
    report.note(
      "\(name) of \(networkCount) networks on \(examples.count) examples, on \(device.name)")
    if lapack == nil { report.note("Without OpenBLAS there are no eigenvalues in the report.") }
    let bar = ProgressBar(quiet: report.quiet)
    Interruption.catchSignals()
    var (convergence, kernels): ([KernelConvergence], [KernelReport.Kernel]) = ([], [])
    for sweep in sweeps {
      let found = try compare(sweep, on: device) { bar.show($0, of: self.networkCount, $1) }
      convergence.append(found.convergence)
      kernels += found.kernels
    }
    bar.clear()
    var result = record(convergence)
    result["backend"] = .string(device.name)
    var lines = [table(rows(convergence))]
    if let out = command.out {
      var settings = command.settings
      settings["backend"] = .string(device.name)
      let page = KernelReport(
        title: "Finite and infinite kernels", lead: lead, kernels: kernels,
        convergence: convergence, settings: settings)
      lines += page.findings
      try page.write(to: out)
      var members = result
      members["settings"] = .object(settings)
      try AtomicFile.write(out + "/result.json", JSONValue.object(members).line + "\n")
      result["report"] = .string(out + "/report.html")
      lines.append("\(out)/report.html, \(out)/convergence.csv and \(out)/figures/")
    }
    return (result, lines.joined(separator: "\n"))
  }

  private var lead: String {
    "\(command.network.model) on \(examples.count) examples of \(command.examples.inputs ?? command.examples.data), "
      + "\(examples.isSorted ? "by class, " : "")\(command.samples) network\(command.samples == 1 ? "" : "s") at each size"
  }

  // MARK: Comparison

  /// One sweep: distances, and the kernels to show.
  private func compare(
    _ sweep: KernelStudyCommand.Sweep, on device: any Backend, _ show: (Int, String) -> Void
  ) throws -> (convergence: KernelConvergence, kernels: [KernelReport.Kernel]) {
    let n = examples.count
    let values = try sweep.infinite(examples.values, on: device)
    let infinite = command.kind == .ntk ? values.ntk : values.nngp
    let size = Self.norm(infinite)
    guard size > 0, size.isFinite else {
      throw TrainingError(
        "the \(name) at infinite width is \(size == 0 ? "zero" : "not finite") on these examples, so "
          + "there is nothing to compare with; choose another activation or --weight-std")
    }
    let x = try device.matrix(
      n, examples.values.count / n, command.backend.scalarType(), examples.values)
    let label = sweep.sweep == .width ? "width" : "width scale"
    let own = sweeps.count > 1 ? (sweep.sweep == .width ? " (ntk)" : " (standard)") : ""
    var kernels = [try shown("\(name) at infinite width" + own, infinite)]
    var points: [KernelConvergence.Point] = []
    for (index, network) in sweep.networks.enumerated() {
      var (mean, distances) = ([Double](repeating: 0, count: n * n), [Double]())
      let parameters = try device.matrix(1, network.parameterCount, x.type)
      let kernel = try EmpiricalKernel(network, command.kind, at: parameters, x, on: device)
      for sample in 0..<command.samples {
        show(done, "\(label) \(sweep.sizes[index])")
        if Interruption.isRequested {
          command.report.note("Stopped after \(done) of \(networkCount) networks")
          throw ExitCode(Interruption.exitCode)
        }
        // No two networks of a study share a seed: wider ones would begin with the same weights.
        try network.initialize(parameters, seed: command.seed &+ UInt64(done), on: device)
        let finite = try device.download(kernel.block(rows: 0..<n, columns: 0..<n))
        distances.append(Self.distance(finite, infinite) / size)
        for i in mean.indices { mean[i] += finite[i] / Double(command.samples) }
        done += 1
        if sample == 0, index == 0 || index + 1 == sweep.networks.count {
          let title = "\(name) of one network at \(label) \(sweep.sizes[index])" + own
          kernels.append(try shown(title, finite, hasMap: index == 0))
        }
      }
      points.append(
        .init(
          size: sweep.sizes[index], distances: distances,
          distanceOfMean: Self.distance(mean, infinite) / size))
    }
    return (KernelConvergence(kernel: name, sweep: sweep.sweep, points: points), kernels)
  }

  private func shown(
    _ title: String, _ values: [Double], hasMap: Bool = true
  ) throws -> KernelReport.Kernel {
    let n = examples.count
    var matrix = values
    let eigenvalues =
      command.out == nil || !values.allSatisfy(\.isFinite)
      ? [] : try lapack?.eigenvalues(&matrix, n) ?? []
    return KernelReport.Kernel(
      title, map: hasMap ? HeatMap(title: title, values, rows: n, columns: n) : nil,
      eigenvalues: eigenvalues)
  }

  private static func norm(_ values: [Double]) -> Double {
    values.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }

  private static func distance(_ a: [Double], _ b: [Double]) -> Double {
    var sum = 0.0
    for i in a.indices { sum += (a[i] - b[i]) * (a[i] - b[i]) }
    return sum.squareRoot()
  }

  // MARK: Results

  private func record(_ convergence: [KernelConvergence]) -> [String: JSONValue] {
    let sweeps = convergence.map { sweep -> JSONValue in
      let points = sweep.points.map { point -> JSONValue in
        .object([
          "size": .number(Double(point.size)), "distance": RunFiles.number(point.mean),
          "distance_standard_error": point.standardError.map(RunFiles.number) ?? .null,
          "distance_of_mean": RunFiles.number(point.distanceOfMean),
        ])
      }
      return .object([
        "sweep": .string(sweep.sweep.rawValue), "points": .array(points),
        "power": sweep.fit.map { RunFiles.number($0.slope) } ?? .null,
        "power_standard_error": sweep.fit?.standardError.map(RunFiles.number) ?? .null,
      ])
    }
    return [
      "kind": .string(command.kind.rawValue), "examples": .number(Double(examples.count)),
      "samples": .number(Double(command.samples)), "sweeps": .array(sweeps),
    ]
  }

  private func rows(_ convergence: [KernelConvergence]) -> [[String]] {
    [["", "one network", "mean of \(command.samples)"]]
      + convergence.flatMap { sweep in
        sweep.points.map { point in
          [
            "\(sweep.sweep == .width ? "width" : "width scale") \(point.size)",
            fixed(point.mean, 4) + (point.standardError.map { " ± " + fixed($0, 4) } ?? ""),
            fixed(point.distanceOfMean, 4),
          ]
        }
      }
  }
}
