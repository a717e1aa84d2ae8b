import ArgumentParser
import FoundationEssentials
import Maclaurin

struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Show that a device computes what it should, bit for bit like the CPU path.",
    discussion: """
      Every operation, activation and contraction family on awkward sizes against its definition \
      in double precision within its error bound, and bit for bit against the CPU path with 1 and \
      2 threads; then short training runs, whose parameters must have the same SHA-256. Ends with \
      exit code 3 when a case fails.
      """)

  @Option(
    help: """
      auto (the first GPU, else the first OpenCL device, else the CPU path), openblas (alias cpu), \
      opencl or opencl:i.
      """)
  var backend = "auto"

  @Option(help: "reproducible, or fast: error bounds only.")
  var numerics = Numerics.reproducible

  @Option(help: "One contraction family of OpenCL devices only: device or host.")
  var kernelFamily: KernelFamily?

  @Option(help: "Threads of the CPU path where it is verified; 0 for one per processor.")
  var threads = 0

  @Flag(help: "A few seconds' worth of cases, once the device's programs are compiled and cached.")
  var quick = false

  @Option(help: "Only this operation, as the table names it; may be repeated.")
  var operation: [String] = []

  @OptionGroup var output: OutputOptions

  @OptionGroup var kernels: KernelSourceOptions

  func validate() throws {
    guard (0...4096).contains(threads) else {
      throw ValidationError("--threads takes 0 to 4096, not \(threads)")
    }
  }

  func run() throws {
    var options = Verification.Options()
    options.numerics = numerics
    options.family = kernelFamily
    options.threads = threads
    options.quick = quick
    options.operations = operation.isEmpty ? nil : Set(operation)
    options.programSources = try kernels.programSources()
    let verification = try Verification(subject(), options)
    output.note("Verifying \(verification.device)…")

    let bar = ProgressBar(quiet: output.quiet)
    let report = verification.run { progress in
      if progress.done % 16 == 0 || progress.operation == "training" {
        bar.show(progress.done, of: progress.total, progress.operation)
      }
    }
    bar.clear()
    if output.json {
      Console.json(json(report))
    } else {
      printTables(report)
    }
    guard report.cases > 0 else {
      let names = operation.isEmpty ? "" : " of " + operation.joined(separator: ", ")
      throw BackendError("nothing was verified: there is no case\(names) for \(report.device)")
    }
    guard report.failed == 0 else {
      Console.error(
        "Error: \(report.failed) of \(report.cases) cases failed on \(report.device), in "
          + report.failedOperations.joined(separator: ", "))
      throw ExitCode(3)
    }
  }

  private func subject() throws -> Verification.Subject {
    let selection: BackendSelection
    do {
      selection = try BackendSelection(parsing: backend)
    } catch {
      throw Misuse("\(error)")
    }
    switch selection {
    case .auto: return Verification.automaticSubject(numerics: numerics)
    case .openblas: return .cpu
    case .opencl(let index): return .opencl(index)
    }
  }

  // MARK: Results

  private func printTables(_ report: VerificationReport) {
    var rows = [["operation", "cases", "failed", "worst error / bound"]]
    for summary in report.summaries {
      rows.append([
        summary.operation, "\(summary.cases)", "\(summary.failed)",
        summary.errorOverBound.map(shareText) ?? "bits",
      ])
    }
    print(table(rows))
    print("\nThe worst cases:")
    print(
      table(
        [["operation and case", "error / bound"]]
          + report.worst(8).map {
            ["\($0.operation): \($0.label)", $0.errorOverBound.map(shareText) ?? "bits"]
          }))
    for failure in report.failures.prefix(20) {
      print("FAILED \(failure.operation): \(failure.label): \(failure.failure ?? "")")
    }
    if report.failed > 20 { print("… and \(report.failed - 20) more") }
    print(summaryLine(report))
  }

  private func summaryLine(_ report: VerificationReport) -> String {
    let bits =
      numerics == .fast
      ? "" : report.isBitIdentical ? ", bit-identical to the CPU path" : ", NOT bit-identical"
    let skipped = report.skipped > 0 ? ", \(report.skipped) skipped for want of float64" : ""
    return "\n\(report.device): \(report.cases) cases, \(report.failed) failed\(skipped)\(bits)"
  }

  private func shareText(_ share: Double) -> String { fixed(share, 3) }

  private func json(_ report: VerificationReport) -> [String: JSONValue] {
    func object(_ result: VerificationReport.Result) -> JSONValue {
      var members: [String: JSONValue] = [
        "operation": .string(result.operation), "case": .string(result.label),
        // JSON has no infinity.
        "error_over_bound": result.errorOverBound.map { .number(min($0, 1e300)) } ?? .null,
      ]
      if let failure = result.failure { members["failure"] = .string(failure) }
      return .object(members)
    }
    let operations = report.summaries.map { summary in
      JSONValue.object([
        "operation": .string(summary.operation), "cases": .number(Double(summary.cases)),
        "failed": .number(Double(summary.failed)),
        "error_over_bound": summary.errorOverBound.map { .number(min($0, 1e300)) } ?? .null,
      ])
    }
    return [
      "device": .string(report.device), "cases": .number(Double(report.cases)),
      "failed": .number(Double(report.failed)), "bit_identical": .bool(report.isBitIdentical),
      "worst": .array(report.worst(10).map(object)), "operations": .array(operations),
      "opencl_cases": .number(Double(report.openCLCases)),
      "skipped": .number(Double(report.skipped)),
    ]
  }
}
