import Compute
import Glibc
import OpenBLASBackend
import OpenCLBackend
import Scheduling

extension ProfileKey {
  /// The key of an OpenCL device's profile for computing in `type`.
  init(_ device: OpenCLDevice, family: KernelFamily?, numerics: Numerics, type: ScalarType) {
    self.init(
      backend: "opencl", device: device.name, driver: device.driverVersion,
      platform: "\(device.platformName) \(device.platformVersion)",
      computeUnits: device.computeUnits, family: (family ?? device.family).rawValue,
      numerics: numerics, type: type)
  }

  /// The key of the CPU path's.
  init(_ host: OpenBLASBackend, type: ScalarType) {
    self.init(
      backend: "openblas", device: Self.processor,
      driver: OpenBLASBackend.instructionSets.first ?? "",
      computeUnits: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), threads: host.threads,
      numerics: host.numerics, type: type)
  }

  /// The processor's name as the system gives it, or nothing.
  private static let processor: String = {
    guard let file = fopen("/proc/cpuinfo", "r") else { return "" }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 4096)
    while fgets(&line, Int32(line.count), file) != nil {
      let text = String(
        decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let parts = text.split(separator: ":", maxSplits: 1)
      if parts.count == 2, text.hasPrefix("model name") {
        return parts[1].split(whereSeparator: \.isWhitespace).joined(separator: " ")
      }
    }
    return ""
  }()
}
