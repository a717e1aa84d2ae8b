import Compute
import Glibc
import OpenBLASBackend
import OpenCLBackend
import Scheduling

extension ProfileKey {
  /// The key of a back end's profile for computing in `type`; nil for one that is no device.
  public init?(_ backend: any Backend, type: ScalarType) {
    switch backend {
    case let backend as OpenCLBackend:
      let device = backend.device
      self.init(
        backend: "opencl", device: device.name, driver: device.driverVersion,
        platform: "\(device.platformName) \(device.platformVersion)",
        computeUnits: device.computeUnits, family: "\(backend.family)",
        numerics: backend.numerics, type: type)
    case let backend as OpenBLASBackend:
      self.init(
        backend: "openblas", device: Self.processor,
        driver: OpenBLASBackend.instructionSets.first ?? "",
        computeUnits: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))), threads: backend.threads,
        numerics: backend.numerics, type: type)
    default: return nil
    }
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

extension BackendSelection {
  /// The profile of this back end: the kept one, or one that is measured now on a back end made
  /// for it, opening included. Nil for `auto`, which is no device.
  public func profile(
    numerics: Numerics = .reproducible, threads: Int = 0, family: KernelFamily? = nil,
    type: ScalarType = .float32, policy: ProfilePolicy = .cached,
    cache: ProfileCache = ProfileCache()
  ) throws -> DeviceProfile? {
    guard self != .auto else { return nil }
    let start = ProfileMeasurement.monotonicSeconds()
    let backend = try makeBackend(numerics: numerics, threads: threads, family: family)
    // The CPU path is always open.
    let opening = self == .openblas ? 0 : ProfileMeasurement.monotonicSeconds() - start
    guard let key = ProfileKey(backend, type: type) else { return nil }
    return try cache.profile(for: key, policy) {
      try ProfileMeasurement.measure(backend, type: type, opening: opening)
    }
  }
}
