import ArgumentParser
import Maclaurin

extension Numerics: ExpressibleByArgument {}
extension KernelFamily: ExpressibleByArgument {}
extension Activation: ExpressibleByArgument {}
extension Initialization: ExpressibleByArgument {}

/// Where and how to compute.
struct BackendOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "auto, openblas (alias cpu: the CPU path), opencl or opencl:i (see 'maclaurin devices').",
      valueName: "name"))
  var backend = "auto"

  @Option(
    help: ArgumentHelp("reproducible (the same bits on every device) or fast.", valueName: "mode"))
  var numerics = Numerics.reproducible

  @Option(
    help: ArgumentHelp(
      "Force a contraction family of OpenCL devices: device or host.", valueName: "family"))
  var kernelFamily: KernelFamily?

  @Option(help: ArgumentHelp("Threads of the CPU path; 0 for one per processor.", valueName: "n"))
  var threads = 0

  @Option(
    help: ArgumentHelp(
      "What auto knows of the devices' speed: cached, or refresh to measure it anew (3 s each).",
      valueName: "which"))
  var profile = ProfilePolicy.cached

  @Option(
    name: .customLong("dtype"),
    help: ArgumentHelp(
      "float32 (default, but for kernels at infinite width) or float64.", valueName: "type"))
  var givenType: String?

  /// --dtype, or what it is without.
  var dtype: String { givenType ?? ScalarType.float32.rawValue }

  @Option(
    help: ArgumentHelp(
      "Write what ran when and where to a file for ui.perfetto.dev (Chrome's trace format), and "
        + "report launches on a device and calls on the CPU path by function.", valueName: "file"))
  var trace: String?

  @OptionGroup var workspace: WorkspaceOptions
  @OptionGroup var checks: CheckOptions
  @OptionGroup var kernels: KernelSourceOptions

  func validate() throws {
    guard (0...4096).contains(threads) else {
      throw ValidationError("--threads takes 0 to 4096, not \(threads)")
    }
  }

  /// Where recording would be part of what is measured.
  func validateWithoutTrace() throws {
    guard trace == nil else {
      throw ValidationError("bench takes no --trace; trace a run of train instead")
    }
  }

  func scalarType() throws -> ScalarType {
    guard let type = ScalarType(rawValue: dtype), type != .int32 else {
      throw Misuse("unknown --dtype \"\(dtype)\"; known are float32 and float64")
    }
    return type
  }

  func selection() throws -> BackendSelection {
    do {
      return try BackendSelection(parsing: backend)
    } catch {
      throw Misuse("\(error)")
    }
  }

  /// Computes on the chosen back end, under the checks that were asked for. Under `auto`, what a
  /// device took with it when it failed is computed again on the CPU path, and so is, with
  /// `--on-mismatch fallback`, what it computed wrongly: `body` then begins a second time.
  func compute<Result>(
    _ output: OutputOptions, _ body: (any Backend) throws -> Result
  ) throws -> Result {
    let selection = try selection()
    return try TraceFile.recording(in: trace) { observe in
      try withFallback(
        observe(makeBackend(output)),
        to: {
          let host = try BackendSelection.openblas.makeBackend(
            numerics: numerics, threads: threads)
          if let bytes = try workspace.bytes() { host.workspaceBytes = bytes }
          return observe(host)
        },
        reason: { error in
          if let error = error as? Disagreement, checks.onMismatch == .fallback {
            return "\(error); going on on the CPU path"
          }
          guard selection == .auto, let failure = error as? BackendError, failure.cause == .device
          else { return nil }
          return "\(failure); beginning again on the CPU path"
        },
        onNotice: { output.note($0) }, body)
    }
  }

  /// - Parameter output: where it is said what happens to devices, and what the checks find.
  func makeBackend(_ output: OutputOptions? = nil) throws -> any Backend {
    let backend = try selection().makeBackend(
      numerics: numerics, threads: threads, family: kernelFamily,
      needsDouble: try scalarType() == .float64, profiles: profile,
      programSources: kernels.programSources())
    if let bytes = try workspace.bytes() { backend.workspaceBytes = bytes }
    if let device = backend as? OpenCLBackend, case .damaged(let path)? = device.device.tuningOrigin
    {
      output?.note(
        "\(path) is damaged and ignored; maclaurin bench tune --backend \(device.name) writes it anew"
      )
    }
    if let scheduler = backend.scheduler {
      scheduler.onNotice = { output?.note($0) }
      scheduler.onMeasure = { output?.note("Measuring \($0), which is done once…") }
      if profile == .refresh { try scheduler.measureProfiles() }
    }
    return try checks.checked(backend, threads: threads, output)
  }
}
