import ArgumentParser
import Maclaurin

extension Numerics: ExpressibleByArgument {}
extension KernelFamily: ExpressibleByArgument {}
extension Activation: ExpressibleByArgument {}

/// Where and how to compute.
struct BackendOptions: ParsableArguments {
  @Option(
    help: "auto, openblas (alias cpu: the CPU path), opencl or opencl:i (see 'maclaurin devices').")
  var backend = "auto"

  @Option(help: "reproducible (the same bits on every device) or fast.")
  var numerics = Numerics.reproducible

  @Option(help: "Force a contraction family of OpenCL devices: device or host.")
  var kernelFamily: KernelFamily?

  @Option(help: "Threads of the CPU path; 0 for one per processor.")
  var threads = 0

  @Option(help: "float32 or float64.")
  var dtype = "float32"

  func validate() throws {
    guard (0...4096).contains(threads) else {
      throw ValidationError("--threads takes 0 to 4096, not \(threads)")
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

  func makeBackend() throws -> any Backend {
    try selection().makeBackend(
      numerics: numerics, threads: threads, family: kernelFamily,
      needsDouble: try scalarType() == .float64)
  }
}

/// How to report.
struct OutputOptions: ParsableArguments {
  @Flag(help: "Print one JSON object on stdout and nothing else there.")
  var json = false

  @Flag(help: "Print nothing but the result.")
  var quiet = false

  /// A line on stderr, unless --quiet.
  func note(_ line: String) {
    if !quiet { Console.error(line) }
  }
}
