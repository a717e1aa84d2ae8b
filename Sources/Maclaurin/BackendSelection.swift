import Compute
import OpenBLASBackend
import OpenCLBackend

/// What `--backend` takes: auto, openblas (or cpu), opencl, opencl:i.
public enum BackendSelection: Sendable, Equatable, CustomStringConvertible {
  /// Each operation where it ends sooner: the scheduler over the CPU path and the accelerators.
  case auto
  case openblas
  /// Device i of `maclaurin devices`.
  case opencl(Int)

  public init(parsing text: String) throws {
    switch text {
    case "auto": self = .auto
    case "openblas", "cpu": self = .openblas
    case "opencl": self = .opencl(0)
    default:
      guard text.hasPrefix("opencl:"), let index = Int(text.dropFirst(7)), index >= 0 else {
        throw BackendError(
          "unknown back end \"\(text)\"; known are auto, openblas (alias cpu), opencl and opencl:i")
      }
      self = .opencl(index)
    }
  }

  public var description: String {
    switch self {
    case .auto: "auto"
    case .openblas: "openblas"
    case .opencl(let index): "opencl:\(index)"
    }
  }

  /// - Parameters:
  ///   - threads: of the CPU path; 0 for one per processor.
  ///   - family: forces a contraction family of OpenCL devices.
  ///   - needsDouble: whether float64 will be asked for; auto then skips devices without it.
  ///   - profiles: whether auto may take what it knows of the devices from earlier runs.
  ///   - cache: where it looks for that, and keeps what it measures.
  ///   - programSources: texts of OpenCL programs in place of the embedded ones, by source name.
  public func makeBackend(
    numerics: Numerics = .reproducible, threads: Int = 0, family: KernelFamily? = nil,
    needsDouble: Bool = false, profiles: ProfilePolicy = .cached,
    cache: ProfileCache = ProfileCache(), programSources: [String: String] = [:]
  ) throws -> any Backend {
    switch self {
    case .openblas: return try OpenBLASBackend(numerics: numerics, threads: threads)
    case .opencl(let index):
      return try OpenCLBackend(
        deviceIndex: index, numerics: numerics, family: family,
        programSourceOverride: programSources)
    case .auto:
      return try makeScheduler(
        numerics: numerics, threads: threads, family: family, needsDouble: needsDouble,
        profiles: profiles, cache: cache, programSources: programSources)
    }
  }
}
