import Compute
import OpenBLASBackend
import OpenCLBackend
import Scheduling

extension BackendSelection {
  /// The devices that `auto` may use: GPUs and other accelerators; where there is none, the first
  /// OpenCL device that runs on the processors, which may still suit them better than the CPU path.
  static func candidates(numerics: Numerics, needsDouble: Bool) -> [OpenCLDevice] {
    let usable = OpenCLDevices.list().filter { device in
      (!needsDouble || device.hasFloat64) && (numerics == .fast || device.isReproducible)
    }
    let accelerators = usable.filter { $0.kind != .cpu }
    return accelerators.isEmpty ? Array(usable.prefix(1)) : accelerators
  }
}
