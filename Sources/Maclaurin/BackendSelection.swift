import Compute
import OpenBLASBackend
import OpenCLBackend

/// What `--backend` takes: auto, openblas (or cpu), opencl, opencl:i.
public enum BackendSelection: Sendable, Equatable, CustomStringConvertible {
  /// The first GPU, else the CPU path.
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
  public func makeBackend(
    numerics: Numerics = .reproducible, threads: Int = 0, family: KernelFamily? = nil,
    needsDouble: Bool = false
  ) throws -> any Backend {
    switch self {
    case .openblas: return try OpenBLASBackend(numerics: numerics, threads: threads)
    case .opencl(let index):
      return try OpenCLBackend(deviceIndex: index, numerics: numerics, family: family)
    case .auto:
      let gpu = OpenCLDevices.list().first { device in
        device.kind == .gpu && (!needsDouble || device.hasFloat64)
          && (numerics == .fast || device.isReproducible)
      }
      if let gpu {
        return try OpenCLBackend(deviceIndex: gpu.index, numerics: numerics, family: family)
      }
      return try OpenBLASBackend(numerics: numerics, threads: threads)
    }
  }
}
