import Compute
import OpenBLASBackend
import OpenCLBackend
import Scheduling

/// Runs every operation and short training runs on a device, and compares the results with their
/// definition in Double and with the CPU path.
///
/// A case passes if on the device, in every contraction family,
/// - every output is within its definition's running error bound, or equal where sums are exact;
/// - it has the bits that the CPU path has with 1 thread and with 2 (where bits are promised:
///   reproducible numerics, everything in float32, in float64 all but elementary functions);
/// - nothing else is written, neither the guard words around matrices nor the inputs;
/// - a second run gives the same bits.
public final class Verification {
  /// What is verified.
  public enum Subject: Sendable, Equatable {
    case cpu
    /// Device i of `maclaurin devices`.
    case opencl(Int)
  }

  public struct Options {
    public var numerics = Numerics.reproducible
    /// Nil for all families.
    public var family: KernelFamily?
    /// Threads of the CPU path where that is the subject; 0 for one per processor.
    public var threads = 0
    /// A part of the cases that takes seconds.
    public var quick = false
    /// Only the cases of these operations ("training" among them); nil for all.
    public var operations: Set<String>?
    /// Program texts in place of the embedded ones, by source name.
    public var programSources: [String: String] = [:]

    public init() {}
  }

  /// A backend under test, and the name of the way in which it contracts.
  struct Contender {
    var backend: any Backend
    var family: String
    /// Whether it runs only the operations that differ between families.
    var onlyContracts: Bool
  }

  public let device: String
  let options: Options
  let contenders: [Contender]
  /// The CPU path with 1 thread and with 2.
  let judges: [any Backend]
  private let hasFloat64: Bool
  private let isOpenCL: Bool
  private let subject: Subject

  public init(_ subject: Subject, _ options: Options = Options()) throws {
    self.options = options
    self.subject = subject
    judges = try [1, 2].map { try OpenBLASBackend(threads: $0) }
    switch subject {
    case .cpu:
      device = "openblas"
      (hasFloat64, isOpenCL) = (true, false)
      let sets =
        options.numerics == .reproducible ? OpenBLASBackend.instructionSets : ["OpenBLAS"]
      contenders = try sets.enumerated().map { index, set in
        Contender(
          backend: try OpenBLASBackend(
            numerics: options.numerics, threads: options.threads,
            instructionSet: options.numerics == .reproducible ? set : nil),
          family: set, onlyContracts: index > 0)
      }
    case .opencl(let index):
      let families = options.family.map { [$0] } ?? KernelFamily.allCases
      let backends = try families.map {
        try OpenCLBackend(
          deviceIndex: index, numerics: options.numerics, family: $0,
          programSourceOverride: options.programSources)
      }
      device = "opencl:\(index) \(backends[0].device.name)"
      (hasFloat64, isOpenCL) = (backends[0].device.hasFloat64, true)
      contenders = zip(families, backends).enumerated().map { index, pair in
        Contender(backend: pair.1, family: pair.0.rawValue, onlyContracts: index > 0)
      }
    }
  }

  /// A scheduler that shares the subject with the CPU path; with several accelerators where that
  /// is asked for: parts of the device where it has parts, else the device opened several times.
  func scheduler(_ variant: SchedulerVariant) throws -> Scheduler {
    try variant.backend(threads: options.threads) { [subject, options] index, count in
      guard case .opencl(let device) = subject else {
        return try OpenBLASBackend(threads: index + 1)
      }
      let whole = try OpenCLDevices.device(device)
      let parts = count > 1 ? (try? whole.subdevices(computeUnits: 1)) ?? [] : []
      return try OpenCLBackend(
        device: parts.count > index ? parts[index] : whole, numerics: options.numerics,
        family: options.family, programSourceOverride: options.programSources)
    }
  }

  /// The device to verify where none is named: the first GPU, else the first OpenCL device (the
  /// CPU path compared with itself says little), else the CPU path.
  public static func automaticSubject(numerics: Numerics) -> Subject {
    let usable = OpenCLDevices.list().filter { numerics == .fast || $0.isReproducible }
    let device = usable.first { $0.kind == .gpu } ?? usable.first
    return device.map { .opencl($0.index) } ?? .cpu
  }

  /// What is being done, for a progress bar.
  public struct Progress: Sendable {
    public var done: Int
    public var total: Int
    public var operation: String
  }

  /// Runs all cases; a failing one does not stop the others.
  public func run(onProgress: (Progress) -> Void = { _ in }) -> VerificationReport {
    var report = VerificationReport(device: device)
    let cases = VerificationCase.all(quick: options.quick).filter { wants($0.operation) }
    // Training promises nothing but bits.
    let trainings =
      options.numerics == .reproducible && wants("training")
      ? TrainingCase.all(quick: options.quick) : []
    let total = cases.count + trainings.count
    for (number, one) in cases.enumerated() {
      onProgress(Progress(done: number, total: total, operation: one.operation))
      guard hasFloat64 || !one.needsFloat64 else {
        report.skipped += 1
        continue
      }
      // Nothing is promised of special values in fast numerics.
      if options.numerics == .fast, one.oracle == .bits { continue }
      for result in run(one, number: number) { record(result, in: &report) }
    }
    for (number, training) in trainings.enumerated() {
      onProgress(Progress(done: cases.count + number, total: total, operation: "training"))
      for result in run(training) { record(result, in: &report) }
    }
    onProgress(Progress(done: total, total: total, operation: "done"))
    return report
  }

  private func wants(_ operation: String) -> Bool {
    options.operations.map { $0.contains(operation) } ?? true
  }

  private func record(_ result: VerificationReport.Result, in report: inout VerificationReport) {
    report.add(result)
    if isOpenCL { report.openCLCases += 1 }
  }

  // MARK: One case

  private func run(_ one: VerificationCase, number: Int) -> [VerificationReport.Result] {
    let own = contenders.filter { one.dependsOnFamily || !$0.onlyContracts }
    do {
      let expectation = try Expectation(one, number: number, judges: judges)
      return own.map { contender in
        let label = one.dependsOnFamily ? "\(one.label) [\(contender.family)]" : one.label
        var result = VerificationReport.Result(operation: one.operation, label: label)
        do {
          try expectation.examine(contender.backend, into: &result)
        } catch {
          result.failure = "\(error)"
        }
        return result
      }
    } catch {
      // The CPU path failed: nothing to compare with.
      return [
        VerificationReport.Result(
          operation: one.operation, label: one.label, failure: "on the CPU path: \(error)")
      ]
    }
  }
}
